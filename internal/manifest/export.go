package manifest

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"time"

	"tpmdps/internal/text"
)

// labelColumn begins the name of a column that has a label.
const labelColumn = "label:"

// maxLabelColumns bounds how many different labels a table may have.
const maxLabelColumns = 200

// maxCell bounds a cell, in characters; nothing that is exported is longer.
const maxCell = 4096

// columns are those of a table, beside the labels.
var columns = []struct {
	name string
	of   func(Line) string
}{
	{"line", func(l Line) string { return strconv.Itoa(l.Number) }},
	{"registration_id", func(l Line) string { return l.Record.RegistrationID }},
	{"device_id", func(l Line) string { return l.DeviceID }},
	{"serial", func(l Line) string { return l.Record.Host.Serial }},
	{"hostname", func(l Line) string { return l.Record.Host.Hostname }},
	{"manufacturer", func(l Line) string { return l.Record.Host.Manufacturer }},
	{"product", func(l Line) string { return l.Record.Host.Product }},
	{"uuid", func(l Line) string { return l.Record.Host.UUID }},
	{"operator", func(l Line) string { return l.Record.Operator }},
	{"read_at", func(l Line) string {
		if l.Record.ReadAt.IsZero() {
			return ""
		}
		return l.Record.ReadAt.UTC().Format(time.RFC3339)
	}},
	{"endorsement_key", func(l Line) string { return l.Record.EndorsementKey }},
}

// Exported is what became of a batch that was written as a table.
type Exported struct {
	Rows    int
	Skipped []error // what was left out, or used anyway, as [Lines] says it
}

// Export writes a batch as CSV (RFC 4180, UTF-8 with a byte order mark, as Excel wants
// it), with a column for each label, so that enroll --from reads it again. It reads the
// batch twice. Cells that a spreadsheet would take for a formula are guarded: see
// [text.GuardCell]. A bad line ends it, unless skip says to leave such lines out.
func Export(w io.Writer, r io.ReadSeeker, skip bool) (Exported, error) {
	labels, err := labelNames(r, skip)
	if err != nil {
		return Exported{}, err
	}
	if _, err := io.WriteString(w, "\ufeff"); err != nil {
		return Exported{}, err
	}
	out := csv.NewWriter(w)
	out.UseCRLF = true
	var head []string
	for _, c := range columns {
		head = append(head, c.name)
	}
	for _, name := range labels {
		head = append(head, labelColumn+name)
	}
	if err := out.Write(head); err != nil {
		return Exported{}, err
	}
	var done Exported
	for l, err := range Lines(r) {
		if err != nil {
			if !skippable(err, skip) {
				return done, err
			}
			done.Skipped = note(done.Skipped, err)
			if !usable(err) {
				continue
			}
		}
		if err := out.Write(cells(l, labels)); err != nil {
			return done, err
		}
		done.Rows++
	}
	out.Flush()
	return done, out.Error()
}

// ExportFile is [Export] to a file, which must not exist.
func ExportFile(path string, r io.ReadSeeker, skip bool) (done Exported, err error) {
	err = newFile(path, func(f *os.File) error {
		out := bufio.NewWriter(f)
		var err error
		if done, err = Export(out, r, skip); err != nil {
			return err
		}
		return out.Flush()
	})
	return done, err
}

// cells are a box's row.
func cells(l Line, labels []string) []string {
	var row []string
	for _, c := range columns {
		row = append(row, text.GuardCell(text.Printable(c.of(l), maxCell)))
	}
	for _, name := range labels {
		row = append(row, text.GuardCell(text.Printable(l.Record.Labels[name], maxCell)))
	}
	return row
}

// labelNames are those of all labels of a batch, which is read, and wound back.
func labelNames(r io.ReadSeeker, skip bool) ([]string, error) {
	names := map[string]bool{}
	for l, err := range Lines(r) {
		if err != nil && !skippable(err, skip) {
			return nil, err
		}
		for name := range l.Record.Labels {
			names[name] = true
		}
		if len(names) > maxLabelColumns {
			return nil, fmt.Errorf("line %d: there are more than %d different labels, too many for the columns of a table", l.Number, maxLabelColumns)
		}
	}
	_, err := r.Seek(0, io.SeekStart)
	return slices.Sorted(maps.Keys(names)), err
}

// skippable tells whether a bad line is to be left out, and may be.
func skippable(err error, skip bool) bool {
	var damage *DamageError
	return skip && errors.As(err, &damage)
}

// usable tells whether a box came with an error.
func usable(err error) bool {
	var damage *DamageError
	return errors.As(err, &damage) && damage.Usable
}

// maxNotes bounds a list of errors.
const maxNotes = 1000

func note(list []error, err error) []error {
	if len(list) < maxNotes {
		list = append(list, err)
	}
	return list
}
