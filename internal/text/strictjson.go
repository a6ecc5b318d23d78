package text

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxNesting is how deep lists and objects may lie in each other. A device twin
// has at most 10 levels.
const maxNesting = 64

// JSONError is what is wrong with a JSON text, in words of the text.
type JSONError struct {
	Line   int    // counted from 1
	Reason string // such as "registration_id appears twice"
	Syntax bool   // it is not one JSON value at all
}

// Error is the reason.
func (e *JSONError) Error() string { return e.Reason }

// DecodeJSON decodes a text that decides something, and refuses one that two
// readers could understand differently: a member that appears twice, one that
// differs from a known one only in case (which encoding/json would accept for
// it), a value of another kind, null for a value, something after the end,
// characters that are not Unicode, nesting without an end.
//
// v is a pointer. null is accepted only where the Go value has a nil for it, or
// where a field has omitempty: it may be absent, then. Members that a struct has
// no field for are checked and ignored. The error is a [*JSONError].
func DecodeJSON(data []byte, v any) error { return decodeJSON(data, v, false) }

// DecodeKnownJSON is [DecodeJSON], and refuses members that a struct has no field
// for.
func DecodeKnownJSON(data []byte, v any) error { return decodeJSON(data, v, true) }

// CheckJSON is [DecodeJSON] for a value of any kind, which it does not decode.
func CheckJSON(data []byte) error { return decodeJSON(data, new(any), false) }

func decodeJSON(data []byte, v any, known bool) error {
	if at := invalidUTF8(data); at >= 0 {
		return &JSONError{lineOf(data, int64(at)), "a character is not UTF-8", true}
	}
	w := jsonWalk{data: data, dec: json.NewDecoder(bytes.NewReader(data)), known: known}
	w.dec.UseNumber()
	if err := w.value(shape{of: reflect.TypeOf(v).Elem()}, "", 0); err != nil {
		return err
	}
	if _, err := w.dec.Token(); !errors.Is(err, io.EOF) {
		return w.fault(true, "there is more after its end")
	}
	if at := loneSurrogate(data); at >= 0 {
		return &JSONError{lineOf(data, int64(at)), "a string has half a character: " + snippet(data[at:min(at+6, len(data))]), false}
	}
	if err := json.Unmarshal(data, v); err != nil {
		line, reason := JSONFault(data, err)
		return &JSONError{line, reason, false}
	}
	return nil
}

func invalidUTF8(data []byte) int {
	for at := 0; at < len(data); {
		r, size := utf8.DecodeRune(data[at:])
		if r == utf8.RuneError && size == 1 {
			return at
		}
		at += size
	}
	return -1
}

// loneSurrogate finds \ud83d without \udd12 after it, for which encoding/json
// puts a replacement character: two texts would become one. data is valid JSON,
// so a backslash is in a text.
func loneSurrogate(data []byte) int {
	for at := 0; at < len(data); at++ {
		if data[at] != '\\' {
			continue
		}
		switch unit := escaped(data[at:]); {
		case unit >= 0xdc00 && unit <= 0xdfff:
			return at
		case unit >= 0xd800 && unit <= 0xdbff:
			if low := escaped(data[at+6:]); low < 0xdc00 || low > 0xdfff {
				return at
			}
			at += 11
		default:
			at++ // what follows the backslash, which may be another one
		}
	}
	return -1
}

// escaped is the value of an escape such as \u00e4 at the begin of a text; -1 for
// anything else.
func escaped(data []byte) int64 {
	if len(data) < 6 || data[0] != '\\' || data[1] != 'u' {
		return -1
	}
	unit, err := strconv.ParseInt(string(data[2:6]), 16, 32)
	if err != nil {
		return -1
	}
	return unit
}

// jsonWalk reads a text token by token beside the Go type that it is for.
type jsonWalk struct {
	data  []byte
	dec   *json.Decoder
	known bool // unknown members are refused
}

func (w *jsonWalk) fault(syntax bool, format string, a ...any) error {
	return &JSONError{lineOf(w.data, w.dec.InputOffset()), fmt.Sprintf(format, a...), syntax}
}

// token returns the next token. Its errors are those of a text that is not JSON.
func (w *jsonWalk) token() (json.Token, error) {
	t, err := w.dec.Token()
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		line, reason := JSONFault(w.data, err)
		return nil, &JSONError{line, reason, true}
	}
	return t, nil
}

// value reads one value. path is where it lies, "" for the whole text.
func (w *jsonWalk) value(s shape, path string, depth int) error {
	if depth > maxNesting {
		return w.fault(false, "it is nested too deep: %d levels are read", maxNesting)
	}
	t, err := w.token()
	if err != nil {
		return err
	}
	s = s.plain()
	if is := s.accepts(t); is != "" {
		return w.fault(false, "%s", mismatch(path, is, s.wants()))
	}
	switch t {
	case json.Delim('{'):
		return w.object(s, path, depth)
	case json.Delim('['):
		for n := 0; w.dec.More(); n++ {
			if err := w.value(s.element(), fmt.Sprintf("%s[%d]", path, n), depth+1); err != nil {
				return err
			}
		}
		_, err = w.token()
	}
	return err
}

func mismatch(path, is, want string) string {
	if path == "" {
		return fmt.Sprintf("it is %s, not %s", is, want)
	}
	return fmt.Sprintf("%s has %s where %s belongs", path, is, want)
}

// object reads the members of an object. A struct's are compared without case,
// as encoding/json and the service compare; those of a free object are the
// user's, to whom a and A are two.
func (w *jsonWalk) object(s shape, path string, depth int) error {
	seen := map[string]string{}
	for w.dec.More() {
		t, err := w.token()
		if err != nil {
			return err
		}
		name, ok := t.(string)
		if !ok {
			return w.fault(true, "a name of a member is missing")
		}
		inside := strings.TrimPrefix(path+"."+shownName(name), ".")
		key := name
		if s.isStruct() {
			key = foldName(name)
		}
		if first, twice := seen[key]; twice {
			if first != name {
				return w.fault(false, "%s appears twice, once as %s", inside, shownName(first))
			}
			return w.fault(false, "%s appears twice", inside)
		}
		seen[key] = name
		member, spelling := s.member(name)
		switch {
		case spelling != "" && spelling != name:
			return w.fault(false, "%s must be spelled %s", inside, spelling)
		case spelling == "" && s.isStruct() && w.known:
			return w.fault(false, "unknown field %s", snippet([]byte(name)))
		}
		if err := w.value(member, inside, depth+1); err != nil {
			return err
		}
	}
	_, err := w.token()
	return err
}

// foldName makes names equal that differ in case only, also the Kelvin sign and
// the long s, which encoding/json has for k and s.
func foldName(name string) string { return strings.ToLower(strings.ToUpper(name)) }

// shownName is a member's name, fit for a terminal.
func shownName(name string) string {
	plain := !strings.ContainsFunc(name, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_-$", r))
	})
	if plain && name != "" && len(name) <= 40 {
		return name
	}
	return snippet([]byte(name))
}
