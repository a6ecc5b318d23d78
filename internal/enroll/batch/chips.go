package batch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"time"

	"tpmdps/internal/ektrust"
	"tpmdps/internal/enroll"
	"tpmdps/internal/identity"
	"tpmdps/internal/inventory"
)

// judged is a machine and what was found out about its chip.
type judged struct {
	inventory.Entry
	verdict  *identity.EKVerdict // nil where nobody asked
	refused  error               // why nothing may be sent for it
	warnings []string
}

// judge finds out about the chip of a machine. What the record says of an earlier
// judgement counts for nothing: a record is a file that anybody can write.
func (r Run) judge(ctx context.Context, e inventory.Entry) judged {
	j := judged{Entry: e}
	if e.Other != "" {
		return j
	}
	result, err := r.Examiner.Record(ctx, e.Record, time.Now())
	if err != nil {
		j.refused = fmt.Errorf("judge the chip: %w", err)
		return j
	}
	if result.Verdict == nil {
		return j
	}
	j.verdict = result.Verdict.InRecord()
	if j.refused = result.Decision.Err(); j.refused == nil {
		j.warnings = result.Warnings(r.Examiner.Rootless())
	}
	return j
}

// actionOf is the action of a machine for which no plan was made.
func actionOf(err error) enroll.Action {
	for _, refusal := range []error{enroll.ErrSecond, enroll.ErrCertificate, ektrust.ErrRefused} {
		if errors.Is(err, refusal) {
			return enroll.Refused
		}
	}
	return "error"
}

// fed is the next machine of a batch, or why there is none.
type fed struct {
	judged
	err error
}

// feed reads a batch and judges its chips ahead of the run, several at a time, and hands
// them on in their order: a program of the user's that is asked about each may take its
// time, while requests are under way. It ends with ctx, and has let go of in when the
// channel is closed.
func (b Bulk) feed(ctx context.Context, in io.Reader) <-chan fed {
	out := make(chan fed)
	slots := make(chan chan fed, 2*runtime.GOMAXPROCS(0))
	go func() {
		defer close(slots)
		for entry, err := range inventory.Stream(in, b.Look.options, &inventory.Inventory{}) {
			slot := make(chan fed, 1)
			select {
			case slots <- slot: // as many are judged at once as there are slots
			case <-ctx.Done():
				return
			}
			if err != nil {
				slot <- fed{err: err}
				return
			}
			go func() { slot <- fed{judged: b.judge(ctx, entry)} }()
		}
	}()
	go func() {
		defer close(out)
		for slot := range slots {
			f := <-slot
			select {
			case out <- f:
			case <-ctx.Done():
			}
		}
	}()
	return out
}

// pull takes the next machine, if its chip has been judged by now.
func (e *engine) pull() (f fed, ok bool) {
	if e.held != nil {
		f, e.held = *e.held, nil
		return f, true
	}
	select {
	case f, ok = <-e.feeding:
		e.ended = !ok
	default:
		e.waiting = true
	}
	return f, ok
}

// hold keeps a machine that was waited for; open is false after the last.
func (e *engine) hold(f fed, open bool) {
	if e.ended = !open; open {
		e.held = &f
	}
}

// warnOfChip says what is wrong with chips that are enrolled anyway. Whole
// deliveries may have one fault, so that only some are named: the verdicts are in the
// results.
func (e *engine) warnOfChip(j judged) {
	if len(j.warnings) == 0 {
		return
	}
	if e.warned++; e.warned > maxNamed {
		return
	}
	for _, w := range j.warnings {
		e.Warn(j.Record.RegistrationID + ": " + w)
	}
}

// warnOfMore counts those that were not named.
func (e *engine) warnOfMore() {
	if more := e.warned - maxNamed; more > 0 {
		e.Warn(fmt.Sprintf("%d more chips are not as they should be: see ek_verdict in the results", more))
	}
}
