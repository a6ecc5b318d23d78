package identity

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"tpmdps/internal/text"
)

// ParseRecords reads the records of a batch: JSON objects one after the other, on
// a line each or over several, or arrays of them; in any encoding that Windows
// writes. Each record is read by [ParseRecord]. The error wraps [ErrRecord] or
// [text.ErrEncoding], and names the line, counted from 1.
func ParseRecords(data []byte) ([]Record, error) {
	decoded, err := text.Decode(data)
	if err != nil {
		return nil, err
	}
	b := batch{data: decoded.UTF8}
	b.dec = json.NewDecoder(bytes.NewReader(b.data))
	for {
		switch err := b.next(); {
		case errors.Is(err, io.EOF):
			return b.records, nil
		case err != nil:
			return nil, err
		}
	}
}

// batch is a text of which records are read one after the other.
type batch struct {
	data    []byte
	dec     *json.Decoder
	records []Record
}

// next reads a record, or an array of them.
func (b *batch) next() error {
	if begin := b.begin(); begin < len(b.data) && b.data[begin] == '[' {
		return b.array()
	}
	return b.record()
}

func (b *batch) array() error {
	start := b.dec.InputOffset()
	if _, err := b.dec.Token(); err != nil {
		return b.fault(start, err)
	}
	for first := true; b.dec.More(); first = false {
		start = b.dec.InputOffset()
		if rest := bytes.TrimLeft(b.data[start:], " \t\r\n"); !first && !bytes.HasPrefix(rest, []byte(",")) {
			return fmt.Errorf("line %d: %w: a comma is missing before it", b.line(start), ErrRecord)
		}
		if err := b.record(); err != nil {
			return err
		}
	}
	start = b.dec.InputOffset()
	if _, err := b.dec.Token(); err != nil {
		return fmt.Errorf("line %d: %w: the list of records breaks off: its ] is missing", b.line(start), ErrRecord)
	}
	return nil
}

func (b *batch) record() error {
	start, begin := b.dec.InputOffset(), b.begin()
	var raw json.RawMessage
	if err := b.dec.Decode(&raw); errors.Is(err, io.EOF) {
		return err
	} else if err != nil {
		return b.fault(start, err)
	}
	r, err := ParseRecord(raw)
	var format *FormatError
	switch {
	case err == nil:
		b.records = append(b.records, r)
		return nil
	case errors.As(err, &format):
		return fmt.Errorf("line %d: %w", b.line(start), err)
	}
	line := b.line(start)
	var at *text.JSONError
	if errors.As(err, &at) {
		line = 1 + bytes.Count(b.data[:begin], []byte("\n")) + at.Line - 1
	}
	return fmt.Errorf("line %d: %w", line, err)
}

// begin is where the next value begins, after white space and a comma.
func (b *batch) begin() int {
	rest := b.data[b.dec.InputOffset():]
	return len(b.data) - len(bytes.TrimLeft(rest, " \t\r\n,"))
}

// line is the number of the line of the next value after an offset.
func (b *batch) line(offset int64) int {
	rest := b.data[offset:]
	begin := len(b.data) - len(bytes.TrimLeft(rest, " \t\r\n,"))
	return 1 + bytes.Count(b.data[:begin], []byte("\n"))
}

// fault says what is wrong with text that is not JSON. People put keys where
// records belong, so those are named.
func (b *batch) fault(start int64, err error) error {
	rest := b.data[start:]
	begin := len(b.data) - len(bytes.TrimLeft(rest, " \t\r\n,"))
	value := b.data[begin:]
	first := 1 + bytes.Count(b.data[:begin], []byte("\n"))
	if len(value) > 0 && value[0] != '{' && value[0] != '[' {
		line, _, _ := bytes.Cut(value, []byte("\n"))
		if reason := notARecord(line, value); reason != "" {
			return fmt.Errorf("line %d: %w: %s", first, ErrRecord, reason)
		}
	}
	line, reason := text.JSONFault(value, err)
	return fmt.Errorf("line %d: %w: %s", first+line-1, ErrRecord, reason)
}

// notARecord recognises what is given for a batch and is something else.
func notARecord(line, all []byte) string {
	const write = `, not a record; write {"endorsement_key":"…"} with a registration_id beside it, or give the one key with --ek`
	for _, candidate := range [][]byte{line, all[:min(len(all), maxEKText)]} {
		_, err := ParseEndorsementKey(string(candidate))
		var format *FormatError
		if err == nil || errors.As(err, &format) && (format.Convert != "" || format.Differs != "") {
			return "it is a key" + write
		}
	}
	switch {
	case bytes.Count(line, []byte(",")) > 1 || bytes.Count(line, []byte(";")) > 1 || bytes.Count(line, []byte("\t")) > 0:
		return "it is a table (CSV), not records in JSON"
	case bytes.HasPrefix(all, []byte("<")):
		return "it is XML or HTML, not records in JSON"
	case bytes.HasPrefix(all, []byte("PK\x03\x04")):
		return "it is a zip file or a workbook, not records in JSON"
	}
	return ""
}
