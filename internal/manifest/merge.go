package manifest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"tpmdps/internal/chain"
	"tpmdps/internal/disk"
	"tpmdps/internal/text"
)

// Source is a batch, or a plain list of records, that is merged.
type Source struct {
	Name string        // for people, such as the file's
	R    io.ReadSeeker // read twice from its begin
}

// Place is a line of a source.
type Place struct {
	Source string
	Line   int
}

// String is such as "stick2.jsonl, line 7".
func (p Place) String() string { return fmt.Sprintf("%s, line %d", p.Source, p.Line) }

// Clash are two boxes that cannot be in one batch.
type Clash struct {
	First, Second Place
	What          string // what they have in common, and must not
	Value         string // that, fit to be printed
}

// Merged is what became of several batches.
type Merged struct {
	Boxes      int     // lines of the new batch
	Duplicates int     // lines of boxes that were in the sources before: the last one of each counts
	Clashes    []Clash // the first of them; nothing was written
	Skipped    []error // bad lines that were left out, or used anyway: see [Lines]
	Head       Head
}

// Merge writes the boxes of all sources to a new batch, which must not exist, each
// once: the last line of a box counts. The error is [ErrConflict] where boxes clash, or
// that of a bad line with its source; skip says to leave bad lines out.
func Merge(path string, sources []Source, skip bool) (Merged, error) {
	m := merging{last: map[key]winner{}, boxes: newIndex(), skip: skip}
	for at, s := range sources {
		if err := m.survey(at, s); err != nil {
			return m.done, err
		}
	}
	if n := m.clashes; n > 0 {
		c := m.done.Clashes[0]
		return m.done, fmt.Errorf("%w: %s and %s have the same %s, %s (conflicts in all: %d); nothing was written", ErrConflict, c.First, c.Second, c.What, c.Value, n)
	}
	err := newFile(path, func(f *os.File) error { return m.write(f, sources) })
	return m.done, err
}

// newFile makes a file that must not exist, and brings it to the disk. Nothing is left of
// one that could not be written.
func newFile(path string, write func(*os.File) error) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s: %w", path, ErrExists)
	}
	if err != nil {
		return disk.At(path, fmt.Errorf("make the file: %w", err))
	}
	if err := write(f); err != nil {
		return errors.Join(disk.At(path, err), f.Close(), os.Remove(path))
	}
	err = errors.Join(f.Sync(), f.Close())
	if err == nil {
		err = chain.SyncFolder(path)
	}
	if err != nil {
		return errors.Join(disk.At(path, fmt.Errorf("make the file: %w", err)), os.Remove(path))
	}
	return nil
}

// merging is what is known after the sources were read once.
type merging struct {
	last    map[key]winner // of each box
	boxes   *index
	places  []struct{ source, line int32 } // of the boxes of the index, by its lines
	sources []Source
	clashes int
	skip    bool
	done    Merged
}

// winner is the line of a box that counts.
type winner struct {
	source, line int
	id           key
}

// maxClashes bounds how many clashes are listed.
const maxClashes = 20

// survey reads a source for the first time.
func (m *merging) survey(at int, s Source) error {
	m.sources = append(m.sources, s)
	return m.read(s, func(l Line) error {
		n := namesOf(l.Record)
		first, is := m.last[n.ek]
		other, what := m.boxes.clash(n)
		switch {
		case is && first.id != n.id:
			m.clash(Place{m.sources[first.source].Name, first.line}, Place{s.Name, l.Number}, "endorsement key under two registration IDs, the second one", l.Record.RegistrationID)
			return nil
		case what != "":
			value := l.Record.RegistrationID
			if what == sameSerial {
				value = l.Record.Host.Serial
			}
			p := m.places[other.line]
			m.clash(Place{m.sources[p.source].Name, int(p.line)}, Place{s.Name, l.Number}, what, value)
			return nil
		case is:
			m.done.Duplicates++
		}
		m.last[n.ek] = winner{at, l.Number, n.id}
		m.boxes.add(n, len(m.places))
		m.places = append(m.places, struct{ source, line int32 }{int32(at), int32(l.Number)})
		return nil
	})
}

func (m *merging) clash(first, second Place, what, value string) {
	m.clashes++
	if len(m.done.Clashes) < maxClashes {
		m.done.Clashes = append(m.done.Clashes, Clash{first, second, what, text.Printable(value, 128)})
	}
}

// read hands over the lines of a source that may be used.
func (m *merging) read(s Source, use func(Line) error) error {
	if _, err := s.R.Seek(0, io.SeekStart); err != nil {
		return disk.At(s.Name, fmt.Errorf("read %s: %w", s.Name, err))
	}
	for l, err := range Lines(s.R) {
		if err != nil {
			err = fmt.Errorf("%s: %w", s.Name, err)
			if !skippable(err, m.skip) {
				return disk.At(s.Name, err)
			}
			m.done.Skipped = note(m.done.Skipped, err)
			if !usable(err) {
				continue
			}
		}
		if err := use(l); err != nil {
			return err
		}
	}
	return nil
}

// write reads the sources again, and writes the lines that count.
func (m *merging) write(f *os.File, sources []Source) error {
	out := bufio.NewWriter(f)
	head := chain.Sum(nil)
	m.done.Skipped = nil // they come once more
	for at, s := range sources {
		err := m.read(s, func(l Line) error {
			n := namesOf(l.Record)
			if w := m.last[n.ek]; w.source != at || w.line != l.Number {
				return nil
			}
			m.done.Boxes++
			raw, err := encode(Line{Number: m.done.Boxes, DeviceID: l.DeviceID, Record: l.Record, previous: head})
			if err != nil {
				return fmt.Errorf("%s, line %d: %w", s.Name, l.Number, err)
			}
			head = chain.Sum(raw)
			if _, err := out.Write(append(raw, '\n')); err != nil {
				return err
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	if m.done.Boxes != len(m.last) {
		return errors.New("a source was changed while it was read")
	}
	m.done.Head = Head{m.done.Boxes, head}
	return out.Flush()
}
