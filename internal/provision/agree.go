package provision

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"tpmdps/internal/dps"
	"tpmdps/internal/text"
)

// statements are what the answers of one registration have said so far, by the
// fact that they are about. An answer that says something else about one of them
// is not believed in anything: its author has mixed two, or it is
// an older one out of somebody's memory.
type statements map[string]statement

// statement is a value, and the answer that it was in.
type statement struct{ value, in string }

// facts are what does not change during a registration.
var facts = []struct {
	name string
	of   func(dps.Operation) string
}{
	{"operationId", func(op dps.Operation) string { return op.ID }},
	{"assignedHub", inState(func(s *dps.RegistrationState) string { return s.AssignedHub })},
	{"deviceId", inState(func(s *dps.RegistrationState) string { return s.DeviceID })},
	{"substatus", inState(func(s *dps.RegistrationState) string { return s.Substatus })},
	{"createdDateTimeUtc", inState(func(s *dps.RegistrationState) string { return s.CreatedAt })},
	{"payload", inState(func(s *dps.RegistrationState) string { return compact(s.Payload) })},
}

func inState(of func(*dps.RegistrationState) string) func(dps.Operation) string {
	return func(op dps.Operation) string {
		if op.State == nil {
			return ""
		}
		return of(op.State)
	}
}

func compact(raw json.RawMessage) string {
	var b bytes.Buffer
	if len(raw) == 0 || json.Compact(&b, raw) != nil || b.String() == "null" {
		return ""
	}
	return b.String()
}

// agree compares an answer with itself and with the ones before it, and keeps
// what it says. The error wraps [dps.ErrMalformed] and names both statements.
func (s *statements) agree(op dps.Operation, in string) error {
	if err := agreesInItself(op); err != nil {
		return err
	}
	if *s == nil {
		*s = statements{}
	}
	for _, fact := range facts {
		value := fact.of(op)
		before, known := (*s)[fact.name]
		switch {
		case value == "":
		case known && before.value != value:
			return fmt.Errorf("%w: its answers disagree: the %s is %q in %s, and was %q in %s", dps.ErrMalformed,
				fact.name, text.Printable(value, 140), in, text.Printable(before.value, 140), before.in)
		default:
			(*s)[fact.name] = statement{value, in}
		}
	}
	return nil
}

// statuses are all that a registration can have (device.json, and
// azure-iot-sdk-c for the last).
var statuses = []string{"unassigned", "assigning", "assigned", "failed", "disabled", "blacklisted"}

// agreesInItself compares what an answer says twice: how the registration is
// doing stands in the operation and in its state, and follows from what else is
// in it.
func agreesInItself(op dps.Operation) error {
	st := op.State
	if st == nil {
		return nil
	}
	disagree := func(format string, args ...any) error {
		return fmt.Errorf("%w: its answer disagrees with itself: status is %q, %s", dps.ErrMalformed, op.Status, fmt.Sprintf(format, args...))
	}
	final := op.Status != "assigning" && op.Status != "unassigned"
	switch {
	// Before it begins, a registration is unassigned in one place earlier than
	// in the other.
	case st.Status != "" && st.Status != op.Status && (final || st.Status != "assigning" && st.Status != "unassigned"):
		return disagree("registrationState.status is %q", st.Status)
	case slices.Contains(statuses, st.Substatus):
		return disagree("registrationState.substatus is %q, which is a status", st.Substatus)
	case op.Status != "assigned":
		return nil
	case st.ErrorCode != 0:
		return disagree("registrationState.errorCode is %d", st.ErrorCode)
	case st.ErrorMessage != "":
		return disagree("registrationState.errorMessage is %q", st.ErrorMessage)
	}
	return nil
}
