// Package batch enrolls the machines of a batch: a few one after the other, many in
// bulk, with a results file and an audit trail of intents and outcomes, and says what
// became of the whole.
//
// The rule: what is about to be sent is on the disk before, and what became of it
// before anything is printed. So a run that was killed at any moment is finished by the
// same command, which finds out what the last one did not record.
package batch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"tpmdps/internal/audit"
	"tpmdps/internal/disk"
	"tpmdps/internal/dps"
	"tpmdps/internal/enroll"
	"tpmdps/internal/text"
)

var (
	// ErrOffRecord is for what was done and could not be entered in the trail.
	ErrOffRecord = errors.New("not on record")
	// ErrNoIntent is for what was not done, because the trail could not be
	// written to before.
	ErrNoIntent = errors.New("nothing was written to DPS: the audit trail cannot record it")
)

// OffRecordError is ErrOffRecord that knows why the trail could not be written to.
type OffRecordError struct{ Err error }

func (e *OffRecordError) Error() string { return e.Err.Error() }

func (e *OffRecordError) Unwrap() error { return e.Err }

// Hint says what is to be done by hand, and what about the disk.
func (e *OffRecordError) Hint() string {
	hint := ""
	if cause, isDisk := disk.Find(e.Err); isDisk {
		hint = cause.Hint()
	}
	if hint == "" {
		return ""
	}
	return "record it by hand; " + hint
}

// Results of an outcome in the trail, beside [audit.Unanswered].
const (
	ResultDone    = audit.Done
	ResultFailed  = "failed" // the service refused it
	ResultNotDone = audit.NotDone
	ResultUnknown = "unknown" // a later run found something else there
)

// outcomeGrace is how long the outcome of what was done may wait for the trail, also
// when the run has ended otherwise: less than an interrupted program lives on.
const outcomeGrace = 15 * time.Second

// Trail is the open audit trail of a run; nil where none was asked for.
type Trail struct {
	*audit.Trail
	who    audit.Entry
	redact func(string) string
}

// entry begins a line about an enrollment.
func (t *Trail) entry(item enroll.Item, stage audit.Stage) audit.Entry {
	e := t.who
	e.Stage, e.Action, e.RegistrationID, e.Wanted = stage, string(item.Action), item.RegistrationID, item.Wanted()
	e.Reason = text.Printable(t.redact(item.Reason), MaxReason)
	return e
}

// intend records what is about to be done and returns the number of the line. A
// plan that changes nothing needs none.
func (t *Trail) intend(ctx context.Context, item enroll.Item) (intent int, err error) {
	if t == nil || !item.Writes() {
		return 0, nil
	}
	e := t.entry(item, audit.Intent)
	e.ETag = text.Printable(item.ETag, 200)
	if intent, err = t.Append(ctx, e); err != nil {
		return 0, fmt.Errorf("%w: %s: %w", ErrNoIntent, item.RegistrationID, err)
	}
	return intent, nil
}

// intendAll is intend for several plans, all of which write.
func (t *Trail) intendAll(ctx context.Context, items []enroll.Item) (intents []int, err error) {
	if t == nil || len(items) == 0 {
		return make([]int, len(items)), nil
	}
	entries := make([]audit.Entry, len(items))
	for i, item := range items {
		entries[i] = t.entry(item, audit.Intent)
		entries[i].ETag = text.Printable(item.ETag, 200)
	}
	if intents, err = t.AppendAll(ctx, entries); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrNoIntent, items[0].RegistrationID, err)
	}
	return intents, nil
}

// settle gives outcomes to the intents that earlier runs left open for this
// enrollment, from what is there now.
func (t *Trail) settle(ctx context.Context, found enroll.Item) error {
	if t == nil {
		return nil
	}
	return t.SettleActs(ctx, found.RegistrationID, func(l audit.Line) string {
		if !IsEnrolling(l.Action) { // the plan would take a deletion that was done for one that was not
			return ""
		}
		return resultOf(l, found)
	})
}

// resultOf compares an intent without outcome with what is there now.
func resultOf(intent audit.Line, found enroll.Item) string {
	switch {
	case found.Action == enroll.Create:
		return ResultNotDone // there is no enrollment
	case intent.ETag != "" && intent.ETag == text.Printable(found.ETag, 200):
		return ResultNotDone // it is the version that was to be replaced
	case found.Action == enroll.Unchanged && found.Wanted() == intent.Wanted:
		return ResultDone
	}
	return ResultUnknown
}

// outcome records what became of an intent. What was done is entered also when
// the run has been told to stop.
func (t *Trail) outcome(ctx context.Context, intent int, item enroll.Item, err error) error {
	if t == nil || intent == 0 {
		return nil
	}
	e := t.outcomeEntry(intent, item, err)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), outcomeGrace)
	defer cancel()
	if _, err := t.Append(ctx, e); err != nil {
		return &OffRecordError{fmt.Errorf("%w: %s: %s %s: %w", ErrOffRecord, item.RegistrationID, item.Action, e.Result, err)}
	}
	return nil
}

// outcomeEntry is the line of what became of an intent.
func (t *Trail) outcomeEntry(intent int, item enroll.Item, err error) audit.Entry {
	e := t.entry(item, audit.Outcome)
	e.Intent, e.Result, e.RequestID = intent, outcomeOf(err), text.Printable(item.RequestID, 100)
	if err != nil {
		e.Error = text.Printable(t.redact(text.Plain(err.Error())), 500)
		var refused *dps.Error
		if errors.As(err, &refused) {
			e.RequestID = text.Printable(refused.RequestID, 100)
		}
	}
	return e
}

// outcomeAll is outcome for several intents; outcomes and intents belong together.
func (t *Trail) outcomeAll(ctx context.Context, intents []int, outcomes []Outcome) error {
	if t == nil || len(intents) == 0 {
		return nil
	}
	entries := make([]audit.Entry, len(intents))
	for i, o := range outcomes {
		entries[i] = t.outcomeEntry(intents[i], o.Item, o.Err)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), outcomeGrace)
	defer cancel()
	if _, err := t.AppendAll(ctx, entries); err != nil {
		return &OffRecordError{fmt.Errorf("%w: %s and %d more: %w", ErrOffRecord, outcomes[0].Item.RegistrationID, len(outcomes)-1, err)}
	}
	return nil
}

// outcomeOf tells a refusal from an answer that did not come: then the request
// may have been carried out anyway.
func outcomeOf(err error) string {
	var refused *dps.Error
	switch {
	case err == nil:
		return ResultDone
	case errors.Is(err, enroll.ErrConflict):
		return ResultFailed
	case errors.As(err, &refused) && refused.Status >= 400 && refused.Status < 500 && refused.Status != http.StatusRequestTimeout:
		return ResultFailed
	}
	return audit.Unanswered
}

// Close closes the trail, if there is one.
func (t *Trail) Close() error {
	if t == nil {
		return nil
	}
	return t.Trail.Close()
}

// NewTrail is an open trail of a run. who is what each of its lines says of the run;
// redact takes secrets out of errors.
func NewTrail(t *audit.Trail, who audit.Entry, redact func(string) string) *Trail {
	return &Trail{t, who, redact}
}
