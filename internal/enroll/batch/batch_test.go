package batch

import (
	"context"
	"errors"
	"strings"
	"testing"

	"tpmdps/internal/enroll"
	"tpmdps/internal/identity"
	"tpmdps/internal/inventory"
)

// What a run ends with, by what became of its records.
func TestConclude(t *testing.T) {
	done, skip := Outcome{Item: enroll.Item{Action: enroll.Create}}, enroll.Skip("sym-1", "symmetricKey")
	skipped := Outcome{Item: skip, Err: skip.Err()}
	failed := Outcome{Err: enroll.ErrConflict}
	stopped := Outcome{Err: context.DeadlineExceeded, Stops: true}
	offRecord := Outcome{OffRecord: ErrOffRecord}
	for name, test := range map[string]struct {
		outcomes []Outcome
		records  int
		ended    error
		is       error
		says     string
	}{
		"all done":              {[]Outcome{done, done}, 2, nil, nil, ""},
		"done, then the end":    {[]Outcome{done, done}, 2, context.Canceled, nil, ""},
		"ended before the last": {[]Outcome{done}, 2, context.Canceled, context.Canceled, "stopped: 1 of 2 done, 1 not tried"},
		"the only one failed":   {[]Outcome{failed}, 1, nil, enroll.ErrConflict, "the enrollment exists"},
		"one of two failed":     {[]Outcome{failed, done}, 2, nil, ErrPartly, "1 of 2 done, 1 failed, 0 not tried"},
		"the first stops all":   {[]Outcome{stopped}, 3, nil, context.DeadlineExceeded, "context deadline exceeded"},
		"the second stops all":  {[]Outcome{done, stopped}, 3, nil, context.DeadlineExceeded, "stopped: 1 of 3 done, 1 failed, 1 not tried"},
		"skipped":               {[]Outcome{done, skipped}, 2, nil, enroll.ErrNotTPM, "1 of 2 done, 0 failed, 0 not tried, 1 skipped"},
		"skipped, then stopped": {[]Outcome{skipped, stopped}, 3, nil, context.DeadlineExceeded, "stopped: 0 of 3 done, 1 failed, 1 not tried, 1 skipped"},
		"skipped and failed":    {[]Outcome{skipped, failed}, 2, nil, ErrPartly, "the last error: the enrollment exists"},
		"off the record":        {[]Outcome{offRecord}, 3, nil, ErrOffRecord, "not on record"},
	} {
		err := Conclude(test.outcomes, test.records, test.ended)
		switch {
		case test.is == nil && err != nil:
			t.Errorf("%s: %v", name, err)
		case test.is != nil && (!errors.Is(err, test.is) || !strings.Contains(err.Error(), test.says)):
			t.Errorf("%s: %v, want %q", name, err, test.says)
		}
	}
}

// What is unusual in a plan is said for each machine that it concerns.
func TestWarnOf(t *testing.T) {
	lockedOut := &enroll.Holder{}
	for name, row := range map[string]struct {
		item enroll.Item
		want []string // words of each warning
	}{
		"nothing":    {enroll.Item{Action: enroll.Create}, nil},
		"warnings":   {enroll.Item{Action: enroll.Update, Warnings: []string{"one", "two"}}, []string{"box-7: one", "box-7: two"}},
		"locked out": {enroll.Item{Action: enroll.ReplaceEK, LocksOut: lockedOut}, []string{"box-7: --replace-ek locks out "}},
		"on a hub": {enroll.Item{Action: enroll.ReplaceEK, LocksOut: &enroll.Holder{AssignedHub: "plant.azure-devices.net", DeviceID: "press 7"}}, []string{"box-7: --replace-ek locks out ",
			"box-7: DPS does not change the device on the hub: the other machine can connect with the key that it has there, until that is renewed: az iot hub device-identity renew-key --hub-name plant --device-id 'press 7' --key-type both"}},
		"not replaced":   {enroll.Item{Action: enroll.EKConflict, LocksOut: lockedOut}, nil},
		"nobody to lock": {enroll.Item{Action: enroll.ReplaceEK}, nil},
		"the same key":   {enroll.Item{Action: enroll.Create, Others: []enroll.Other{{RegistrationID: "abc"}}}, []string{"box-7: the same key is enrolled as abc, too"}},
	} {
		var got []string
		row.item.RegistrationID = "box-7"
		Run{Warn: func(message string) { got = append(got, message) }}.warnOf(row.item)
		if len(got) != len(row.want) {
			t.Errorf("%s: %q, want %q", name, got, row.want)
			continue
		}
		for i, words := range row.want {
			if !strings.HasPrefix(got[i], words) {
				t.Errorf("%s: %q, want %q", name, got[i], words)
			}
		}
	}
}

// An enrollment of another attestation is skipped, without a word to the service or the
// trail.
func TestEnrollSkips(t *testing.T) {
	for _, stops := range []bool{false, true} {
		asked := 0
		r := Run{Stops: func(error) bool { asked++; return stops }, Warn: func(message string) { t.Error(message) }}
		o := r.Enroll(t.Context(), inventory.Entry{Record: identity.Record{RegistrationID: "sym-1"}, Other: "symmetricKey"})
		if o.Item.Action != enroll.Skipped || o.Item.RegistrationID != "sym-1" || !errors.Is(o.Err, enroll.ErrNotTPM) || o.OffRecord != nil || o.Stops != stops || asked != 1 {
			t.Errorf("%+v, asked %d times whether to stop", o, asked)
		}
	}
}
