package manifest

import (
	"errors"
	"fmt"
	"io"

	"tpmdps/internal/chain"
)

// Options are what a batch is checked against.
type Options struct {
	// Head is what was noted: [Head.String], or the hash alone; "" for nothing.
	Head string
}

// Report is what a batch was found to be.
type Report struct {
	Lines    int  // good ones, from the first
	Boxes    int  // different endorsement keys in them
	Head     Head // of the last good line, to be noted
	Bad      int  // number of the first bad line, 0 if there is none
	HeadLine int  // the line that Options.Head names, 0 if none was asked for, or found
}

// Verify reads a batch to its end or to its first bad line. The error is a
// [*DamageError]; [ErrConflict] for lines that [Batch.Append] would have refused, which
// someone else wrote; and [ErrPlain] for a file without a chain. An empty file is not an
// error.
func Verify(r io.Reader, o Options) (Report, error) {
	var report Report
	report.Head.Hash = chain.Sum(nil)
	noted, boxes := chain.Note(o.Head), newIndex()
	before := ""
	for l, err := range Lines(r) {
		switch {
		case err != nil:
			report.Bad = badLine(err)
			return report, err
		case !l.Chained:
			return report, fmt.Errorf("%w: every line may be read, and nothing shows whether one is missing", ErrPlain)
		}
		if err := noted.Look(l.Number, l.hash); err != nil {
			report.Bad = l.Number
			return report, &DamageError{Line: l.Number, Reason: ": " + err.Error(), Err: err}
		}
		n := namesOf(l.Record)
		if other, what := boxes.clash(n); what != "" {
			report.Bad = l.Number
			return report, fmt.Errorf("line %d: %w", l.Number, conflict(l.Record, other.line, what))
		}
		boxes.add(n, l.Number)
		report.Lines, report.Boxes, report.Head = l.Number, len(boxes.boxes), Head{l.Number, l.hash}
		before = l.Record.RegistrationID
	}
	report.HeadLine = noted.At()
	if err := noted.Missing(); err != nil {
		report.Bad = report.Lines + 1
		return report, &DamageError{Line: report.Bad, Reason: ": " + err.Error(), Before: before, Err: err}
	}
	return report, nil
}

// badLine is the line that an error names, 0 if it is not about one.
func badLine(err error) int {
	var damage *DamageError
	if errors.As(err, &damage) {
		return damage.Line
	}
	return 0
}
