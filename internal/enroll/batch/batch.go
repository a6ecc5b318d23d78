package batch

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"tpmdps/internal/ektrust/examine"
	"tpmdps/internal/enroll"
	"tpmdps/internal/inventory"
	"tpmdps/internal/operator"
)

// ErrPartly is for a run of which some machines were enrolled and some not.
var ErrPartly = errors.New("part of the batch failed")

// Run is what the records of a run have in common.
type Run struct {
	Service *operator.Operator
	Trail   *Trail // nil means none
	Policy  enroll.Policy
	// Examiner judges each chip before anything is sent for it; nil judges none.
	Examiner *examine.Examiner
	// Guard looks for the keys of machines that are enrolled one after the other; nil
	// means that they are accepted under any number of registration IDs.
	Guard  *Guard
	DryRun bool
	Warn   func(message string)
	// Stops tells whether the next record would fail in the same way.
	Stops func(error) bool
}

// Outcome is what became of one record.
type Outcome struct {
	// Line is where the record begins in its file; 0 where that is not known.
	Line int
	Item enroll.Item
	Err  error
	// OffRecord is why the trail does not have the outcome; nil where it has.
	OffRecord error
	// Stops: the next record would fail in the same way.
	Stops bool
}

// Enroll plans one record and, unless this is a dry run, applies the plan. A record for
// which no plan could be made has the action "error". What is done stands in the trail
// before, as an intent, and after.
func (r Run) Enroll(ctx context.Context, e inventory.Entry) (o Outcome) {
	o.Line = e.Line
	if e.Other == "" {
		j := r.judge(ctx, e)
		if j.refused != nil {
			o.Item, o.Err = withoutPlan(e.Record.RegistrationID, j.refused), j.refused
			o.Item.EKVerdict = j.verdict
			return o
		}
		for _, w := range j.warnings {
			r.Warn(e.Record.RegistrationID + ": " + w)
		}
		defer func() { o.Item.EKVerdict = j.verdict }()
	}
	o.Item, o.Err, o.OffRecord = r.enroll(ctx, e)
	o.Err = r.Service.Explain(o.Err)
	o.Stops = o.Err != nil && (errors.Is(o.Err, ErrNoIntent) || r.Stops(o.Err))
	return o
}

func (r Run) enroll(ctx context.Context, e inventory.Entry) (item enroll.Item, err, offRecord error) {
	id := e.Record.RegistrationID
	if e.Other != "" {
		item = enroll.Skip(id, e.Other)
		return item, item.Err(), nil
	}
	item, err = enroll.Plan(ctx, r.Service.ServiceClient, e.Record, e.Settings, r.Policy)
	if err != nil {
		return withoutPlan(id, err), err, nil
	}
	if err := r.Guard.check(ctx, e, &item); err != nil {
		return withoutPlan(id, err), err, nil
	}
	r.warnOf(item)
	if r.DryRun {
		return item, item.Err(), nil
	}
	if err := r.Trail.settle(ctx, item); err != nil {
		return item, err, nil
	}
	intent, err := r.Trail.intend(ctx, item)
	if err != nil {
		return item, err, nil
	}
	item, err = enroll.Apply(ctx, r.Service.ServiceClient, item)
	for _, c := range item.Unconfirmed {
		r.Warn(fmt.Sprintf("%s: written, but the service answers that %s", item.RegistrationID, c))
	}
	return item, err, r.Trail.outcome(ctx, intent, item, r.Service.Explain(err))
}

// withoutPlan is the item of a record for which no plan could be made: what is refused
// whatever was sent is called that.
func withoutPlan(id string, err error) enroll.Item { return enroll.NewItem(id, actionOf(err)) }

// warnOf says what is unusual in a plan, before it is applied and in a dry run: also the
// machine that loses its identity with it.
func (r Run) warnOf(item enroll.Item) {
	for _, w := range item.Warnings {
		r.Warn(item.RegistrationID + ": " + w)
	}
	if item.Action == enroll.ReplaceEK && item.LocksOut != nil {
		r.Warn(fmt.Sprintf("%s: --replace-ek locks out %s: it can no longer provision", item.RegistrationID, *item.LocksOut))
		if h := *item.LocksOut; h.AssignedHub != "" {
			r.Warn(fmt.Sprintf("%s: DPS does not change the device on the hub: the other machine can connect with the key that it has there, until that is renewed: az iot hub device-identity renew-key %s --key-type both",
				item.RegistrationID, enroll.HubDevice(h.AssignedHub, cmp.Or(h.DeviceID, item.DeviceID))))
		}
	}
	for _, other := range item.Others {
		r.Warn(fmt.Sprintf("%s: the same key is enrolled as %s, too; delete the enrollment that is not used", item.RegistrationID, other.RegistrationID))
	}
}
