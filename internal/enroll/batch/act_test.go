package batch

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"tpmdps/internal/audit"
	"tpmdps/internal/dps"
	"tpmdps/internal/enroll"
)

// What is done stands on the trail before and after, with its reason and without
// secrets, also when the run has ended meanwhile.
func TestRecord(t *testing.T) {
	for _, row := range []struct {
		err               error
		result, requestID string
	}{
		{nil, ResultDone, "of-do"},
		{&dps.Error{Status: 412, RequestID: "of-answer", Message: "s3cret"}, ResultFailed, "of-answer"},
		{errors.New("connection reset s3cret"), audit.Unanswered, "of-do"},
	} {
		path := filepath.Join(t.TempDir(), "trail.jsonl")
		trail := openTrail(t, path)
		ctx, cancel := context.WithCancel(t.Context())
		a := Act{Action: "delete", RegistrationID: "box-7", ETag: "e1", Reason: "sold, s3cret"}
		err, offRecord := trail.Record(ctx, a, func() (string, error) {
			if all := entriesOf(t, path); len(all) != 1 || all[0].Stage != audit.Intent {
				t.Errorf("before it is done the trail has %+v", all)
			}
			cancel()
			return "of-do", row.err
		})
		if !errors.Is(err, row.err) || offRecord != nil {
			t.Errorf("%v: %v, %v", row.err, err, offRecord)
		}
		all := entriesOf(t, path)
		if len(all) != 2 {
			t.Fatalf("%v: the trail has %+v", row.err, all)
		}
		for _, e := range all {
			if e.Action != "delete" || e.RegistrationID != "box-7" || e.ETag != "e1" || e.Reason != "sold, ***" || e.Account != "me" || strings.Contains(e.Error, "s3cret") {
				t.Errorf("%v: %+v", row.err, e)
			}
		}
		if o := all[1]; o.Stage != audit.Outcome || o.Intent != 1 || o.Result != row.result || o.RequestID != row.requestID || (o.Error == "") != (row.err == nil) {
			t.Errorf("%v: %+v", row.err, o)
		}
	}
}

// What the trail cannot record is not done; without a trail it is.
func TestRecordNeedsTheTrail(t *testing.T) {
	trail := openTrail(t, filepath.Join(t.TempDir(), "trail.jsonl"))
	if err := trail.Close(); err != nil {
		t.Fatal(err)
	}
	done := 0
	do := func() (string, error) { done++; return "", nil }
	if err, offRecord := trail.Record(t.Context(), Act{Action: "delete"}, do); !errors.Is(err, ErrNoIntent) || offRecord != nil || done != 0 {
		t.Errorf("%v, %v, done %d times", err, offRecord, done)
	}
	var none *Trail
	if err, offRecord := none.Record(t.Context(), Act{Action: "delete"}, do); err != nil || offRecord != nil || done != 1 {
		t.Errorf("without a trail: %v, %v, done %d times", err, offRecord, done)
	}
	if err := none.SettleActs(t.Context(), "box-7", nil); err != nil {
		t.Error(err)
	}
	broken := openTrail(t, filepath.Join(t.TempDir(), "trail.jsonl"))
	err, offRecord := broken.Record(t.Context(), Act{Action: "delete"}, func() (string, error) { return "", broken.Close() })
	if err != nil || !errors.Is(offRecord, ErrOffRecord) || !strings.Contains(offRecord.Error(), "delete done") {
		t.Errorf("%v, %v", err, offRecord)
	}
}

// A plan to enroll says nothing of a deletion that a killed run left open: that there is
// no enrollment does not mean that it was never deleted.
func TestActsAreSettledAsSuch(t *testing.T) {
	path := filepath.Join(t.TempDir(), "trail.jsonl")
	killed, err := audit.Open(t.Context(), path, nil, audit.Notices{})
	if err != nil {
		t.Fatal(err)
	}
	for _, action := range []string{"delete", "delete-registration", "create"} {
		if _, err := killed.Append(t.Context(), audit.Entry{Service: "https://s", Stage: audit.Intent, Action: action, RegistrationID: "box-7", ETag: "e1", Reason: "sold"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := killed.Close(); err != nil {
		t.Fatal(err)
	}
	trail := openTrail(t, path)
	if err := trail.settle(t.Context(), enroll.Item{Action: enroll.Create, RegistrationID: "box-7"}); err != nil {
		t.Fatal(err)
	}
	if all := entriesOf(t, path); len(all) != 4 || all[3].Intent != 3 || all[3].Action != "create" || all[3].Result != ResultNotDone {
		t.Fatalf("a plan to enroll settled %+v", all[3:])
	}
	if err := trail.SettleActs(t.Context(), "box-7", func(l audit.Line) string { return map[string]string{"delete": ResultDone}[l.Action] }); err != nil {
		t.Fatal(err)
	}
	all := entriesOf(t, path)
	if len(all) != 5 || all[4].Intent != 1 || all[4].Result != ResultDone || all[4].Reason != "sold" {
		t.Errorf("a removal settled %+v", all[4:])
	}
	if open := trail.Trail.Open("https://s", "box-7"); len(open) != 1 || open[0].Action != "delete-registration" {
		t.Errorf("open are %+v", open)
	}
}

func TestCheckReason(t *testing.T) {
	for reason, ok := range map[string]bool{
		"": true, "sold": true, "für Gerät 7, Ticket #4711": true, strings.Repeat("ü", 300): true,
		strings.Repeat("x", 301): false, " ": false, "a\nb": false, "a\x1b[31m": false, "a\u202eb": false, "a\xffb": false,
	} {
		if err := CheckReason(reason); (err == nil) != ok || err != nil && !errors.Is(err, ErrReason) {
			t.Errorf("%q: %v", reason, err)
		}
	}
}
