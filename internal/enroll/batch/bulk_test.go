package batch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"tpmdps/internal/audit"
	"tpmdps/internal/dps"
	"tpmdps/internal/emulator"
	"tpmdps/internal/enroll"
	"tpmdps/internal/inventory"
)

// Two thousand machines at a service that throttles: all are made, with one bulk request
// for ten, and then all changed, by their ETags. The service's clock goes some
// 0.3 s with each request, however long that took: in that time fewer come back than are
// used, so that the last ones are too many.
func TestThrottledBatch(t *testing.T) {
	t.Parallel()
	const records = 2000
	b := newBench(t, throttling(emulator.Options{Limit: 120}, 345*time.Millisecond))
	text := boxes(0, records)
	first := b.runWaiting(t, text, b.withTrail)
	if first.err != nil || first.Created != records || first.Tried != records {
		t.Fatalf("%+v, %v", first.Tally, first.err)
	}
	if got := b.requests["POST enrollments create"]; got < records/10 {
		t.Errorf("%d bulk requests for %d records", got, records)
	}
	edge := true
	second := b.runWaiting(t, text, func(bulk *Bulk) {
		b.withTrail(bulk)
		bulk.Settings, bulk.Policy = enroll.Settings{EdgeEnabled: &edge}, enroll.Policy{Update: true}
	})
	if second.err != nil || second.Updated != records {
		t.Fatalf("%+v, %v", second.Tally, second.err)
	}
	stored := b.stored()
	if len(stored) != records {
		t.Errorf("the service has %d enrollments", len(stored))
	}
	for id, e := range stored {
		if e.Capabilities == nil || !e.Capabilities.IoTEdge {
			t.Errorf("%s was not changed", id)
		}
	}
	if b.requests["PUT enrollments"] > 0 || b.requests["GET enrollments"] > 0 {
		t.Errorf("requests for single machines: %v", b.requests)
	}
	if b.requests["POST enrollments create"]+b.requests["POST enrollments updateIfMatchETag"] <= 2*records/10 {
		t.Errorf("nothing was throttled: %v", b.requests)
	}
	results, intents := b.lines()
	for id, lines := range results {
		if len(lines) != 2 || lines[0].Result != ResultDone || lines[1].Action != "update" || intents[id] != 2 {
			t.Fatalf("%s: %+v, %d intents", id, lines, intents[id])
		}
	}
	data, err := os.ReadFile(b.path("trail"))
	if err != nil {
		t.Fatal(err)
	}
	report, err := audit.Verify(strings.NewReader(string(data)), audit.Options{})
	if err != nil || report.Lines != 4*records || len(report.Open) != 0 {
		t.Errorf("the trail has %d lines, %d open, %v", report.Lines, len(report.Open), err)
	}
	t.Log(b.requests)
}

