package audit

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// Report is what a trail was found to be.
type Report struct {
	Lines int    // good ones, from the first
	Head  string // SHA-256 of the last good line; who notes it can tell later that nothing behind it was cut off
	Bad   int    // number of the first bad line, 0 if there is none
}

// Verify reads a trail to its end or to its first bad line: one that was edited,
// put elsewhere, or cut short, or before which one was removed. The error is
// [ErrDamaged] with the reason. head is the hash of a line that has to be there,
// as an earlier report gave it; "" asks for none.
func Verify(r io.Reader, head string) (Report, error) {
	report := Report{Head: sum(nil)}
	found := head == "" || head == report.Head
	lines := bufio.NewReaderSize(r, maxLine)
	for {
		text, err := lines.ReadSlice('\n')
		if errors.Is(err, io.EOF) && len(text) == 0 {
			break
		}
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
			return report, fmt.Errorf("read the audit trail: %w", err)
		}
		if fault := report.follow(text, err); fault != nil {
			report.Bad = report.Lines + 1
			return report, fmt.Errorf("%w: line %d: %w", ErrDamaged, report.Bad, fault)
		}
		found = found || head == report.Head
	}
	if !found {
		report.Bad = report.Lines + 1
		return report, fmt.Errorf("%w: line %d: the line with the hash %.64s is missing: the end was cut off, or the file written anew", ErrDamaged, report.Bad, head)
	}
	return report, nil
}

// follow takes the next line into the report, or says what is wrong with it.
func (r *Report) follow(text []byte, end error) error {
	switch {
	case errors.Is(end, bufio.ErrBufferFull):
		return fmt.Errorf("it is longer than %d bytes", maxLine)
	case end != nil:
		return errors.New("it is cut short")
	}
	text = bytes.TrimSuffix(text, []byte("\n"))
	l, err := decode(text)
	switch {
	case err != nil:
		return err
	case l.Number > r.Lines+1:
		return fmt.Errorf("it was written as line %d: one before it was removed, or it was moved", l.Number)
	case l.Number < r.Lines+1:
		return fmt.Errorf("it was written as line %d: it was moved, or doubled", l.Number)
	case l.Previous != r.Head:
		return errors.New("it was written behind another line than the one that is before it now")
	}
	r.Lines, r.Head = l.Number, sum(text)
	return nil
}
