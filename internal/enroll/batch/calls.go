package batch

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"

	"tpmdps/internal/dps"
	"tpmdps/internal/enroll"
)

// mostThrottled is how often in a row one request may be refused for its rate: the pace
// slows down with each, and the last pauses are long.
const mostThrottled = 50

// send begins the first request of the queue. What it is to do is on the disk before.
func (e *engine) send() {
	c := e.queue[0]
	e.queue = e.queue[1:]
	if err := e.intend(c); err != nil {
		c.err = err
		e.finish(nil, e.outcomes(c))
		return
	}
	e.flying++
	go func() {
		e.carry(c)
		e.done <- c
	}()
}

// intend writes down what is about to be sent.
func (e *engine) intend(c *call) error {
	if len(c.works) == 0 || c.intended {
		return nil
	}
	lines, items := make([]ResultLine, len(c.works)), make([]enroll.Item, len(c.works))
	for i, w := range c.works {
		items[i] = w.item
		lines[i] = lineOf(w.line, w.item)
		lines[i].Stage = StageIntent
	}
	if err := e.Results.write(lines); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrNoResults, items[0].RegistrationID, err)
	}
	intents, err := e.Trail.intendAll(e.ctx, items)
	if err != nil {
		return err
	}
	for i := range c.works {
		c.works[i].intent = intents[i]
	}
	c.intended = true
	return nil
}

// carry sends a request and waits for its answer.
func (e *engine) carry(c *call) {
	svc := e.Service.ServiceClient
	if c.entry != nil {
		c.item, c.err = enroll.Plan(e.lasting, svc, c.entry.Record, c.entry.Settings, e.Policy)
		return
	}
	items := make([]enroll.Item, len(c.works))
	for i, w := range c.works {
		items[i] = w.item
	}
	c.applied, c.err = enroll.ApplyAll(e.lasting, svc, items)
}

// receive goes on with an answer.
func (e *engine) receive(c *call) {
	e.flying--
	if c.tries++; e.throttled(c.err) && c.tries < mostThrottled {
		e.queue = append([]*call{c}, e.queue...)
		return
	}
	e.Pace.Answered()
	if c.entry != nil {
		e.asked(c)
		return
	}
	c = e.again(c)
	e.finish(c.works, e.outcomes(c))
}

// throttled tells whether a request was refused for its rate, and slows down.
func (e *engine) throttled(err error) bool {
	var refused *dps.Error
	if !errors.As(err, &refused) || refused.Status != http.StatusTooManyRequests {
		return false
	}
	e.Pace.Throttled(refused.RetryAfter)
	return true
}

// again puts those of a bulk request's enrollments back that were refused for their
// rate, and returns the others.
func (e *engine) again(c *call) *call {
	if c.err != nil || c.tries >= mostThrottled {
		return c
	}
	rest, back := *c, &call{intended: true, tries: c.tries}
	rest.works, rest.applied = nil, nil
	for i, a := range c.applied {
		if e.throttled(a.Err) {
			back.works, back.err = append(back.works, c.works[i]), cmp.Or(back.err, a.Err)
			continue
		}
		rest.works, rest.applied = append(rest.works, c.works[i]), append(rest.applied, a)
	}
	if len(back.works) > 0 {
		e.queue = append([]*call{back}, e.queue...)
	}
	return &rest
}

// outcomes are what became of the plans of a request.
func (e *engine) outcomes(c *call) []Outcome {
	all := make([]Outcome, len(c.works))
	for i, w := range c.works {
		o := Outcome{Line: w.line, Item: w.item, Err: c.err}
		if c.err == nil {
			o.Item, o.Err = c.applied[i].Item, c.applied[i].Err
		}
		o.Err = e.Service.Explain(o.Err)
		o.Stops = o.Err != nil && (errors.Is(o.Err, ErrNoIntent) || errors.Is(o.Err, ErrNoResults) || e.Stops(o.Err))
		for _, change := range o.Item.Unconfirmed {
			e.Warn(fmt.Sprintf("%s: written, but the service answers that %s", o.Item.RegistrationID, change))
		}
		all[i] = o
	}
	return all
}

// flush enters the outcomes of machines for which nothing was sent.
func (e *engine) flush() {
	pending := e.pending
	e.pending = nil
	if len(pending) > 0 {
		e.finish(nil, pending)
	}
}

// finish brings outcomes to the disk, those of works with what the trail has of them,
// then counts them and hands them on.
func (e *engine) finish(works []work, outcomes []Outcome) {
	var intents []int
	for _, w := range works {
		intents = append(intents, w.intent)
	}
	offRecord := e.Trail.outcomeAll(e.ctx, intents, outcomes)
	if err := e.record(outcomes); err != nil {
		offRecord = errors.Join(offRecord, err)
	}
	for _, o := range outcomes {
		o.OffRecord = offRecord
		e.stopped = e.stopped || o.Stops || offRecord != nil
		e.tally.Add(o)
		if err := e.Each(o); err != nil {
			e.end(fmt.Errorf("stopped: %d of %d records were tried: print the result: %w", e.tally.Tried, e.tally.Machines, err))
		}
	}
}

// record writes the results file. What is on record as done gets no second line.
func (e *engine) record(outcomes []Outcome) error {
	if e.Results == nil || e.DryRun {
		return nil
	}
	var lines []ResultLine
	for _, o := range outcomes {
		id, unchanged := o.Item.RegistrationID, o.Err == nil && o.Item.Action == enroll.Unchanged
		if unchanged && e.Results.isDone(id, o.Item.Wanted()) {
			continue
		}
		l := lineOf(o.Line, o.Item)
		l.Stage, l.Result, l.ETag = StageResult, ResultDone, o.Item.ETag
		l.EKVerdict = o.Item.EKVerdict
		switch before := e.Results.begun(id); {
		case o.Item.Action == enroll.Skipped:
			l.Result = ResultSkipped
		case o.Err != nil:
			l.Result = ResultFailed
		case unchanged && before.action != "": // a run before this one did it
			l.Action, l.Reason = string(before.action), before.reason
		case unchanged:
			l.Result = ResultUnchanged
		}
		if o.Err != nil {
			l.Failure = e.Judge(o.Err)
		}
		lines = append(lines, l)
	}
	if err := e.Results.write(lines); err != nil {
		return &OffRecordError{fmt.Errorf("%w: %s and %d more: %w", ErrOffRecord, outcomes[0].Item.RegistrationID, len(outcomes)-1, err)}
	}
	return nil
}

// lineOf is the line of a plan.
func lineOf(line int, item enroll.Item) ResultLine {
	return ResultLine{Line: line, RegistrationID: item.RegistrationID, DeviceID: item.DeviceID,
		Action: string(item.Action), Wanted: item.Wanted(), ETag: item.ETag, Reason: item.Reason}
}

// ErrNoResults is for what was not done, because the results file could not be written
// to before.
var ErrNoResults = errors.New("nothing was written to DPS: the results file cannot record it")
