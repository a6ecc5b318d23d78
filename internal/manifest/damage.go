package manifest

import (
	"errors"
	"fmt"
	"strings"

	"tpmdps/internal/chain"
	"tpmdps/internal/identity"
	"tpmdps/internal/text"
)

// DamageError is what is wrong with a line of a batch, in words of the bench.
type DamageError struct {
	// Line is where it is in the file, counted from 1.
	Line int
	// Reason goes on after "line 7", such as "is cut off" or ": it has no end".
	Reason string
	// Before is the registration ID on the last good line before it, "" if there is
	// none.
	Before string
	// Usable tells that the line itself is as it was written: only what is around it
	// is not, or its line end.
	Usable bool
	// Err is the cause, where there is another one.
	Err error
}

// Error is a sentence such as "line 2 is cut off; the box line1-7 before it is whole".
func (e *DamageError) Error() string {
	s := fmt.Sprintf("line %d", e.Line)
	if !strings.HasPrefix(e.Reason, ":") {
		s += " "
	}
	s += e.Reason
	if e.Before != "" {
		s += fmt.Sprintf("; the box %s before it is whole", text.Printable(e.Before, 128))
	}
	return s
}

// Unwrap returns [ErrDamaged] and the cause.
func (e *DamageError) Unwrap() []error {
	if e.Err == nil {
		return []error{ErrDamaged}
	}
	return []error{ErrDamaged, e.Err}
}

// reasonOf says why a line cannot be read, and reads it as far as only its ends were
// converted.
func reasonOf(line []byte, first bool, fault error) (reason string, l Line, usable bool) {
	readable := func(line []byte) (ok bool) {
		read, err := Parse(line)
		if err == nil {
			l, usable = read, true
		}
		return err == nil
	}
	said := chain.Fault(line, first, readable, fault)
	converted := said.Error() != fault.Error()
	switch {
	case converted:
		reason = ": " + said.Error()
	case errors.Is(fault, chain.ErrEdited):
		reason = "was changed after it was written"
	case len(strings.TrimSpace(string(line))) == 0:
		reason = "is empty"
	case errors.Is(fault, chain.ErrNoSum) && IsChained(line):
		reason = "is cut off: its end is missing"
	case errors.Is(fault, chain.ErrNoSum):
		reason = "does not belong to the batch: another program wrote it, or somebody by hand"
	default:
		reason = "cannot be used: " + withoutKind(fault)
	}
	return reason, l, usable
}

// withoutKind is an error's text without that of the kind it begins with.
func withoutKind(err error) string {
	return strings.TrimPrefix(err.Error(), identity.ErrRecord.Error()+": ")
}
