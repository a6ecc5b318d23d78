package emulator

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"tpmdps/internal/atomicfile"
	"tpmdps/internal/chain"
)

// The layouts of the state's file: one object that was written as a whole, which is
// still read, and the log of today.
const (
	wholeSchema = "tpmdps/emulator/1"
	logSchema   = "tpmdps/emulator/2"
)

// Sizes in bytes.
const (
	// maxLine is more than the changes of the longest request, in each byte of
	// which JSON may escape.
	maxLine = 8 << 20
	// lineOverhead is what a line has beside its row.
	lineOverhead = 220
	// minCompaction is the garbage that is never worth a new file.
	minCompaction = 256 << 10
)

// logBegins are the first bytes of every line.
const logBegins = `{"line":`

// stateLog is the file that the state is in: a chain of lines (see package chain). The
// first has the policy, every other one what one request changed; so of a request
// all is kept or nothing.
type stateLog struct {
	file    *atomicfile.Owned
	lines   int
	head    string // the hash of the last line
	later   int64  // not to be compacted before it has this size
	written int64  // bytes since the start, for tests
}

// stateLine is one line, without its sum.
type stateLine struct {
	Line     int                          `json:"line"`
	Previous string                       `json:"previous"`
	Schema   string                       `json:"schema,omitempty"`
	Policy   *policy                      `json:"policy,omitempty"`
	Put      map[string][]json.RawMessage `json:"put,omitempty"`  // by the table's name
	Drop     map[string][]string          `json:"drop,omitempty"` // IDs
}

// seal numbers the line after another one, and returns it with its end.
func (l stateLine) seal(lines int, head string) ([]byte, error) {
	l.Line, l.Previous = lines+1, head
	data, err := json.Marshal(l)
	if err != nil {
		return nil, err
	}
	if data = append(chain.Seal(data), '\n'); len(data) > maxLine {
		return nil, fmt.Errorf("the change has %d bytes, more than %d", len(data), maxLine)
	}
	return data, nil
}

// first is the line that a log begins with.
func (st *state) first() stateLine { return stateLine{Schema: logSchema, Policy: &st.policy} }

// openState reads the state at path, or begins a new one where there is none. The
// file is this process's until the state is closed: a second emulator would write
// over what the first one has confirmed. It returns a sentence on what was repaired.
func openState(path string) (st *state, repaired string, err error) {
	st = newState()
	if path == "" {
		return st, "", nil
	}
	begin, err := st.first().seal(0, chain.Sum(nil))
	if err != nil {
		return nil, "", err
	}
	file, err := atomicfile.Own(path, begin, 0o600)
	if err != nil {
		return nil, "", err
	}
	st.log = &stateLog{file: file, head: chain.Sum(nil)}
	if repaired, err = st.load(); err != nil {
		return nil, "", errors.Join(fmt.Errorf("%s: %w", path, err), file.Close())
	}
	return st, repaired, nil
}

// close gives the file to the next one, with all that was changed in it.
func (st *state) close() error {
	if st.log == nil {
		return nil
	}
	return errors.Join(st.log.file.Sync(), st.log.file.Close())
}

// isFull tells whether the file is to be compacted: what is of use in it is a third
// or less.
func (st *state) isFull() bool {
	live := int64(minCompaction)
	for _, t := range st.tables() {
		live += 3 * t.liveSize()
	}
	return st.log.file.Size() > max(live, st.log.later)
}

// save appends to the file what has changed. It is called after every change and
// before the answer, so that a killed emulator forgets nothing that it has confirmed.
// After a power cut the last changes may be missing, and nothing else: it does not
// wait for the disk, since an emulator's enrollments are not worth that of each answer.
func (st *state) save() error {
	line, all, err := st.pending()
	if err == nil && st.log != nil && (line.Put != nil || line.Drop != nil) {
		err = st.write(line)
	}
	if err != nil {
		return fmt.Errorf("save state: %w", err)
	}
	for name, t := range st.tables() {
		t.settle(all[name])
	}
	if st.log != nil && st.isFull() && st.compact() != nil {
		st.log.later = 2 * st.log.file.Size() // the log has everything; it is tried again later
	}
	return nil
}

// pending is the line of all changes since the last save, and the changes by table.
func (st *state) pending() (line stateLine, all map[string][]change, err error) {
	all = map[string][]change{}
	for name, t := range st.tables() {
		if all[name], err = t.changes(); err != nil {
			return line, nil, err
		}
		for _, c := range all[name] {
			if c.row != nil {
				line.put(name, c.row)
				continue
			}
			if line.Drop == nil {
				line.Drop = map[string][]string{}
			}
			line.Drop[name] = append(line.Drop[name], c.id)
		}
	}
	return line, all, nil
}

func (l *stateLine) put(table string, row json.RawMessage) {
	if l.Put == nil {
		l.Put = map[string][]json.RawMessage{}
	}
	l.Put[table] = append(l.Put[table], row)
}

// write appends a line; a file that was removed is written again.
func (st *state) write(line stateLine) error {
	data, err := line.seal(st.log.lines, st.log.head)
	if err != nil {
		return err
	}
	if err := st.log.file.Append(data); errors.Is(err, fs.ErrNotExist) {
		return st.compact()
	} else if err != nil {
		return err
	}
	st.log.written += int64(len(data))
	st.log.lines++
	st.log.head = chain.Sum(data[:len(data)-1])
	return nil
}

// compact writes a new file with what is of use, and puts it where the old one is.
func (st *state) compact() error {
	lines, head := 0, chain.Sum(nil)
	add := func(w io.Writer, line stateLine) error {
		data, err := line.seal(lines, head)
		if err != nil {
			return err
		}
		lines, head = lines+1, chain.Sum(data[:len(data)-1])
		_, err = w.Write(data)
		return err
	}
	err := st.log.file.Put(func(w io.Writer) error {
		if err := add(w, st.first()); err != nil {
			return err
		}
		for _, name := range tableNames {
			if err := st.tables()[name].each(func(row json.RawMessage) error {
				var line stateLine
				line.put(name, row)
				return add(w, line)
			}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	st.log.written += st.log.file.Size()
	st.log.lines, st.log.head = lines, head
	st.log.later = 0
	return nil
}

// load reads the file, of whichever layout, line by line.
func (st *state) load() (repaired string, err error) {
	r := bufio.NewReader(st.log.file.Reader())
	if begin, _ := r.Peek(len(logBegins)); !bytes.HasPrefix([]byte(logBegins), begin) || len(begin) == 0 {
		return "", st.convert(r)
	}
	in := chain.NewLines(r, int(min(maxLine, st.log.file.Size()+1)))
	var end int64 // of the last whole line
	for {
		raw, err := in.Next()
		switch {
		case errors.Is(err, io.EOF):
			return "", nil
		case errors.Is(err, chain.ErrCut):
			if line, torn := st.torn(raw); torn {
				return st.repair(line, end)
			}
		case err == nil:
			err = st.follow(raw)
		}
		if err != nil {
			return "", damaged(st.log.lines+1, raw, err)
		}
		end += int64(len(raw)) + 1
	}
}
