package batch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"tpmdps/internal/audit"
	"tpmdps/internal/dps"
	"tpmdps/internal/enroll"
	"tpmdps/internal/text"
)

// Act is something other than an enrollment's writing that is done to one, as it stands
// on the trail.
type Act struct {
	Action         string // such as delete
	RegistrationID string
	ETag           string // the version that it is done to
	Reason         string // why, in the words of who does it; "" where nobody said
}

// Record does something that changes the service, with an intent on the trail before
// and an outcome after. do returns the service's request ID. offRecord is why the trail
// does not have the outcome; where it could not even have the intent nothing is done, and
// err is [ErrNoIntent].
func (t *Trail) Record(ctx context.Context, a Act, do func() (requestID string, err error)) (err, offRecord error) {
	if t == nil {
		_, err = do()
		return err, nil
	}
	e := t.who
	e.Stage, e.Action, e.RegistrationID, e.ETag = audit.Intent, a.Action, a.RegistrationID, text.Printable(a.ETag, 200)
	e.Reason = text.Printable(t.redact(a.Reason), MaxReason)
	if e.Intent, err = t.Append(ctx, e); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrNoIntent, a.RegistrationID, err), nil
	}
	requestID, err := do()
	e.Stage, e.Result, e.RequestID = audit.Outcome, outcomeOf(err), text.Printable(requestID, 100)
	if err != nil {
		e.Error = text.Printable(t.redact(text.Plain(err.Error())), 500)
		var refused *dps.Error
		if errors.As(err, &refused) {
			e.RequestID = text.Printable(refused.RequestID, 100)
		}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), outcomeGrace)
	defer cancel()
	if _, late := t.Append(ctx, e); late != nil {
		return err, &OffRecordError{fmt.Errorf("%w: %s: %s %s: %w", ErrOffRecord, a.RegistrationID, a.Action, e.Result, late)}
	}
	return err, nil
}

// MaxReason is how many characters of a reason the trail has.
const MaxReason = 300

// ErrReason is for a reason that a line of the trail cannot have.
var ErrReason = errors.New("the reason cannot be recorded")

// CheckReason refuses a reason that would stand on the trail otherwise than it was
// given. None, "", is allowed.
func CheckReason(reason string) error {
	switch n := utf8.RuneCountInString(reason); {
	case n > MaxReason:
		return fmt.Errorf("%w: it has %d characters, %d fit", ErrReason, n, MaxReason)
	case reason != "" && strings.TrimSpace(reason) == "":
		return fmt.Errorf("%w: it has only blanks", ErrReason)
	case text.Printable(reason, MaxReason) != reason:
		return fmt.Errorf("%w: it has line ends or characters that are not visible", ErrReason)
	}
	return nil
}

// SettleActs gives outcomes to the intents that earlier runs left open for an ID, or found
// not to be done when the request was still on its way. result says of each what became
// of it, from what is there now; "" leaves it as it is.
func (t *Trail) SettleActs(ctx context.Context, registrationID string, result func(audit.Line) string) error {
	if t == nil {
		return nil
	}
	open := t.Trail.Open(t.who.Service, registrationID)
	for i, l := range append(open, t.Undone(t.who.Service, registrationID)...) {
		e := t.who
		e.Stage, e.Intent, e.Action, e.RegistrationID = audit.Outcome, l.Number, l.Action, l.RegistrationID
		e.Wanted, e.ETag, e.Reason = l.Wanted, l.ETag, l.Reason
		if e.Result = result(l); e.Result == "" || i >= len(open) && e.Result != ResultDone {
			continue
		}
		if err := t.Settle(ctx, e); err != nil {
			return fmt.Errorf("%w: %s: %w", ErrNoIntent, registrationID, err)
		}
	}
	return nil
}

// Open lists the open intents to enroll. Those of an [Act] are left out: the plan for
// an enrollment would take a deletion that was done for one that was not.
func (t *Trail) Open(service, registrationID string) []audit.Line {
	return slices.DeleteFunc(t.Trail.Open(service, registrationID), func(l audit.Line) bool { return !IsEnrolling(l.Action) })
}

// IsEnrolling tells whether an action of the trail is that of a plan to enroll.
func IsEnrolling(action string) bool {
	return slices.Contains([]enroll.Action{enroll.Create, enroll.Update, enroll.ReplaceEK}, enroll.Action(action))
}