// Run again, nothing that is known to be done is sent, whether the query finds it or not.
func TestRunAgain(t *testing.T) {
	t.Parallel()
	b := newBench(t, emulator.Options{})
	text := boxes(0, 130)
	for _, change := range []func(*Bulk){nil, nil, func(bulk *Bulk) { bulk.RemoteCheck = false }, func(bulk *Bulk) { bulk.Results.Close(); bulk.Results = nil }} {
		r := b.run(t.Context(), text, change)
		if r.err != nil || r.Tried != 130 || r.Created+r.Unchanged != 130 {
			t.Fatalf("%+v, %v", r.Tally, r.err)
		}
	}
	for id, n := range b.sent {
		if n != 1 {
			t.Errorf("%s was sent %d times", id, n)
		}
	}
	if results, _ := b.lines(); len(results) != 130 || len(results["box-7"]) != 1 {
		t.Errorf("%d machines, of box-7 %+v", len(results), results["box-7"])
	}
	// What was removed since is enrolled again, and that is said.
	who, err := openOperator(b.server.ConnectionString(), b.server.InProcess(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := who.DeleteEnrollment(t.Context(), "box-7", "*"); err != nil {
		t.Fatal(err)
	}
	r := b.run(t.Context(), text, nil)
	if r.err != nil || r.Created != 1 || r.Unchanged != 129 || len(r.warnings) != 1 || !strings.Contains(r.warnings[0], "box-7: it was enrolled by a run before this one") {
		t.Errorf("%+v, %v, %q", r.Tally, r.err, r.warnings)
	}
}

// Each kind of plan, in a dry run and then for good; what failed is corrected and run
// again alone.
func TestEachKindOfPlan(t *testing.T) {
	t.Parallel()
	b := newBench(t, emulator.Options{})
	b.put(tpmEnrollment("box-1", 1))              // as it is wanted
	b.put(tpmEnrollment("box-2", 1002))           // another machine's
	e := tpmEnrollment("box-3", 3)                // with another setting
	e.ProvisioningStatus = "disabled"             //
	b.put(e)                                      //
	b.put(tpmEnrollment("other-name-of-box4", 4)) // under another ID
	x509 := `{"registrationId":"box-x","attestation":{"type":"x509","x509":{}}}` + "\n"
	text := boxes(0, 100) + x509
	enabled := enroll.Settings{ProvisioningStatus: "enabled"}
	check := func(r result, action map[string]enroll.Action, is map[string]error) {
		t.Helper()
		if r.Tried != 101 || !errors.Is(r.err, ErrPartly) {
			t.Errorf("%+v, %v", r.Tally, r.err)
		}
		for id, want := range action {
			o := r.outcomes[id]
			if o.Item.Action != want || !errors.Is(o.Err, is[id]) || (o.Err == nil) != (is[id] == nil) {
				t.Errorf("%s: %s, %v; want %s, %v", id, o.Item.Action, o.Err, want, is[id])
			}
		}
	}
	actions := map[string]enroll.Action{"box-0": enroll.Create, "box-1": enroll.Unchanged, "box-2": enroll.EKConflict, "box-3": enroll.Conflict, "box-4": enroll.Refused, "box-x": enroll.Skipped}
	errs := map[string]error{"box-2": enroll.ErrOtherEK, "box-3": enroll.ErrConflict, "box-4": enroll.ErrSecond, "box-x": enroll.ErrNotTPM}
	dry := b.run(t.Context(), text, func(bulk *Bulk) { bulk.DryRun, bulk.Settings = true, enabled })
	check(dry, actions, errs)
	if len(b.stored()) != 4 || len(b.sent) != 4 {
		t.Errorf("a dry run sent %v", b.sent)
	}
	if o := dry.outcomes["box-3"]; len(o.Item.Changes) != 1 || o.Item.Changes[0].Field != "provisioningStatus" {
		t.Errorf("box-3 differs in %+v", o.Item.Changes)
	}
	if o := dry.outcomes["box-2"]; o.Item.LocksOut == nil || o.Item.LocksOut.Status != "unassigned" {
		t.Errorf("box-2 locks out %+v", o.Item.LocksOut)
	}
	check(b.run(t.Context(), text, func(bulk *Bulk) { bulk.Settings = enabled }), actions, errs)
	if results, _ := b.lines(); results["box-4"][0].Result != ResultFailed || results["box-4"][0].Error == "" || results["box-x"][0].Result != ResultSkipped || results["box-1"][0].Result != ResultUnchanged {
		t.Errorf("box-1 %+v, box-4 %+v, box-x %+v", results["box-1"], results["box-4"], results["box-x"])
	}
	again := b.run(t.Context(), text, func(bulk *Bulk) {
		bulk.Settings, bulk.Policy, bulk.RemoteCheck = enabled, enroll.Policy{Update: true, ReplaceEK: true, Reason: "board swapped"}, false
	})
	check(again, map[string]enroll.Action{"box-0": enroll.Unchanged, "box-2": enroll.ReplaceEK, "box-3": enroll.Update, "box-4": enroll.Create}, nil)
	results, _ := b.lines()
	last := func(id string) ResultLine { return results[id][len(results[id])-1] }
	if last("box-2").Reason != "board swapped" || last("box-3").Reason != "" || last("box-4").Reason != "" {
		t.Errorf("reasons: box-2 %+v, box-3 %+v, box-4 %+v", last("box-2"), last("box-3"), last("box-4"))
	}
	stored := b.stored()
	if keyOf(stored["box-2"]) != ekNumber(2) || stored["box-3"].ProvisioningStatus != "enabled" || keyOf(stored["box-4"]) != ekNumber(4) {
		t.Errorf("stored: %+v", stored)
	}
	if b.sent["box-0"] != 1 || b.sent["box-1"] != 1 { // the one made by hand
		t.Errorf("box-0 was sent %d times, box-1 %d times", b.sent["box-0"], b.sent["box-1"])
	}
}

// A batch that cannot be enrolled as a whole is found by its first pass, whatever its
// length, with the lines.
func TestLookAt(t *testing.T) {
	t.Parallel()
	foreign := fmt.Sprintf("{\"registration_id\":\"u3eu2rjyh73csohm3lbh2gceoaichoum7lchakoxfhh5nk6sjxyq\",\"endorsement_key\":%q}\n", ekNumber(7000))
	for name, tt := range map[string]struct {
		text string
		is   error
		says string
	}{
		"good":            {boxes(0, 200), nil, ""},
		"twice the same":  {boxes(0, 200) + boxes(3, 4), nil, ""},
		"an ID twice":     {boxes(0, 200) + strings.Replace(boxes(201, 202), "box-201", "BOX-3", 1), errRecord, "upper-case"},
		"a key twice":     {boxes(0, 200) + strings.Replace(boxes(3, 4), "box-3", "box-999", 1), enroll.ErrDuplicate, "lines 4 and 201"},
		"an ID, two keys": {boxes(0, 200) + strings.Replace(boxes(300, 301), "box-300", "box-3", 1), enroll.ErrDuplicate, "lines 4 and 201"},
		"another's ID":    {boxes(0, 200) + foreign, enroll.ErrForeignID, "line 201: u3eu2"},
	} {
		l, err := LookAt(strings.NewReader(tt.text), enroll.Settings{})
		if err == nil {
			err = l.Check(enroll.Policy{})
		}
		if tt.is == nil && err != nil || tt.is != nil && tt.is != errRecord && (!errors.Is(err, tt.is) || !strings.Contains(err.Error(), tt.says)) || tt.is == errRecord && err == nil {
			t.Errorf("%s: %v, want %v, %q", name, err, tt.is, tt.says)
		}
		if l.IsFew() {
			t.Errorf("%s: %d machines are few", name, l.Machines)
		}
	}
	few, err := LookAt(strings.NewReader(boxes(0, Few)), enroll.Settings{})
	if err != nil || !few.IsFew() || len(few.About.Entries) != Few {
		t.Errorf("%d machines, %v: they are not all there", Few, err)
	}
	many, err := LookAt(strings.NewReader(boxes(0, Few+1)), enroll.Settings{})
	if err != nil || many.IsFew() || len(many.About.Entries) != 0 {
		t.Errorf("%d machines, %v", Few+1, err)
	}
}

var errRecord = errors.New("a record that cannot be read")

// The run ends at once where all else would fail, says what was not tried, and the next
// one goes on from there.
func TestRunThatStops(t *testing.T) {
	t.Parallel()
	b := newBench(t, emulator.Options{})
	text := boxes(0, 400)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	interrupted := b.run(ctx, text, func(bulk *Bulk) {
		b.withTrail(bulk)
		each := bulk.Each
		bulk.Each = func(o Outcome) error { cancel(); return each(o) }
	})
	if !errors.Is(interrupted.err, context.Canceled) || interrupted.Failed != 0 || interrupted.Tried == 0 || interrupted.Tried == 400 {
		t.Errorf("interrupted: %+v, %v", interrupted.Tally, interrupted.err)
	}
	if got := len(b.stored()); got != interrupted.Created {
		t.Errorf("%d are stored and %d on record: what was under way was not waited for", got, interrupted.Created)
	}
	full := b.run(t.Context(), text, func(bulk *Bulk) {
		b.withTrail(bulk)
		bulk.Each = func(Outcome) error { return errors.New("no room") }
	})
	if full.err == nil || !strings.Contains(full.err.Error(), "print the result: no room") {
		t.Errorf("an outcome that cannot be printed: %v", full.err)
	}
	changed := b.run(t.Context(), boxes(0, 399)+boxes(999, 1000), func(bulk *Bulk) {
		b.withTrail(bulk)
		bulk.Look, _ = LookAt(strings.NewReader(text), enroll.Settings{})
	})
	if o := changed.outcomes["box-999"]; !errors.Is(o.Err, inventory.ErrDamaged) {
		t.Errorf("a machine that the first pass did not see: %v", o.Err)
	}
	last := b.run(t.Context(), text, b.withTrail)
	if last.err != nil || last.Tried != 400 || len(b.stored()) != 400 {
		t.Errorf("at last: %+v, %v", last.Tally, last.err)
	}
	for id, n := range b.sent {
		if n != 1 {
			t.Errorf("%s was sent %d times", id, n)
		}
	}
}

// An answer that contradicts its request is not believed of anybody.
func TestAnswerAboutOthers(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]string{
		"another machine":   `{"isSuccessful":false,"errors":[{"registrationId":"somebody","errorCode":409201,"errorStatus":"x"}]}`,
		"success and error": `{"isSuccessful":true,"errors":[{"registrationId":"box-0","errorCode":409201,"errorStatus":"x"}]}`,
		"failure of none":   `{"isSuccessful":false,"errors":[]}`,
		"not JSON":          `<html>`,
	} {
		b := newBench(t, emulator.Options{})
		liar := roundTripper(func(r *http.Request) (*http.Response, error) {
			if r.Method == http.MethodPost && r.URL.Path == "/enrollments" {
				return answerOf(r, http.StatusOK, answer), nil
			}
			return b.server.InProcess().RoundTrip(r)
		})
		r := b.run(t.Context(), boxes(0, 60), func(bulk *Bulk) { bulk.Service, _ = openOperator(b.server.ConnectionString(), liar, nil) })
		if !errors.Is(r.err, dps.ErrMalformed) || r.Created != 0 {
			t.Errorf("%s: %+v, %v", name, r.Tally, r.err)
		}
	}
}

// Whenever the ticker says so, the run tells how far it is.
func TestProgress(t *testing.T) {
	t.Parallel()
	b := newBench(t, emulator.Options{})
	tick := make(chan time.Time, 1)
	var told []Progress
	r := b.run(t.Context(), boxes(0, 200), func(bulk *Bulk) {
		bulk.Tick, bulk.Tell = tick, func(p Progress) { told = append(told, p) }
		each := bulk.Each
		bulk.Each = func(o Outcome) error {
			select {
			case tick <- time.Now():
			default: // one is waiting
			}
			return each(o)
		}
	})
	if r.err != nil || len(told) == 0 {
		t.Fatalf("told %d times, %v", len(told), r.err)
	}
	for i, p := range told {
		if p.Machines != 200 || p.Tried > 200 || p.Tried != p.Created || i > 0 && p.Tried < told[i-1].Tried {
			t.Errorf("progress %d: %+v", i, p)
		}
	}
	for want, p := range map[string]Progress{
		"0 of 200 machines: 0 created, 0 unchanged, 0 failed": {Tally: Tally{Machines: 200}},
		"80 of 200 machines: 30 created, 40 unchanged, 2 failed, 5 updated, 1 with another key, 2 skipped; 600 a minute, 12s left": {
			Tally: Tally{Machines: 200, Tried: 80, Created: 30, Unchanged: 40, Failed: 2, Updated: 5, Replaced: 1, Skipped: 2}, PerMinute: 600, Left: 12 * time.Second},
	} {
		if got := p.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// A service to which each enrollment of a bulk request is an operation throttles earlier,
// and the batch is enrolled all the same, none twice. The service's clock goes half a
// second with each request: ten enrollments use twice what comes back in that time, however
// long it took.
func TestThrottledByItems(t *testing.T) {
	t.Parallel()
	const records = 1300
	b := newBench(t, throttling(emulator.Options{Limit: 600, LimitCounts: emulator.LimitItems}, 500*time.Millisecond))
	r := b.runWaiting(t, boxes(0, records), nil)
	if r.err != nil || r.Created != records || len(b.stored()) != records {
		t.Fatalf("%+v, %v", r.Tally, r.err)
	}
	if b.requests["POST enrollments create"] <= records/10 {
		t.Errorf("nothing was throttled: %v", b.requests)
	}
	results, _ := b.lines()
	for id, lines := range results {
		if len(lines) != 1 || lines[0].Result != ResultDone {
			t.Errorf("%s: %+v", id, lines)
		}
	}
	t.Log(b.requests)
}
