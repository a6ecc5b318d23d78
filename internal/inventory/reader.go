package inventory

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"regexp"

	"tpmdps/internal/identity"
	"tpmdps/internal/manifest"
	"tpmdps/internal/text"
)

// Options are how an inventory is read.
type Options struct {
	// SkipDamaged leaves out what cannot be read, and notes it in Skipped: the lines of a
	// batch that are not as they were written, records, and rows of a table. Where it
	// cannot be told where the next one begins, and of a sample key, it does not.
	SkipDamaged bool
}

// Read is [Stream] for a file that is in memory. Nothing is returned of one that
// cannot be read to its end.
func Read(data []byte) (Inventory, error) {
	var inv Inventory
	var entries []Entry
	for e, err := range Stream(bytes.NewReader(data), Options{}, &inv) {
		if err != nil {
			return Inventory{}, err
		}
		entries = append(entries, e)
	}
	inv.Entries = entries
	return inv, nil
}

// Stream reads an inventory machine by machine, in memory that does not grow with the
// file: a batch; JSON objects one after the other, on a line each or over several, or
// lists of them; or a table (CSV) with a header. All of it in any encoding that Windows
// writes, and JSON with the colours of az's jsonc.
//
// An error is the last thing that comes. It wraps [identity.ErrRecord] or
// [text.ErrEncoding], and names the line, counted from 1; or it is the reader's. What
// else there is to say of the file is in about, as far as it was read; its Entries are
// not filled in.
func Stream(r io.Reader, o Options, about *Inventory) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		b := reader{in: newInput(r), inv: about, skip: o.SkipDamaged}
		b.emit = func(e Entry) error {
			if !yield(e, nil) {
				return errStopped
			}
			return nil
		}
		if err := b.all(); err != nil && !errors.Is(err, errStopped) {
			yield(Entry{}, err)
		}
	}
}

// errStopped is for a caller that wants no more entries.
var errStopped = errors.New("stopped")

// reader is a text of which machines are read one after the other.
type reader struct {
	in   *input
	inv  *Inventory
	emit func(Entry) error
	skip bool
	deep int // how many objects that are there for their lists it lies in
}

func (b *reader) all() error {
	if err := b.in.skipBlanks(); err != nil {
		return noEOF(err)
	}
	switch begin := b.in.ahead(maxHeader); {
	case b.deep == 0 && manifest.IsChained(begin):
		return b.batch()
	case b.deep == 0 && begin[0] != '{' && begin[0] != '[':
		if t := newTable(begin, b.in.line); t != nil {
			return t.read(b)
		}
	}
	for {
		if err := b.in.skipBlanks(); err != nil {
			return noEOF(err)
		}
		read, alone := b.object, true
		if b.in.buf[0] == '[' {
			read, alone = b.list, false
		}
		err := read()
		var notJSON *notJSONError
		if alone && errors.As(err, &notJSON) && b.skips(err) {
			err = b.skipLine()
		}
		if err != nil {
			return noEOF(err)
		}
	}
}

// skips notes an error where what it is about may be left out.
func (b *reader) skips(err error) bool {
	if !b.skip || !errors.Is(err, identity.ErrRecord) || errors.Is(err, identity.ErrSample) || errors.Is(err, errLong) {
		return false
	}
	b.inv.skipped(err)
	return true
}

