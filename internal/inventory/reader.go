package inventory

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"

	"tpmdps/internal/identity"
	"tpmdps/internal/text"
)

// Read reads JSON objects one after the other, on a line each or over several, or
// lists of them; in any encoding that Windows writes, and with the colours of az's
// jsonc. Nothing is returned of a file that cannot be read to its end. The error
// wraps [identity.ErrRecord] or [text.ErrEncoding], and names the line, counted
// from 1.
func Read(data []byte) (Inventory, error) {
	decoded, err := text.Decode(data)
	if err != nil {
		return Inventory{}, err
	}
	var inv Inventory
	r := reader{data: colours.ReplaceAll(decoded.UTF8, nil), inv: &inv}
	if err := r.all(); err != nil {
		return Inventory{}, err
	}
	return inv, nil
}

// colours are what az puts around names and values for a terminal. JSON has no
// such character, in texts neither.
var colours = regexp.MustCompile("\x1b\\[[0-9;]*m")

// reader is a text of which objects are read one after the other.
type reader struct {
	data   []byte
	before int // lines of the file before this text
	dec    *json.Decoder
	inv    *Inventory
}

func (b *reader) all() error {
	b.dec = json.NewDecoder(bytes.NewReader(b.data))
	for {
		switch err := b.next(); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}

// next reads an object, or a list of them.
func (b *reader) next() error {
	if begin := b.begin(); begin < len(b.data) && b.data[begin] == '[' {
		return b.list()
	}
	return b.object()
}

func (b *reader) list() error {
	start := b.dec.InputOffset()
	if _, err := b.dec.Token(); err != nil {
		return b.fault(start, err)
	}
	for first := true; b.dec.More(); first = false {
		start = b.dec.InputOffset()
		if rest := bytes.TrimLeft(b.data[start:], " \t\r\n"); !first && !bytes.HasPrefix(rest, []byte(",")) {
			return fmt.Errorf("line %d: %w: a comma is missing before it", b.line(start), identity.ErrRecord)
		}
		if err := b.object(); err != nil {
			return err
		}
	}
	start = b.dec.InputOffset()
	if _, err := b.dec.Token(); err != nil {
		return fmt.Errorf("line %d: %w: the list of records ends too early: its ] is missing", b.line(start), identity.ErrRecord)
	}
	return nil
}

func (b *reader) object() error {
	start := b.dec.InputOffset()
	line := b.line(start)
	var raw json.RawMessage
	if err := b.dec.Decode(&raw); errors.Is(err, io.EOF) {
		return err
	} else if err != nil {
		return b.fault(start, err)
	}
	err := b.machine(raw, line)
	var placed *placedError
	var at *text.JSONError
	var format *identity.FormatError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &placed): // of an object in this one
		return err
	case errors.As(err, &at) && !errors.As(err, &format):
		line += at.Line - 1
	}
	return &placedError{fmt.Errorf("line %d: %w", line, err)}
}

// placedError is an error that names its line.
type placedError struct{ error }

func (e *placedError) Unwrap() error { return e.error }

// machine reads one object, whatever it is.
func (b *reader) machine(raw []byte, line int) error {
	if !isRecord(raw) {
		if m, ok := topLevel(raw); ok {
			switch list, offset := wrapped(raw, m); {
			case list != nil:
				inner := reader{data: list, before: line - 1 + bytes.Count(raw[:offset], []byte("\n")), inv: b.inv}
				return inner.all()
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
	b.inv.Entries = append(b.inv.Entries, Entry{Line: line, Record: r})
	return nil
}

// begin is where the next value begins, after white space and a comma.
func (b *reader) begin() int {
	rest := b.data[b.dec.InputOffset():]
	return len(b.data) - len(bytes.TrimLeft(rest, " \t\r\n,"))
}

// line is the number of the line of the next value after an offset.
func (b *reader) line(offset int64) int {
	rest := b.data[offset:]
	begin := len(b.data) - len(bytes.TrimLeft(rest, " \t\r\n,"))
	return b.before + 1 + bytes.Count(b.data[:begin], []byte("\n"))
}

// fault says what is wrong with text that is not JSON. People put keys where
// records belong, so those are named.
func (b *reader) fault(start int64, err error) error {
	rest := b.data[start:]
	begin := len(b.data) - len(bytes.TrimLeft(rest, " \t\r\n,"))
	value := b.data[begin:]
	first := b.line(start)
	if len(value) > 0 && value[0] != '{' && value[0] != '[' {
		line, _, _ := bytes.Cut(value, []byte("\n"))
		if reason := otherText(line, value); reason != "" {
			return fmt.Errorf("line %d: %w: %s", first, identity.ErrRecord, reason)
		}
	}
	line, reason := text.JSONFault(value, err)
	if hasKeys.Match(b.data) {
		reason = quoted.ReplaceAllString(reason, "")
	}
	return fmt.Errorf("line %d: %w: %s", first+line-1, identity.ErrRecord, reason)
}

// Of a file with symmetric keys nothing is quoted: it may be half of one.
var (
	hasKeys = regexp.MustCompile(`(?i)(?:primary|secondary)[_-]?key`)
	quoted  = regexp.MustCompile(` ".*"$`)
)
