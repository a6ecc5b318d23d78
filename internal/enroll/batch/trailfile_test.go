package batch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tpmdps/internal/audit"
	"tpmdps/internal/dps"
	"tpmdps/internal/enroll"
)

// openTrail opens a trail in a file for a run at a service.
func openTrail(t *testing.T, path string) *Trail {
	t.Helper()
	file, err := audit.Open(t.Context(), path, nil, audit.Notices{})
	if err != nil {
		t.Fatal(err)
	}
	trail := NewTrail(file, audit.Entry{Service: "https://s", Account: "me"}, func(s string) string { return strings.ReplaceAll(s, "s3cret", "***") })
	t.Cleanup(func() { trail.Close() })
	return trail
}

// entriesOf are the lines of a trail.
func entriesOf(t *testing.T, path string) (all []audit.Entry) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for text := range strings.Lines(string(data)) {
		var e audit.Entry
		if err := json.Unmarshal([]byte(text), &e); err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

// What is done stands in the trail before and after, without secrets, also when the run
// has ended meanwhile.
func TestIntentAndOutcome(t *testing.T) {
	for _, row := range []struct {
		err               error
		result, requestID string
	}{
		{nil, ResultDone, "of-item"},
		{fmt.Errorf("write s3cret: %w", &dps.Error{Status: 403, RequestID: "of-answer"}), ResultFailed, "of-answer"},
		{errors.New("connection reset s3cret"), audit.Unanswered, "of-item"},
	} {
		path := filepath.Join(t.TempDir(), "trail.jsonl")
		trail := openTrail(t, path)
		item := enroll.Item{RegistrationID: "box-7", Action: enroll.Update, ETag: "e1", RequestID: "of-item"}
		intent, err := trail.intend(t.Context(), item)
		if err != nil || intent == 0 {
			t.Fatal(intent, err)
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if err := trail.outcome(ended, intent, item, row.err); err != nil {
			t.Fatal(err)
		}
		all := entriesOf(t, path)
		if len(all) != 2 {
			t.Fatalf("%+v", all)
		}
		before, after := all[0], all[1]
		if before.Stage != audit.Intent || before.ETag != "e1" || before.Action != "update" || before.RegistrationID != "box-7" || before.Account != "me" || before.Service != "https://s" {
			t.Errorf("intent %+v", before)
		}
		if after.Stage != audit.Outcome || after.Intent != intent || after.Result != row.result || after.RequestID != row.requestID || (after.Error == "") != (row.err == nil) || strings.Contains(after.Error, "s3cret") {
			t.Errorf("outcome of %v: %+v", row.err, after)
		}
	}
}

// What writes nothing is not entered, and without a trail nothing is.
func TestNothingToEnter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trail.jsonl")
	for _, trail := range []*Trail{nil, openTrail(t, path)} {
		for _, action := range []enroll.Action{enroll.Unchanged, enroll.Conflict, enroll.Skipped} {
			item := enroll.Item{RegistrationID: "box-7", Action: action}
			intent, err := trail.intend(t.Context(), item)
			if intent != 0 || err != nil || trail.settle(t.Context(), item) != nil || trail.outcome(t.Context(), 0, item, nil) != nil {
				t.Errorf("%s: %d, %v", action, intent, err)
			}
		}
		if err := trail.Close(); err != nil {
			t.Error(err)
		}
	}
	if data, err := os.ReadFile(path); err != nil || len(data) > 0 {
		t.Errorf("%q, %v", data, err)
	}
}

// An intent that an earlier run left open gets its outcome from what is there now.
func TestSettle(t *testing.T) {
	for _, row := range []struct {
		found  enroll.Item
		result string
	}{
		{enroll.Item{RegistrationID: "box-7", Action: enroll.Create}, ResultNotDone},
		{enroll.Item{RegistrationID: "box-7", Action: enroll.Update, ETag: "e1"}, ResultNotDone},
		{enroll.Item{RegistrationID: "box-7", Action: enroll.Unchanged, ETag: "e2"}, ResultDone},
		{enroll.Item{RegistrationID: "box-7", Action: enroll.EKConflict, ETag: "e2"}, ResultUnknown},
	} {
		path := filepath.Join(t.TempDir(), "trail.jsonl")
		first := openTrail(t, path)
		intent, err := first.intend(t.Context(), enroll.Item{RegistrationID: "box-7", Action: enroll.ReplaceEK, ETag: "e1"})
		if err != nil {
			t.Fatal(err)
		}
		if err := first.Close(); err != nil {
			t.Fatal(err)
		}
		next := openTrail(t, path)
		for range 2 { // the second time nothing is open
			if err := next.settle(t.Context(), row.found); err != nil {
				t.Fatal(err)
			}
		}
		if err := next.settle(t.Context(), enroll.Item{RegistrationID: "box-8", Action: enroll.Create}); err != nil {
			t.Fatal(err)
		}
		all := entriesOf(t, path)
		if len(all) != 2 || all[1].Intent != intent || all[1].Result != row.result || all[1].Action != "replace-ek" || all[1].ETag != "e1" {
			t.Errorf("%s: %+v, want %s", row.found.Action, all, row.result)
		}
	}
}

// A request can be on its way when its run is dead, and the next run, which finds nothing and
// dies as well, says that it was not done. The one after that finds what it did.
func TestSettleAfterALateRequest(t *testing.T) {
	wanted := enroll.Item{RegistrationID: "box-7", Action: enroll.Create}
	done := enroll.Item{RegistrationID: "box-7", Action: enroll.Unchanged, ETag: "e1"}
	for name, row := range map[string]struct {
		between func(*Trail) error
		want    []string
	}{
		"by nobody else": {func(*Trail) error { return nil }, []string{"", ResultNotDone, ResultDone}},
		"after it was refused to another run": {func(next *Trail) error {
			n, err := next.intend(t.Context(), wanted)
			return errors.Join(err, next.outcome(t.Context(), n, wanted, &dps.Error{Status: http.StatusConflict}))
		}, []string{"", ResultNotDone, "", ResultFailed, ResultDone}},
		"after another run did it": {func(next *Trail) error {
			n, err := next.intend(t.Context(), wanted)
			return errors.Join(err, next.outcome(t.Context(), n, wanted, nil))
		}, []string{"", ResultNotDone, "", ResultDone}},
	} {
		path := filepath.Join(t.TempDir(), "trail.jsonl")
		first := openTrail(t, path)
		_, err := first.intend(t.Context(), wanted)
		next := openTrail(t, path)
		if err := errors.Join(err, first.Close(), next.settle(t.Context(), wanted), row.between(next), next.Close()); err != nil {
			t.Fatal(err)
		}
		for range 2 { // the second time nothing is left to say
			last := openTrail(t, path)
			if err := errors.Join(last.settle(t.Context(), done), last.Close()); err != nil {
				t.Fatal(err)
			}
		}
		var got []string
		for _, e := range entriesOf(t, path) {
			got = append(got, e.Result)
		}
		if !slices.Equal(got, row.want) {
			t.Errorf("%s: %q, want %q", name, got, row.want)
		}
	}
}

// A trail that cannot be written to keeps the run from writing to the service, and what
// was done all the same is said.
func TestTrailThatCannotBeWritten(t *testing.T) {
	trail := openTrail(t, filepath.Join(t.TempDir(), "trail.jsonl"))
	item := enroll.Item{RegistrationID: "box-7", Action: enroll.Create}
	intent, err := trail.intend(t.Context(), item)
	if err != nil {
		t.Fatal(err)
	}
	trail.Close()
	if _, err := trail.intend(t.Context(), item); !errors.Is(err, ErrNoIntent) || !strings.Contains(err.Error(), "box-7") {
		t.Errorf("intend: %v", err)
	}
	if err := trail.settle(t.Context(), item); !errors.Is(err, ErrNoIntent) {
		t.Errorf("settle: %v", err)
	}
	err = trail.outcome(t.Context(), intent, item, nil)
	var off *OffRecordError
	if !errors.As(err, &off) || !errors.Is(err, ErrOffRecord) || !strings.Contains(err.Error(), "box-7: create done") {
		t.Errorf("outcome: %v", err)
	}
	if got := (&OffRecordError{errors.New("other")}).Hint(); got != "" {
		t.Errorf("without a disk's error: %q", got)
	}
}