// skipLine goes on at the end of a line that is not JSON.
func (b *reader) skipLine() error {
	for {
		if at := bytes.IndexByte(b.in.buf, '\n'); at >= 0 {
			b.in.skip(at)
			return nil
		}
		b.in.skip(len(b.in.buf))
		if !b.in.fill() {
			return b.in.end
		}
	}
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// list reads the objects of a list.
func (b *reader) list() error {
	b.in.skip(1)
	for first := true; ; first = false {
		switch err := b.in.skipBlanks(); {
		case errors.Is(err, io.EOF):
			return fmt.Errorf("line %d: %w: the list of records ends too early: its ] is missing", b.in.line, identity.ErrRecord)
		case err != nil:
			return err
		case b.in.buf[0] == ']':
			b.in.skip(1)
			return nil
		case first:
		case b.in.buf[0] != ',':
			return fmt.Errorf("line %d: %w: a comma is missing before it", b.in.line, identity.ErrRecord)
		default:
			b.in.skip(1)
			if err := b.in.skipBlanks(); err != nil && !errors.Is(err, io.EOF) {
				return err
			}
		}
		if err := b.object(); err != nil {
			return err
		}
	}
}

func (b *reader) object() error {
	line := b.in.line
	var raw json.RawMessage
	dec := json.NewDecoder(&value{in: b.in})
	if err := dec.Decode(&raw); err != nil {
		return &notJSONError{b.fault(err)}
	}
	b.in.skip(int(dec.InputOffset()))
	err := b.machine(raw, line)
	var placed *placedError
	var at *text.JSONError
	var format *identity.FormatError
	switch {
	case err == nil, errors.Is(err, errStopped):
		return err
	case errors.As(err, &placed): // of an object in this one
		return err
	case errors.As(err, &at) && !errors.As(err, &format):
		line += at.Line - 1
	}
	placed = &placedError{fmt.Errorf("line %d: %w", line, err)}
	if b.skips(placed) {
		return nil
	}
	return placed
}

// notJSONError is for a text that is still to be read.
type notJSONError struct{ error }

func (e *notJSONError) Unwrap() error { return e.error }

// placedError is an error that names its line.
type placedError struct{ error }

func (e *placedError) Unwrap() error { return e.error }

// machine reads one object, whatever it is.
func (b *reader) machine(raw []byte, line int) error {
	if !isRecord(raw) {
		if m, ok := topLevel(raw); ok {
			switch list, offset := wrapped(raw, m); {
			case list != nil:
				return b.inner(list, line+bytes.Count(raw[:offset], []byte("\n")))
			case isEnrollment(m):
				return b.enrollment(raw, line)
			}
			if is := otherObject(m); is != "" {
				return fmt.Errorf("%w: %s", identity.ErrRecord, is)
			}
		}
	}
	r, err := identity.ParseRecord(raw)
	if err != nil {
		return err
	}
	return b.emit(Entry{Line: line, Record: r})
}

// maxDeep bounds lists in objects in lists in objects: each is copied.
const maxDeep = 4

// inner reads the list of an object that is there only for the list.
func (b *reader) inner(list []byte, line int) error {
	if b.deep == maxDeep {
		return fmt.Errorf("%w: it is nested too deep", identity.ErrRecord)
	}
	inner := reader{in: &input{buf: list, line: line, end: io.EOF}, inv: b.inv, emit: b.emit, deep: b.deep + 1}
	err := inner.all()
	var placed *placedError
	if err == nil || errors.Is(err, errStopped) || errors.As(err, &placed) {
		return err
	}
	return &placedError{err}
}

// fault says what is wrong with text that is not JSON, and comes next. People put
// keys where records belong, so those are named.
func (b *reader) fault(err error) error {
	if end := b.in.end; end != nil && !errors.Is(end, io.EOF) && errors.Is(err, end) {
		return end // the file's, and not the text's
	}
	if errors.Is(err, errLong) {
		return &longError{fmt.Errorf("line %d: %w: a value of more than %d bytes begins there: write a list, or a record on each line", b.in.line, identity.ErrRecord, maxValue)}
	}
	all := b.in.ahead(maxKey)
	value := bytes.TrimLeft(all, " \t\r\n,")
	first := b.in.line + bytes.Count(all[:len(all)-len(value)], []byte("\n"))
	if len(value) > 0 && value[0] != '{' && value[0] != '[' {
		line, _, _ := bytes.Cut(value, []byte("\n"))
		if reason := otherText(line, value); reason != "" {
			return fmt.Errorf("line %d: %w: %s", first, identity.ErrRecord, reason)
		}
	}
	line, reason := text.JSONFault(value, err)
	if b.skip || b.hasKeys() {
		reason = quoted.ReplaceAllString(reason, "")
	}
	if b.skip {
		line = 1 // the one that is left out; where it is noticed may be the next, good one
	}
	return fmt.Errorf("line %d: %w: %s", first+line-1, identity.ErrRecord, reason)
}

// longError is an errLong in words.
type longError struct{ error }

func (e *longError) Unwrap() []error { return []error{e.error, errLong} }

// maxSearched bounds how much of the rest is searched for symmetric keys.
const maxSearched = 16 << 20

// hasKeys tells whether there are symmetric keys in the file, before or after here.
func (b *reader) hasKeys() bool {
	if len(b.inv.Secrets) > 0 {
		return true
	}
	for searched := 0; searched < maxSearched; {
		window := b.in.ahead(pieceSize)
		if namesKeys(window) {
			return true
		}
		const overlap = 40 // the name may stand on both sides
		if len(window) <= overlap {
			return false
		}
		b.in.skip(len(window) - overlap)
		searched += len(window) - overlap
	}
	return false
}

// Of a file with symmetric keys nothing is quoted: it may be half of one.
var quoted = regexp.MustCompile(` ".*"$`)

// namesKeys tells whether the name of a symmetric key is in a text.
func namesKeys(text []byte) bool {
	text = bytes.ToLower(text)
	for _, name := range []string{"primarykey", "primary_key", "primary-key", "secondarykey", "secondary_key", "secondary-key"} {
		if bytes.Contains(text, []byte(name)) {
			return true
		}
	}
	return false
}
