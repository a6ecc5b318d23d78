// Package removal takes machines out of DPS, one after the other, with an audit trail of
// intents and outcomes, and says what is left to do by hand.
package removal

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"tpmdps/internal/audit"
	"tpmdps/internal/enroll"
	"tpmdps/internal/enroll/batch"
	"tpmdps/internal/inventory"
	"tpmdps/internal/operator"
	"tpmdps/internal/text"
)

var (
	// ErrPartly is for a run of which some machines were removed and some not.
	ErrPartly = errors.New("part of the enrollments was not removed")
)

// actRegistration is the trail's word for the removal of a registration's record.
const actRegistration = "delete-registration"

// Target is one machine to remove. Other is the attestation that a file gives it, "" of a
// machine with a TPM: only such are removed.
type Target struct {
	enroll.Target
	Other string
}

// Targets are the machines of a file, each once, in its order. What is said of a key
// holds for the enrollment, too: one that has another key is refused.
func Targets(inv inventory.Inventory) ([]Target, error) {
	var all []Target
	seen := map[string]bool{}
	for _, e := range inv.Entries {
		t := Target{enroll.Target{RegistrationID: e.Record.RegistrationID, ChosenID: true}, e.Other}
		if e.Other == "" {
			ek, err := e.Record.EK()
			if err != nil {
				return nil, fmt.Errorf("%s: %w", t.RegistrationID, err)
			}
			t.EK = ek
		}
		if key := strings.ToLower(t.RegistrationID) + "\x00" + string(t.EK); !seen[key] {
			seen[key] = true
			all = append(all, t)
		}
	}
	return all, nil
}

// Named are the machines whose registration IDs were given, each once.
func Named(ids []string) []Target {
	var all []Target
	seen := map[string]bool{}
	for _, id := range ids {
		if key := strings.ToLower(id); !seen[key] {
			seen[key] = true
			all = append(all, Target{Target: enroll.Target{RegistrationID: id, ChosenID: true}})
		}
	}
	return all
}

// Run is what the removals of a run have in common.
type Run struct {
	Service *operator.Operator
	Trail   *batch.Trail // nil means none
	Policy  enroll.RemovalPolicy
	DryRun  bool
	Reason  string // "" where nobody gave one
	// Stops tells whether the next machine would fail in the same way.
	Stops func(error) bool
}

// Outcome is what became of one machine.
type Outcome struct {
	Item enroll.Removal
	Err  error
	// OffRecord is why the trail does not have an outcome; nil where it has.
	OffRecord error
	// Stops: the next machine would fail in the same way.
	Stops bool
	// Wrote: something was changed, also where an error came after it.
	Wrote bool
}

// Remove plans for one machine and, unless this is a dry run, carries the plan out: the
// enrollment first, so that the machine cannot register again while its record goes.
func (r Run) Remove(ctx context.Context, t Target) (o Outcome) {
	r.remove(ctx, t, &o)
	o.Err = r.Service.Explain(o.Err)
	o.Stops = o.Err != nil && (errors.Is(o.Err, batch.ErrNoIntent) || r.Stops(o.Err))
	return o
}

func (r Run) remove(ctx context.Context, t Target, o *Outcome) {
	if t.Other != "" {
		o.Item = enroll.SkipRemoval(t.RegistrationID, t.Other)
		o.Err = o.Item.Err()
		return
	}
	svc := r.Service.ServiceClient
	if o.Item, o.Err = enroll.PlanRemoval(ctx, svc, t.Target, r.Policy); o.Err != nil {
		o.Item.Action = "error"
		return
	}
	if r.DryRun {
		o.Err = o.Item.Err()
		return
	}
	if o.Err = r.Trail.SettleActs(ctx, t.RegistrationID, func(l audit.Line) string { return resultOf(l, o.Item) }); o.Err != nil {
		return
	}
	if o.Err = o.Item.Err(); o.Err != nil {
		return
	}
	if a := o.Item.Action; a == enroll.Disable || a == enroll.Delete {
		o.step(ctx, r, string(a), o.Item.ETag, func() (_ string, err error) {
			o.Item, err = enroll.RemoveEnrollment(ctx, svc, o.Item)
			return o.Item.RequestID, err
		})
	}
	if o.Err == nil && o.OffRecord == nil && o.Item.RegistrationAction == enroll.Delete {
		o.step(ctx, r, actRegistration, o.Item.RegistrationETag(), func() (string, error) {
			return "", enroll.RemoveRegistration(ctx, svc, o.Item)
		})
	}
}

// step does one thing at the service, on record.
func (o *Outcome) step(ctx context.Context, r Run, action, etag string, do func() (string, error)) {
	act := batch.Act{Action: action, RegistrationID: o.Item.RegistrationID, ETag: etag, Reason: r.Reason}
	o.Err, o.OffRecord = r.Trail.Record(ctx, act, do)
	o.Wrote = o.Wrote || o.Err == nil
}

// resultOf compares an intent without outcome with what is there now; "" where that
// cannot be told yet. An intent to enroll is settled only by a run that changes what it
// left: until then the same enroll command can tell more.
func resultOf(intent audit.Line, found enroll.Removal) string {
	same := intent.ETag != "" && intent.ETag == text.Printable(found.ETag, 200)
	switch {
	case intent.Action == actRegistration && found.RegistrationAction == "":
		return ""
	case intent.Action == actRegistration && found.RegistrationAction == enroll.Unchanged:
		return batch.ResultDone
	case intent.Action == actRegistration && intent.ETag == text.Printable(found.RegistrationETag(), 200):
		return batch.ResultNotDone
	case intent.Action == actRegistration:
		return batch.ResultUnknown
	case batch.IsEnrolling(intent.Action) && !found.Writes():
		return ""
	case same, batch.IsEnrolling(intent.Action) && found.Found == "":
		return batch.ResultNotDone
	case intent.Action == string(enroll.Delete) && found.Found == "",
		intent.Action == string(enroll.Disable) && found.Found == "disabled":
		return batch.ResultDone
	}
	return batch.ResultUnknown
}

// Conclude is the run's error: that of the one machine, how many of many failed, or
// that the run ended before the last one, for the reason ended.
func Conclude(outcomes []Outcome, machines int, ended error) error {
	failed, stops := 0, false
	var last, offRecord error
	for _, o := range outcomes {
		if o.Err != nil {
			failed, last, stops = failed+1, o.Err, o.Stops
		}
		offRecord = o.OffRecord
	}
	tried := len(outcomes)
	done := fmt.Sprintf("%d of %d done, %d failed, %d not tried", tried-failed, machines, failed, machines-tried)
	var err error
	switch {
	case failed == 0 && ended != nil && tried < machines:
		err = fmt.Errorf("stopped: %s; the same command then continues from there: %w", done, ended)
	case failed == 0:
	case machines == 1, stops && tried == 1:
		err = last
	case stops:
		err = fmt.Errorf("stopped: %s; the same command then continues from there: %w", done, last)
	default:
		err = fmt.Errorf("%w: %s; the last error: %w", ErrPartly, done, last)
	}
	return errors.Join(offRecord, err)
}
