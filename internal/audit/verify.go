package audit

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
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
	head := newNotedHead(o.Head)
	bad, err := f.readAll(r, head.compare)
	switch {
	case err != nil:
	case len(f.key) > 0 && f.lines > 0 && f.keyed == 0:
		f, bad = newFollower(nil), 1 // anyone could have written it: no line is good
		err = errors.New("neither it nor any other line has a keyed sum: none was written with the key")
	default:
		if err = head.missing(f); err != nil {
			bad = f.lines + 1
		}
	}
	if bad > 0 {
		err = fmt.Errorf("%w: line %d: %w", ErrDamaged, bad, err)
	}
	return Report{Lines: f.lines, Head: f.head, Bad: bad, HeadLine: head.at, Keyed: f.keyed, Open: f.openLines(nil), Back: f.back}, err
}

// readAll follows all lines; see is called after each. It returns the number of
// the first bad line, or 0 with an error of the reader.
func (f *follower) readAll(r io.Reader, see func(*follower) error) (bad int, err error) {
	lines := bufio.NewReaderSize(r, maxLine)
	for {
		text, err := lines.ReadSlice('\n')
		switch {
		case errors.Is(err, io.EOF) && len(text) == 0:
			return 0, nil
		case errors.Is(err, bufio.ErrBufferFull):
			return f.lines + 1, fmt.Errorf("it is longer than %d bytes", maxLine)
		case errors.Is(err, io.EOF):
			return f.lines + 1, faultOf(text, f.lines == 0, errors.New("it is cut short"))
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

// notedHead is a hash that has to come, and where.
type notedHead struct {
	hash string
	line int // 0: not noted
	at   int // where it came
}

func newNotedHead(text string) *notedHead {
	h := &notedHead{hash: strings.TrimSpace(text)}
	if number, hash, ok := strings.Cut(h.hash, ":"); ok {
		if n, err := strconv.Atoi(number); err == nil && n > 0 {
			h.line, h.hash = n, hash
		}
	}
	return h
}

// compare compares the last line.
func (h *notedHead) compare(f *follower) error {
	same := strings.EqualFold(h.hash, f.head)
	switch {
	case same && (h.line == 0 || h.line == f.lines):
		h.at = f.lines
	case h.line == f.lines:
		return fmt.Errorf("it does not have the hash that was noted for it, %.64s: it, or something before it, was rewritten", h.hash)
	}
	return nil
}

// missing is the fault of a trail in which the noted line did not come.
func (h *notedHead) missing(f *follower) error {
	switch {
	case h.hash == "" || h.at > 0 || h.line == 0 && strings.EqualFold(h.hash, sum(nil)):
		return nil
	case h.line > 0:
		return fmt.Errorf("it and all up to line %d, whose hash was noted, are missing: the end was cut off", h.line)
	}
	return fmt.Errorf("the line with the hash %.64s is missing: the end was cut off, or the file was rewritten", h.hash)
}
