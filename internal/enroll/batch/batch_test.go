package batch

import (
	"context"
	"errors"
	"strings"
	"testing"

	"tpmdps/internal/enroll"
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
