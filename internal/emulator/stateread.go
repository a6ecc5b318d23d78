package emulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"tpmdps/internal/chain"
)

// follow reads the line that comes next, and does what it says.
func (st *state) follow(raw []byte) error {
	object, err := chain.Unseal(raw)
	if err != nil {
		return err
	}
	var line stateLine
	if err := json.Unmarshal(append(object, '}'), &line); err != nil {
		return err
	}
	first := st.log.lines == 0
	switch {
	case line.Line != st.log.lines+1:
		return fmt.Errorf("it is line %d: lines were removed, added or moved", line.Line)
	case line.Previous != st.log.head:
		return errors.New("it belongs to another line before it: that one was replaced")
	case first && line.Schema != logSchema:
		return fmt.Errorf("schema %q, want %q", line.Schema, logSchema)
	case first && (line.Policy == nil || line.Policy.Name == "" || len(line.Policy.Key) == 0):
		return errNoPolicy
	}
	if first {
		st.policy = *line.Policy
	}
	if err := st.apply(line); err != nil {
		return err
	}
	st.log.lines, st.log.head = line.Line, chain.Sum(raw)
	return nil
}

var errNoPolicy = errors.New("no policy key in it")

// apply does to the tables what a line says.
func (st *state) apply(line stateLine) error {
	tables := st.tables()
	for name, rows := range line.Put {
		t := tables[name]
		if t == nil {
			return fmt.Errorf("it has %.40q, which this version does not know", name)
		}
		for _, row := range rows {
			if err := t.restore(row); err != nil {
				return err
			}
		}
	}
	for name, ids := range line.Drop {
		t := tables[name]
		if t == nil {
			return fmt.Errorf("it drops %.40q, which this version does not know", name)
		}
		for _, id := range ids {
			t.drop(id)
		}
	}
	return nil
}

// torn is [chain.Torn] for the line that would be next. The first line is never written
// alone.
func (st *state) torn(tail []byte) (line []byte, torn bool) {
	if st.log.lines == 0 {
		return nil, false
	}
	return chain.Torn(tail, fmt.Appendf(nil, `%s%d,"previous":"%s",`, logBegins, st.log.lines+1, st.log.head))
}

// repair puts the end of the file right, after end: a line that has lost nothing but
// its line end gets that, any other, nil, is taken away. Its request was not answered.
func (st *state) repair(whole []byte, end int64) (string, error) {
	number := st.log.lines + 1
	if whole == nil {
		return fmt.Sprintf("line %d was cut off when an emulator was killed, before it answered, and was removed", number), st.log.file.Truncate(end)
	}
	whole = bytes.Clone(whole)
	if err := st.follow(whole); err != nil {
		return "", damaged(number, whole, err)
	}
	err := errors.Join(st.log.file.Truncate(end+int64(len(whole))), st.log.file.Append([]byte("\n")))
	return fmt.Sprintf("line %d had lost its line end, which was put back; nothing is missing", number), err
}

// damaged says which line cannot be used, and what can.
func damaged(number int, raw []byte, err error) error {
	whole := func(line []byte) bool { _, err := chain.Unseal(line); return err == nil }
	err = chain.Fault(raw, number == 1, whole, err)
	switch {
	case number == 1:
		return fmt.Errorf("line 1 cannot be used: %w", err)
	case number == 2:
		return fmt.Errorf("line 2 cannot be used: %w; line 1 is whole", err)
	}
	return fmt.Errorf("line %d cannot be used: %w; the %d lines before it are whole", number, err, number-1)
}

// wholeState is the state as it was written before there was a log.
type wholeState struct {
	Schema        string            `json:"schema"`
	Policy        policy            `json:"policy"`
	Enrollments   []json.RawMessage `json:"enrollments"`
	Groups        []json.RawMessage `json:"enrollmentGroups"`
	Registrations []json.RawMessage `json:"registrations"`
}

// convert reads the state of an earlier version and makes a log of it.
func (st *state) convert(r io.Reader) error {
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	var old wholeState
	if err := json.Unmarshal(data, &old); err != nil {
		first, _, _ := bytes.Cut(data, []byte("\n"))
		return damaged(1, first, err)
	}
	if old.Schema != wholeSchema {
		return fmt.Errorf("schema %q, want %q", old.Schema, logSchema)
	}
	if old.Policy.Name == "" || len(old.Policy.Key) == 0 {
		return errNoPolicy
	}
	st.policy = old.Policy
	if err := st.apply(stateLine{Put: map[string][]json.RawMessage{
		"enrollments": old.Enrollments, "enrollmentGroups": old.Groups, "registrations": old.Registrations,
	}}); err != nil {
		return err
	}
	return st.compact()
}
