package enroll

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"tpmdps/internal/identity"
)

func TestCheckBatch(t *testing.T) {
	type pair struct{ id, ek string }
	for _, tt := range []struct {
		records []pair
		want    []string
	}{
		{nil, nil},
		{[]pair{{"a", "1"}, {"b", "2"}, {"c", "3"}}, nil},
		{[]pair{{"a", "1"}, {"b", "2"}, {"a", "1"}}, nil},
		{[]pair{{"a", "1"}, {"b", "2"}, {"a", "3"}}, []string{"records 1 and 3 have the registration ID a and different endorsement keys"}},
		{[]pair{{"a", "1"}, {"b", "1"}}, []string{"records 1 and 2 have the endorsement key " + shownEK(t, "1") + " and different registration IDs"}},
		{[]pair{{"a", "1"}, {"b", "1"}, {"b", "1"}}, []string{"records 1 and 2 have the endorsement key", "records 1 and 3 have the endorsement key"}},
		{[]pair{{"a", "1"}, {"b", "2"}, {"a", "2"}}, []string{"records 1 and 3 have the registration ID a"}},
	} {
		var records []identity.Record
		for _, p := range tt.records {
			records = append(records, record(t, p.id, p.ek))
		}
		err := CheckBatch(records)
		if (err == nil) != (tt.want == nil) || err != nil && !errors.Is(err, ErrDuplicate) {
			t.Errorf("CheckBatch(%v) = %v, want %q", tt.records, err, tt.want)
		}
		if err == nil {
			continue
		}
		if got := strings.Count(err.Error(), "; ") + 1; got != len(tt.want) {
			t.Errorf("CheckBatch(%v) = %v, want %d findings", tt.records, err, len(tt.want))
		}
		for _, want := range tt.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("CheckBatch(%v) = %v, want %q", tt.records, err, want)
			}
		}
	}
}

func TestCheckBatchComparesWithoutCase(t *testing.T) {
	a, b := record(t, "machine-1", "1"), record(t, "machine-1", "2")
	b.RegistrationID = "MACHINE-1"
	if err := CheckBatch([]identity.Record{a, b}); !errors.Is(err, ErrDuplicate) {
		t.Errorf("CheckBatch() = %v, want ErrDuplicate", err)
	}
}

func TestCheckBatchBoundsItsReport(t *testing.T) {
	var records []identity.Record
	for i := range 50 {
		records = append(records, record(t, "same", fmt.Sprint(i)))
	}
	err := CheckBatch(records)
	if err == nil || !strings.HasSuffix(err.Error(), "and 29 more") {
		t.Errorf("CheckBatch() = %v, want 20 findings and 29 more", err)
	}
	records[3].EndorsementKey = "AAEC"
	var format *identity.FormatError
	if err := CheckBatch(records); !errors.As(err, &format) || !strings.Contains(err.Error(), "record 4") {
		t.Errorf("CheckBatch() = %v, want the fourth record's key named", err)
	}
}
