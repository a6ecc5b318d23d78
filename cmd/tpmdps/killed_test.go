package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"tpmdps/internal/audit"
	"tpmdps/internal/dps"
	"tpmdps/internal/enroll/batch"
)

// killsVariable is how often TestKilledRunsAreOnRecord kills, besides the few
// times of every test run.
const killsVariable = "TPMDPS_TEST_KILLS"

// TestKilledRunsAreOnRecord kills enroll --audit at each of its events: a
// request that arrives, an answer that goes back, a line of the trail that shows
// up. Whatever the service has then has an intent in the trail, and an outcome
// once the same command has run again.
func TestKilledRunsAreOnRecord(t *testing.T) {
	t.Parallel()
	kills := 24
	if n, err := strconv.Atoi(os.Getenv(killsVariable)); err == nil {
		kills = n
	}
	h := newHangman(t)
	h.run(h.batch(), 0) // no event is its last
	all := h.events
	var seen struct{ killed, open, stored, printed int }
	// Which event is the n-th is different in each run: it goes on until it has hit both.
	both := func() bool { return seen.stored > 0 && seen.stored < seen.open }
	for at := 1; seen.killed < kills || !both() && seen.killed < 20*kills; at = at%all + 1 {
		records := h.batch()
		out, killed := h.run(records, at)
		if killed {
			seen.killed++
		}
		open, stored := h.checkKilled(records)
		seen.open += open
		seen.stored += stored
		seen.printed += h.checkPrinted(records, out)
		if _, killed := h.run(records, 0); killed {
			t.Fatal("a run that nobody kills was killed")
		}
		h.checkDone(records)
	}
	t.Logf("%d kills at %d events: %d intents were left open, %d of them had been carried out; %d results were printed before", seen.killed, all, seen.open, seen.stored, seen.printed)
	if !both() {
		t.Errorf("no kill hit both before and after the service had stored an enrollment: %+v", seen)
	}
}

// TestKilledBesideAnother kills one of two runs that enroll the same batch into
// the same trail: neither takes the other's intents for its own.
func TestKilledBesideAnother(t *testing.T) {
	t.Parallel()
	h := newHangman(t)
	for at := 2; at < 26; at += 3 {
		records := h.batch()
		ended := make(chan error, 1)
		other := h.command()
		if err := other.Start(); err != nil {
			t.Fatal(err)
		}
		go func() { ended <- other.Wait() }()
		h.run(records, at)
		if err := <-ended; err != nil {
			t.Errorf("the run beside one that was killed: %v", err)
		}
		h.checkKilled(records)
		h.run(records, 0)
		by := h.trail()
		for _, id := range records {
			s := by[id]
			if s == nil || !h.enrolled(id) || s.open > 0 {
				t.Errorf("%s after all runs: %+v", id, s)
				continue
			}
			if !slices.ContainsFunc(s.outcomes, func(e audit.Entry) bool { return e.Result == batch.ResultDone }) {
				t.Errorf("%s was done and no outcome says so: %+v", id, s.outcomes)
			}
		}
	}
}

// stages are the lines of the trail about one enrollment.
type stages struct {
	intents, outcomes []audit.Entry
	open              int
}

// trail verifies the trail, and sorts it by enrollment.
func (h *hangman) trail() map[string]*stages {
	h.t.Helper()
	data, err := os.ReadFile(h.path("trail"))
	if err != nil && !os.IsNotExist(err) {
		h.t.Fatal(err)
	}
	report, err := audit.Verify(bytes.NewReader(data), audit.Options{})
	if err != nil {
		h.t.Fatal(err)
	}
	by := map[string]*stages{}
	of := func(id string) *stages {
		if by[id] == nil {
			by[id] = &stages{}
		}
		return by[id]
	}
	for line := range bytes.Lines(data) {
		var e audit.Entry
		if err := json.Unmarshal(line, &e); err != nil {
			h.t.Fatal(err)
		}
		s := of(e.RegistrationID)
		if e.Stage == audit.Intent {
			s.intents = append(s.intents, e)
		} else {
			s.outcomes = append(s.outcomes, e)
		}
	}
	for _, l := range report.Open {
		of(l.RegistrationID).open++
	}
	return by
}

// enrolled asks the service itself.
func (h *hangman) enrolled(id string) bool {
	h.t.Helper()
	_, err := h.client.Enrollment(h.t.Context(), id)
	if err != nil && !dps.HasStatus(err, http.StatusNotFound) {
		h.t.Fatal(err)
	}
	return err == nil
}

// checkKilled compares service and trail after a kill.
func (h *hangman) checkKilled(ids []string) (open, stored int) {
	h.t.Helper()
	by := h.trail()
	for _, id := range ids {
		s, there := by[id], h.enrolled(id)
		if there && (s == nil || len(s.intents) == 0) {
			h.t.Errorf("%s is enrolled and the trail has no line of it", id)
		}
		if s != nil && s.open > 0 {
			open++
			if there {
				stored++
			}
		}
	}
	return open, stored
}

// checkPrinted compares what a killed run printed with the trail: all that is
// done is printed, but perhaps the last.
func (h *hangman) checkPrinted(ids []string, out string) int {
	h.t.Helper()
	by, done := h.trail(), 0
	for _, id := range ids {
		if s := by[id]; s != nil && len(s.outcomes) > 0 {
			done++
		}
	}
	printed := 0
	for line := range strings.Lines(out) {
		var item enrollItem
		if err := json.Unmarshal([]byte(line), &item); err != nil || !strings.HasSuffix(line, "\n") {
			h.t.Errorf("printed %q: %v", line, err)
		}
		if s := by[item.RegistrationID]; s == nil || len(s.outcomes) == 0 {
			h.t.Errorf("%s was printed before the trail had its outcome", item.RegistrationID)
		}
		printed++
	}
	if printed < done-1 {
		h.t.Errorf("%d were done and %d printed", done, printed)
	}
	return printed
}

// checkDone is for the run after: all is enrolled, nothing is open, and the last
// outcome of each intent says what happened.
func (h *hangman) checkDone(ids []string) {
	h.t.Helper()
	by := h.trail()
	for _, id := range ids {
		s := by[id]
		if s == nil || !h.enrolled(id) || s.open > 0 || len(s.outcomes) != len(s.intents) {
			h.t.Errorf("%s after the second run: %+v", id, s)
			continue
		}
		done := 0
		for _, o := range s.outcomes {
			if o.Result == batch.ResultDone {
				done++
			} else if o.Result != batch.ResultNotDone {
				h.t.Errorf("%s: outcome %+v", id, o)
			}
		}
		if done != 1 {
			h.t.Errorf("%s was done %d times: %+v", id, done, s.outcomes)
		}
	}
}
