package batch

import (
	"errors"
	"fmt"

	"tpmdps/internal/enroll"
)

// Tally counts what became of the machines of a run.
type Tally struct {
	// Machines is how many the batch has, Tried how many of them have an outcome.
	Machines, Tried int
	// Of those that were tried:
	Created, Updated, Replaced, Unchanged, Failed, Skipped int
	// Damaged is how many lines of the batch are damaged: a run with some is not whole.
	Damaged int

	last      error // of the last that failed
	stops     bool  // it ended the run
	offRecord error // of the last outcome
}

// Add counts an outcome.
func (t *Tally) Add(o Outcome) {
	t.Tried++
	t.offRecord = o.OffRecord
	switch {
	case o.Item.Action == enroll.Skipped:
		t.Skipped++
	case o.Err != nil:
		t.Failed, t.last, t.stops = t.Failed+1, o.Err, t.stops || o.Stops
	case o.Item.Action == enroll.Create:
		t.Created++
	case o.Item.Action == enroll.Update:
		t.Updated++
	case o.Item.Action == enroll.ReplaceEK:
		t.Replaced++
	default:
		t.Unchanged++
	}
}

// Counts says in a few words what became of those that were tried.
func (t Tally) Counts() string {
	text := fmt.Sprintf("%d created, %d unchanged, %d failed", t.Created, t.Unchanged, t.Failed)
	for _, rare := range []struct {
		n    int
		what string
	}{{t.Updated, "updated"}, {t.Replaced, "with another key"}, {t.Skipped, "skipped"}} {
		if rare.n > 0 {
			text += fmt.Sprintf(", %d %s", rare.n, rare.what)
		}
	}
	return text
}

// Summary is a line about the whole run.
func (t Tally) Summary() string {
	text := fmt.Sprintf("%d machines: %s", t.Machines, t.Counts())
	if left := t.Machines - t.Tried; left > 0 {
		text += fmt.Sprintf(", %d not tried", left)
	}
	if t.Damaged > 0 {
		text += fmt.Sprintf("; %d damaged lines", t.Damaged)
	}
	return text
}

// Conclude is the run's error: that of the one record, how many of many failed, or
// that the run ended before the last record, for the reason ended.
func (t Tally) Conclude(ended error) error {
	err := t.conclude(ended)
	if t.Damaged > 0 {
		err = t.withDamaged(err, ended)
	}
	if t.offRecord != nil {
		return errors.Join(t.offRecord, err)
	}
	return err
}

// withDamaged is an error with the lines that are damaged. That a run was stopped is said
// first: then they are the smaller trouble.
func (t Tally) withDamaged(err, ended error) error {
	lines := fmt.Sprintf("damaged lines of the batch: %d", t.Damaged)
	switch {
	case err == nil:
		return fmt.Errorf("%w: %d of %d done; %s", ErrPartly, t.Tried-t.Skipped, t.Machines, lines)
	case t.stops || errors.Is(err, ErrPartly) || ended != nil && t.Tried < t.Machines:
		return fmt.Errorf("%w; %s", err, lines)
	}
	return fmt.Errorf("%w: %w; %s", ErrPartly, err, lines)
}

// Conclude is [Tally.Conclude] of outcomes of so many records.
func Conclude(outcomes []Outcome, records int, ended error) error {
	t := Tally{Machines: records}
	for _, o := range outcomes {
		t.Add(o)
	}
	return t.Conclude(ended)
}

func (t Tally) conclude(ended error) error {
	left := t.Machines - t.Tried
	if t.Skipped > 0 && (t.Failed > 0 || ended == nil || left == 0) {
		return t.partly()
	}
	switch {
	case t.Failed == 0 && ended != nil && left > 0:
		return fmt.Errorf("stopped: %d of %d done, %d not tried; the same command then continues from there: %w",
			t.Tried-t.Skipped, t.Machines, left, ended)
	case t.Failed == 0:
		return nil
	case t.Machines == 1 || t.stops && t.Failed == 1 && t.Tried == 1:
		return t.last
	case t.stops: // the whole run's trouble, not that of a record
		return fmt.Errorf("stopped: %d of %d done, %d failed, %d not tried; the same command then continues from there: %w",
			t.Tried-t.Failed, t.Machines, t.Failed, left, t.last)
	}
	return fmt.Errorf("%w: %d of %d done, %d failed, %d not tried; the last error: %w", ErrPartly,
		t.Tried-t.Failed, t.Machines, t.Failed, left, t.last)
}

// partly is the error of a run in which enrollments were skipped. Only of those that
// failed another run may do more.
func (t Tally) partly() error {
	done := fmt.Sprintf("%d of %d done, %d failed, %d not tried, %d skipped", t.Tried-t.Failed-t.Skipped, t.Machines, t.Failed, t.Machines-t.Tried, t.Skipped)
	switch {
	case t.last == nil:
		return fmt.Errorf("%w: %s: %w: they were not copied", ErrPartly, done, enroll.ErrNotTPM)
	case t.stops:
		return fmt.Errorf("stopped: %s; the same command then continues from there: %w", done, t.last)
	}
	return fmt.Errorf("%w: %s; the last error: %w", ErrPartly, done, t.last)
}
