package audit

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"tpmdps/internal/chain"
)

// Options are what a trail is checked against.
type Options struct {
	// Head is the hash of a line that has to be there, as [Report.Head] of an
	// earlier report gave it, or the line's number, a colon and the hash; then
	// it can be told where the trail was rewritten. "" asks for none.
	Head string
	// Key is that of the keyed sums; nil checks none.
	Key []byte
}

// Line is an entry with the number of its line.
type Line struct {
	Number int
	Entry
}

// Report is what a trail was found to be.
type Report struct {
	Lines    int    // good ones, from the first
	Head     string // SHA-256 of the last good line, to be noted elsewhere
	Bad      int    // number of the first bad line, 0 if there is none
	HeadLine int    // number of the line that Options.Head names, 0 if none was asked for, or found
	Keyed    int    // good lines with a keyed sum: the last ones
	Open     []Line // intents without an outcome, or with an [Unanswered] one; never nil
	Back     []int  // the first lines whose time is before that of the line before
}

// Verify reads a trail to its end or to its first bad line: one that was edited,
// put elsewhere, or cut short, or before which one was removed. The error is
// [ErrDamaged] with the reason. An empty trail is not an error: see
// [Report.Lines]. Open intents are not, either.
func Verify(r io.Reader, o Options) (Report, error) {
	f := newFollower(o.Key)
	head := chain.Note(o.Head)
	bad, err := f.readAll(r, func(f *follower) error { return head.Look(f.lines, f.head) })
	switch {
	case err != nil:
	case len(f.key) > 0 && f.lines > 0 && f.keyed == 0:
		f, bad = newFollower(nil), 1 // anyone could have written it: no line is good
		err = errors.New("neither it nor any other line has a keyed sum: none was written with the key")
	default:
		if err = head.Missing(); err != nil {
			bad = f.lines + 1
		}
	}
	if bad > 0 {
		err = fmt.Errorf("%w: line %d: %w", ErrDamaged, bad, err)
	}
	return Report{Lines: f.lines, Head: f.head, Bad: bad, HeadLine: head.At(), Keyed: f.keyed, Open: f.openLines(nil), Back: f.back}, err
}

// readAll follows all lines; see is called after each. It returns the number of
// the first bad line, or 0 with an error of the reader.
func (f *follower) readAll(r io.Reader, see func(*follower) error) (bad int, err error) {
	lines := chain.NewLines(r, maxLine)
	for {
		text, err := lines.Next()
		switch {
		case errors.Is(err, io.EOF):
			return 0, nil
		case errors.Is(err, chain.ErrLong):
			return f.lines + 1, fmt.Errorf("it is longer than %d bytes", maxLine)
		case errors.Is(err, chain.ErrCut):
			if _, torn := f.torn(text); torn {
				return f.lines + 1, ErrTorn
			}
			return f.lines + 1, faultOf(text, f.lines == 0, err)
		case err != nil:
			return 0, fmt.Errorf("read the audit trail: %w", err)
		}
		if err := f.follow(text); err != nil {
			return f.lines + 1, err
		}
		if err := see(f); err != nil {
			return f.lines, err
		}
	}
}

// openLines are the open intents that match, in order.
func (f *follower) openLines(match func(Entry) bool) []Line {
	lines := []Line{}
	for _, l := range f.open {
		if match == nil || match(l.Entry) {
			lines = append(lines, l)
		}
	}
	slices.SortFunc(lines, func(a, b Line) int { return a.Number - b.Number })
	return lines
}
