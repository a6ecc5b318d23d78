package batch

import (
	"fmt"

	"tpmdps/internal/dps"
	"tpmdps/internal/enroll"
	"tpmdps/internal/inventory"
)

// plan plans for a machine: from what the query gave, or where that does not do, with a
// request of its own.
func (e *engine) plan(entry judged) {
	id := entry.Record.RegistrationID
	if entry.Other != "" {
		item := enroll.Skip(id, entry.Other)
		e.put(Outcome{Line: entry.Line, Item: item, Err: item.Err()})
		return
	}
	if err := e.refuse(&entry); err != nil {
		e.fail(entry, err)
		return
	}
	e.warnOfChip(entry)
	have, known, err := e.remote.enrollment(id)
	if err != nil {
		e.end(err)
		return
	}
	if !known || e.isOpen(id) {
		e.ask(entry)
		return
	}
	item, err := enroll.PlanKnown(entry.Record, entry.Settings, e.Policy, have, e.others(entry.Entry))
	switch {
	case err != nil:
		e.fail(entry, err)
	case item.Action == enroll.EKConflict, item.Action == enroll.ReplaceEK: // whose it is, the query does not tell
		e.ask(entry)
	case item.Action == enroll.Create && e.Results.isDone(id, item.Wanted()): // was it removed, or is the query late?
		e.ask(entry)
	default:
		e.planned(entry, item)
	}
}

// refuse says why a machine is not enrolled, whatever the service has, and completes its
// settings.
func (e *engine) refuse(entry *judged) error {
	if !e.Look.names.Knows(entry.Entry) {
		return fmt.Errorf("%w: line %d: the file was changed while it was read", inventory.ErrDamaged, entry.Line)
	}
	if entry.refused != nil {
		return entry.refused
	}
	if facts := entry.Record.EKCertificateFacts; facts != nil && !facts.KeyMatches {
		return fmt.Errorf("%w than the record's", enroll.ErrCertificate)
	}
	return entry.Override(e.Settings)
}

// isOpen tells whether a run before this one may have sent an enrollment without
// recording what came of it.
func (e *engine) isOpen(id string) bool {
	return e.Results.begun(id).action != "" || e.Trail != nil && len(e.Trail.Open(e.Trail.who.Service, id)) > 0
}

// others are the enrollments of a machine's key under other IDs.
func (e *engine) others(entry inventory.Entry) []enroll.Other {
	if !e.RemoteCheck {
		return nil
	}
	return e.remote.othersOf(entry.Record.EndorsementKey)
}

// ask has the plan made with a request.
func (e *engine) ask(entry judged) {
	e.asking++
	e.queue = append(e.queue, &call{entry: &entry})
}

// asked goes on with a plan for which the service was asked.
func (e *engine) asked(c *call) {
	e.asking--
	id := c.entry.Record.RegistrationID
	if c.err != nil {
		e.fail(*c.entry, c.err)
		return
	}
	others := e.others(c.entry.Entry)
	if len(others) > 0 && (c.item.Action == enroll.Create || c.item.Action == enroll.ReplaceEK) {
		e.fail(*c.entry, &enroll.SecondError{ID: id, Other: others[0], Searched: true})
		return
	}
	if c.item.Action == enroll.Create && e.Results.isDone(id, c.item.Wanted()) {
		e.Warn(id + ": it was enrolled by a run before this one and is no longer there: it is enrolled again")
	}
	e.planned(*c.entry, c.item)
}

// planned goes on with a plan.
func (e *engine) planned(entry judged, item enroll.Item) {
	line := entry.Line
	item.EKVerdict = entry.verdict
	e.warnOf(item)
	if !e.DryRun {
		if err := e.Trail.settle(e.ctx, item); err != nil {
			e.put(Outcome{Line: line, Item: item, Err: err, Stops: true})
			return
		}
	}
	mode := item.BulkMode()
	if e.DryRun || mode == "" {
		e.put(Outcome{Line: line, Item: item, Err: item.Err()})
		return
	}
	e.groups[mode] = append(e.groups[mode], work{line: line, item: item})
	if len(e.groups[mode]) == dps.MaxBulk {
		e.queue = append(e.queue, &call{works: e.groups[mode]})
		e.groups[mode] = nil
	}
}

// fail enters a machine for which there is no plan.
func (e *engine) fail(entry judged, err error) {
	item := withoutPlan(entry.Record.RegistrationID, err)
	item.EKVerdict = entry.verdict
	err = e.Service.Explain(err)
	e.put(Outcome{Line: entry.Line, Item: item, Err: err, Stops: e.Stops(err)})
}

// put keeps an outcome until there are more, so that they are brought to the disk
// together.
func (e *engine) put(o Outcome) {
	e.pending = append(e.pending, o)
	e.stopped = e.stopped || o.Stops
}
