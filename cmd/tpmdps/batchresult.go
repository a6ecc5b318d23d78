package main

import (
	"fmt"
	"io"
	"maps"
	"time"

	"tpmdps/internal/manifest"
	"tpmdps/internal/text"
)

// batchReport is what a batch was found to be.
type batchReport struct {
	File     string `json:"file"`
	Lines    int    `json:"lines"`
	Boxes    int    `json:"boxes"`
	Head     string `json:"head"`
	FirstBad int    `json:"first_bad_line"`
	HeadLine int    `json:"head_line"`
}

func (r batchReport) lines() []any { return []any{r} }

func (r batchReport) fields() [][]string {
	return [][]string{{r.File, fmt.Sprint(r.Lines), fmt.Sprint(r.Boxes), r.Head, fmt.Sprint(r.FirstBad), fmt.Sprint(r.HeadLine)}}
}

func (r batchReport) show(w io.Writer) error {
	rows := [][]string{{"good lines", fmt.Sprint(r.Lines)}, {"boxes", fmt.Sprint(r.Boxes)}, {"head", r.Head}}
	if r.FirstBad > 0 {
		rows = append(rows, []string{"first bad line", fmt.Sprint(r.FirstBad)})
	}
	if r.HeadLine > 0 {
		rows = append(rows, []string{"noted head", fmt.Sprint("line ", r.HeadLine)})
	}
	return table(w, nil, rows)
}

// batchList is a batch box by box.
type batchList struct {
	Boxes   []batchBox `json:"boxes"`
	Skipped []string   `json:"skipped"`

	rows    [][]string
	devices bool // some have a device ID of their own
}

// batchBox is a box of a batch.
type batchBox struct {
	Line           int               `json:"line"`
	RegistrationID string            `json:"registration_id"`
	DeviceID       string            `json:"device_id"`
	Hostname       string            `json:"hostname"`
	Serial         string            `json:"serial"`
	Operator       string            `json:"operator"`
	ReadAt         time.Time         `json:"read_at"`
	Labels         map[string]string `json:"labels"`
}

func (r *batchList) add(l manifest.Line) {
	b := l.Record
	r.Boxes = append(r.Boxes, batchBox{l.Number, b.RegistrationID, l.DeviceID, b.Host.Hostname, b.Host.Serial, b.Operator, b.ReadAt, maps.Clone(b.Labels)})
	row := l.Row()
	r.rows = append(r.rows, []string{fmt.Sprint(row.Line), row.RegistrationID, row.DeviceID, row.Hostname, row.Serial, row.Labels})
	r.devices = r.devices || row.DeviceID != ""
}

func (r batchList) lines() []any {
	return asLines(r.Boxes)
}

func (r batchList) fields() [][]string { return r.rows }

func (r batchList) show(w io.Writer) error {
	if len(r.rows) == 0 {
		_, err := fmt.Fprintln(w, "no boxes")
		return err
	}
	header, rows := []string{"LINE", "REGISTRATION ID", "DEVICE ID", "HOST", "SERIAL", "LABELS"}, r.rows
	if !r.devices {
		header, rows = without(header, 2), nil
		for _, row := range r.rows {
			rows = append(rows, without(row, 2))
		}
	}
	return table(w, header, rows)
}

// without is a row without one of its cells.
func without(row []string, at int) []string {
	return append(append([]string{}, row[:at]...), row[at+1:]...)
}

// mergeResult is what became of several batches.
type mergeResult struct {
	File       string          `json:"file"` // "" where nothing was written
	Boxes      int             `json:"boxes"`
	Duplicates int             `json:"duplicates"`
	Head       string          `json:"head"`
	Conflicts  []batchConflict `json:"conflicts"`
	Skipped    []string        `json:"skipped"`
}

// batchConflict are two boxes that cannot be in one batch.
type batchConflict struct {
	First  string `json:"first"`
	Second string `json:"second"`
	What   string `json:"what"`
	Value  string `json:"value"`
}

func (r mergeResult) lines() []any { return []any{r} }

func (r mergeResult) fields() [][]string {
	return [][]string{{r.File, fmt.Sprint(r.Boxes), fmt.Sprint(r.Duplicates), r.Head, fmt.Sprint(len(r.Conflicts)), fmt.Sprint(len(r.Skipped))}}
}

func (r mergeResult) show(w io.Writer) error {
	if r.File == "" {
		var rows [][]string
		for _, c := range r.Conflicts {
			rows = append(rows, []string{c.First, c.Second, c.What, c.Value})
		}
		if len(rows) == 0 {
			return nil
		}
		return table(w, []string{"FIRST", "SECOND", "THE SAME", "WHICH IS"}, rows)
	}
	again := ""
	if r.Duplicates > 0 {
		again = fmt.Sprintf(" (%s of boxes that were there before)", text.Count(r.Duplicates, "line"))
	}
	_, err := fmt.Fprintf(w, "wrote %s: %s%s\nhead:\n%s\n", r.File, boxes(r.Boxes), again, r.Head)
	return err
}

// exportResult is what was written as a table.
type exportResult struct {
	File    string   `json:"file"`
	Rows    int      `json:"rows"`
	Skipped []string `json:"skipped"`
}

func (r exportResult) lines() []any { return []any{r} }

func (r exportResult) fields() [][]string {
	return [][]string{{r.File, fmt.Sprint(r.Rows), fmt.Sprint(len(r.Skipped))}}
}

func (r exportResult) show(w io.Writer) error {
	_, err := fmt.Fprintf(w, "wrote %s: %s\n", r.File, boxes(r.Rows))
	return err
}

// boxes counts boxes: the plural is not box with an s.
func boxes(n int) string {
	if n == 1 {
		return "1 box"
	}
	return fmt.Sprint(n, " boxes")
}
