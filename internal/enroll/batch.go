package enroll

import (
	"errors"
	"fmt"
	"strings"

	"tpmdps/internal/identity"
	"tpmdps/internal/text"
)

// ErrDuplicate is returned, wrapped with the places, for a batch in which two
// machines have one registration ID, or one endorsement key has two.
var ErrDuplicate = errors.New("the batch has duplicates")

// maxDuplicates bounds how many are listed.
const maxDuplicates = 20

// CheckBatch looks for records that cannot both be enrolled: one ID for two
// keys (whichever comes second would lock the first out), and one key under two
// IDs (a chip that was read twice, or one that was cloned). The same record
// twice is harmless. Records are counted from 1.
func CheckBatch(records []identity.Record) error {
	type place struct {
		index int
		other string // the EK of an ID, the ID of an EK
	}
	byID, byEK := map[string]place{}, map[string]place{}
	var found []error
	for i, r := range records {
		ek, err := r.EK()
		if err != nil {
			return fmt.Errorf("record %d: %w", i+1, err)
		}
		id := strings.ToLower(r.RegistrationID) // the service compares without case
		first, sameID := byID[id]
		again, sameEK := byEK[string(ek)]
		if sameID && first.other != string(ek) {
			found = append(found, fmt.Errorf("records %d and %d have the registration ID %s and different endorsement keys",
				first.index+1, i+1, text.Printable(r.RegistrationID, 128)))
		} else if sameEK && again.other != id {
			found = append(found, fmt.Errorf("records %d and %d have the endorsement key %s and different registration IDs, %s and %s",
				again.index+1, i+1, describeEK(ek), text.Printable(records[again.index].RegistrationID, 128), text.Printable(r.RegistrationID, 128)))
		}
		if !sameID {
			byID[id] = place{i, string(ek)}
		}
		if !sameEK {
			byEK[string(ek)] = place{i, id}
		}
	}
	return joinReasons(ErrDuplicate, found)
}

// CheckIDs looks for records under an ID that was derived from another machine's
// key: two that were mixed, or a file that was copied. The error wraps
// [ErrForeignID]; records are counted from 1.
func CheckIDs(records []identity.Record) error {
	var found []error
	for i, r := range records {
		ek, err := r.EK()
		if err != nil {
			return fmt.Errorf("record %d: %w", i+1, err)
		}
		reason := foreignID(r.RegistrationID, ek)
		if reason != "" && len(records) > 1 {
			reason = fmt.Sprintf("record %d: %s", i+1, reason)
		}
		if reason != "" {
			found = append(found, errors.New(reason))
		}
	}
	return joinReasons(ErrForeignID, found)
}

// joinReasons lists the first of the reasons after what they are about; nil if
// there are none.
func joinReasons(is error, reasons []error) error {
	if n := len(reasons) - maxDuplicates; n > 0 {
		reasons = append(reasons[:maxDuplicates], fmt.Errorf("and %d more", n))
	}
	if all := oneLine(reasons...); all != nil {
		return fmt.Errorf("%w: %w", is, all)
	}
	return nil
}

// foreignID says of an ID that is derived from a key, or has such a part, whether
// that is another key; "" if it is not.
func foreignID(id string, ek []byte) string {
	if !identity.IsForeign(id, ek) {
		return ""
	}
	ids := identity.RegistrationIDs(ek)
	return fmt.Sprintf("%s; this key's own are %s and %s", text.Printable(id, 128), ids.Base32, ids.Hex)
}

// oneLine joins errors into one that is printed on one line; nil if there are
// none.
func oneLine(errs ...error) error {
	var parts []string
	for _, err := range errs {
		if err != nil {
			parts = append(parts, err.Error())
		}
	}
	if len(parts) == 0 {
		return nil
	}
	return errors.New(strings.Join(parts, "; "))
}
