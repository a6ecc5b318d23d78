package manifest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"

	"tpmdps/internal/chain"
	"tpmdps/internal/identity"
)

// Lines reads a batch, or a plain list of records with one a line, box by box. Memory
// grows by a hash a line.
//
// A bad line is a [*DamageError]. A caller that goes on after it gets the lines that follow;
// with an error that is Usable comes the line itself, which may be used where damage
// is to be skipped. Another error is the reader's, and the last. In a list without a
// chain, blank lines are ignored.
func Lines(r io.Reader) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		from := bufio.NewReader(r)
		begin, _ := from.Peek(from.Size()) // what fails here fails again below
		f := newFollower(isPlain(begin))
		in := chain.NewLines(from, maxLine)
		for {
			raw, err := in.Next()
			switch {
			case errors.Is(err, io.EOF):
				return
			case err != nil && !errors.Is(err, chain.ErrCut) && !errors.Is(err, chain.ErrLong):
				yield(Line{}, fmt.Errorf("read the batch: %w", err))
				return
			}
			l, skip, err := f.follow(raw, err)
			if !skip && !yield(l, err) {
				return
			}
		}
	}
}

// follower goes through a file line by line, and knows what it has seen.
type follower struct {
	plain  bool   // it is a list without a chain
	lines  int    // of the file, good or bad
	number int    // what the last line that can be used says of itself
	head   string // its hash
	before string // its box
	bad    int    // lines after it that cannot be used
	seen   map[[8]byte]struct{}
	parse  func([]byte) (Line, error) // [Parse], or less of it
}

func newFollower(plain bool) *follower {
	return &follower{plain: plain, head: chain.Sum(nil), seen: map[[8]byte]struct{}{}, parse: Parse}
}

// follow reads the next line; fault is what the reader of lines said of it. skip is
// for a blank line in a plain list.
func (f *follower) follow(raw []byte, fault error) (l Line, skip bool, err error) {
	f.lines++
	if f.plain && f.before == "" && IsChained(raw) {
		f.plain, f.bad = false, f.lines-1 // a batch whose first line lost its begin
	}
	if f.plain {
		return f.followPlain(raw, fault)
	}
	l, damage := f.judge(raw, fault)
	switch {
	case damage == nil || damage.Usable:
		f.number, f.head, f.before, f.bad = l.Number, l.hash, l.Record.RegistrationID, 0
		f.seen[key8(l.hash)] = struct{}{}
	case l.hash == "": // a copy takes no place
		f.bad++
	}
	l.Number = f.lines
	switch {
	case damage == nil:
		return l, false, nil
	case !damage.Usable:
		l = Line{}
	}
	return l, false, damage
}

// judge reads a line and compares it with the one before. The number it returns is
// the one that stands in it.
func (f *follower) judge(raw []byte, fault error) (Line, *DamageError) {
	damage := &DamageError{Line: f.lines, Before: f.before, Err: fault}
	if errors.Is(fault, chain.ErrLong) {
		damage.Reason = fmt.Sprintf("is longer than %d bytes, which no line of a batch is", maxLine)
		return Line{}, damage
	}
	l, err := f.parse(raw)
	cut := errors.Is(fault, chain.ErrCut)
	switch {
	case err == nil && cut:
		damage.Reason, damage.Usable = "has lost its line end", f.fits(l)
	case err != nil && cut && allZero(raw):
		damage.Reason = "has only zero bytes: a power cut leaves them"
	case err != nil && cut:
		damage.Reason = "is cut off"
		damage.Err = err
	case err != nil:
		damage.Reason, l, damage.Usable = reasonOf(raw, f.lines == 1, err)
		damage.Err = err
	default:
		if damage.Reason = f.misplaced(l); damage.Reason == "" {
			return l, nil
		}
		damage.Usable = !f.isCopy(l)
	}
	return l, damage
}

func (f *follower) fits(l Line) bool { return f.misplaced(l) == "" }

func (f *follower) isCopy(l Line) bool {
	_, is := f.seen[key8(l.hash)]
	return is
}

// misplaced says how a line does not go on from the one before; "" if it does.
func (f *follower) misplaced(l Line) string {
	want := f.number + 1
	follows := l.Number == want && l.previous == f.head
	afterBad := f.bad > 0 && l.Number == want+f.bad
	switch {
	case f.isCopy(l):
		return fmt.Sprintf("is a copy of an earlier one, which was written as line %d", l.Number)
	case l.Again >= l.Number:
		return fmt.Sprintf("names line %d, which is not before it, as the one of the same box", l.Again)
	case follows || afterBad:
		return ""
	case l.Number == 1 && l.previous == chain.Sum(nil):
		return "begins another batch: two files were put together; combine batches with tpmdps batch merge"
	case l.Number > want+f.bad:
		return fmt.Sprintf("was written as line %d: lines before it are missing (%d), or it was moved", l.Number, l.Number-want-f.bad)
	case l.Number < want:
		return fmt.Sprintf("was written as line %d: it was moved here", l.Number)
	}
	return "was written after another line than the one that is before it now"
}

// followPlain reads a line of a list without a chain.
func (f *follower) followPlain(raw []byte, fault error) (l Line, skip bool, err error) {
	damage := &DamageError{Line: f.lines, Before: f.before}
	raw = bytes.TrimSpace(raw)
	switch {
	case errors.Is(fault, chain.ErrLong):
		damage.Reason = fmt.Sprintf("is longer than %d bytes, which no record is", maxLine)
		return Line{}, false, damage
	case len(raw) == 0:
		return Line{}, true, nil
	case IsChained(raw):
		damage.Reason = "is of a batch, and the lines before it are not: two files were put together; combine them with tpmdps batch merge"
		return Line{}, false, damage
	}
	r, err := identity.ParseRecord(raw)
	if err != nil {
		damage.Reason, damage.Err = "cannot be used: "+withoutKind(err), err
		if errors.Is(fault, chain.ErrCut) {
			damage.Reason = "is cut off, or cannot be used: " + withoutKind(err)
		}
		return Line{}, false, damage
	}
	f.before = r.RegistrationID
	return Line{Number: f.lines, Record: r}, false, nil
}

// isPlain tells a list without a chain by how the file begins: with an object that
// is not a line of a batch, nor the begin of one.
func isPlain(begin []byte) bool {
	begin = bytes.TrimLeft(begin, " \t\r\n")
	return len(begin) >= len(begins) && begin[0] == '{' && !IsChained(begin)
}

func allZero(raw []byte) bool { return len(bytes.Trim(raw, "\x00")) == 0 }
