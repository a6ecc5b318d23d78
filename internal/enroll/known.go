package enroll

import (
	"tpmdps/internal/dps"
	"tpmdps/internal/identity"
)

// PlanKnown is [Plan] without a request: for an enrollment that was read before, as in
// a query for all. have is nil where there is none. others are enrollments of the same
// key under other IDs, found in the same way: beside them no new one is planned, and
// the key is given to no other enrollment, but the error is a [SecondError].
//
// A query gives no registration states. So of a plan that is about another machine
// ([EKConflict], [ReplaceEK]) the holder is not known whole: Plan asks for it.
func PlanKnown(rec identity.Record, s Settings, p Policy, have *dps.Enrollment, others []Other) (Item, error) {
	w, err := allowedWish(rec, s, p)
	if err != nil {
		return Item{}, err
	}
	item := w.create()
	if have != nil {
		if item, err = w.existing(*have, p); err != nil {
			return Item{}, err
		}
	}
	if len(others) > 0 && (item.Action == Create || item.Action == ReplaceEK) {
		return Item{}, &SecondError{ID: w.registrationID, Other: others[0], Searched: true}
	}
	item.Others = append(item.Others, others...)
	return item, nil
}
