package hub

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// parseTwin reads a twin strictly: what a member is called decides what the device
// is told to do, so one that stands twice says two things.
func parseTwin(body []byte) (Twin, error) {
	parts, err := members(body)
	if err != nil {
		return Twin{}, fmt.Errorf("%w: the twin: %w", ErrMalformed, err)
	}
	var t Twin
	if t.Desired, t.DesiredVersion, err = properties(parts, "desired"); err != nil {
		return Twin{}, err
	}
	if t.Reported, t.ReportedVersion, err = properties(parts, "reported"); err != nil {
		return Twin{}, err
	}
	return t, nil
}

// properties takes one of the two halves of a twin, without what the hub put in.
// They always have a version, also when there is nothing else.
func properties(twin map[string]json.RawMessage, half string) (map[string]json.RawMessage, int64, error) {
	var values map[string]json.RawMessage
	if err := json.Unmarshal(twin[half], &values); err != nil || values == nil {
		return nil, 0, fmt.Errorf("%w: the twin has no %s properties", ErrMalformed, half)
	}
	var version int64
	text := values["$version"]
	if !number.Match(text) || json.Unmarshal(text, &version) != nil {
		return nil, 0, fmt.Errorf("%w: the twin's %s properties have no version", ErrMalformed, half)
	}
	delete(values, "$version")
	delete(values, "$metadata")
	return values, version, nil
}

// maxDepth is well above the ten levels that a twin may have, metadata included.
const maxDepth = 64

// members are those of a JSON object that is all of the text. None may stand
// twice, at any depth, nor at the outermost in capital and small letters.
func members(data []byte) (map[string]json.RawMessage, error) {
	if !utf8.Valid(data) {
		return nil, errors.New("it is not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	first, err := d.Token()
	switch {
	case err == io.EOF:
		return nil, errors.New("it is empty")
	case err != nil:
		return nil, errors.New("it is not JSON")
	case first != json.Delim('{'):
		return nil, errors.New("it is not a JSON object")
	}
	if err := object(d, 1); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("something follows after its end")
	}
	var parts map[string]json.RawMessage
	return parts, json.Unmarshal(data, &parts)
}

// object reads the members of an object after its brace.
func object(d *json.Decoder, depth int) error {
	seen := map[string]bool{}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return errors.New("its JSON is broken")
		}
		name := key.(string) // of an object, the decoder returns nothing else here
		if depth == 1 {
			name = strings.ToLower(name)
		}
		if seen[name] {
			return fmt.Errorf("%.40q stands in it twice", key)
		}
		seen[name] = true
		if err := value(d, depth); err != nil {
			return err
		}
	}
	return end(d)
}

// value reads a value of whatever kind.
func value(d *json.Decoder, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("it has more than %d levels", maxDepth)
	}
	token, err := d.Token()
	switch {
	case err != nil:
		return errors.New("its JSON is broken")
	case token == json.Delim('{'):
		return object(d, depth+1)
	case token != json.Delim('['):
		return nil
	}
	for d.More() {
		if err := value(d, depth+1); err != nil {
			return err
		}
	}
	return end(d)
}

// end reads the bracket that ends an object or a list.
func end(d *json.Decoder) error {
	if _, err := d.Token(); err != nil {
		return errors.New("its JSON is broken")
	}
	return nil
}
