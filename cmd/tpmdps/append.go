package main

import (
	"cmp"
	"fmt"
	"io"

	"github.com/urfave/cli/v2"

	"tpmdps/internal/commandline"
	"tpmdps/internal/identity"
	"tpmdps/internal/manifest"
)

// appendFlags are on the commands that read a box into a batch.
func appendFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "append", Usage: "add the box to the batch in `FILE`, which is made if it is not there"},
		&cli.StringFlag{Name: "operator", Usage: "keep in the record who reads the box, a `NAME`"},
		&cli.StringFlag{Name: "expect-label", Usage: "require that a scanned label, `TEXT`, is the box's registration ID or serial number"},
		&cli.BoolFlag{Name: "again", Usage: "with --append: add a box that is in the batch already, with a new line"},
	}
}

// appendOptions say what is noted of a box, and in which batch.
type appendOptions struct {
	file, operator, label string // label is what was scanned
	again                 bool
}

func readAppendOptions(f flags) (appendOptions, error) {
	o := appendOptions{file: f.text("append"), operator: f.text("operator"), label: f.text("expect-label"), again: f.yes("again")}
	if o.again && o.file == "" {
		return o, fmt.Errorf("%w: --again requires --append", commandline.ErrUsage)
	}
	return o, nil
}

// openBatch opens the batch before the chip is read, so that a missing stick is found
// before a slow chip. Without --append it is nil.
func (s *session) openBatch(o appendOptions) (*manifest.Batch, error) {
	if o.file == "" {
		return nil, nil
	}
	b, err := manifest.Open(s.ctx, o.file, func() { s.say("waiting: another program keeps %s locked", o.file) })
	if err != nil {
		return nil, err
	}
	for _, repair := range b.Repairs() {
		s.warn(o.file + ": " + repair)
	}
	return b, nil
}

// note completes a record with what the options say, and compares the label.
func (o appendOptions) note(r *identity.Record) error {
	r.Operator = cmp.Or(o.operator, r.Operator)
	if o.label == "" {
		return nil
	}
	return manifest.CheckLabel(o.label, *r)
}

// appendTo adds a box to the batch.
func (s *session) appendTo(b *manifest.Batch, o appendOptions, r identity.Record) (*appended, error) {
	done, err := b.Append(s.ctx, r, manifest.AppendOptions{Again: o.again})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.file, err)
	}
	if !done.Already {
		s.did("%s has the box in line %d", o.file, done.Line)
	}
	a := &appended{File: o.file, Line: done.Line, Already: done.Already, Head: done.Head.String(), otherBox: done.OtherBox(r)}
	switch {
	case a.otherBox != nil:
		a.otherBox = fmt.Errorf("%s: %w", o.file, a.otherBox)
		a.but = a.otherBox.Error()
	case done.OtherID:
		a.but = fmt.Sprintf("%s: this box is in line %d under another registration ID than %s", o.file, done.Line, r.RegistrationID)
	}
	return a, nil
}

// appended is what became of a box in a batch.
type appended struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Already bool   `json:"already"` // it was there, and nothing was added
	Head    string `json:"head"`

	but      string // what somebody should look at, "" for nothing
	otherBox error  // the chip is there, and the box is another one
}

// show says in which line the box is, and what to note.
func (a appended) show(w io.Writer) error {
	said := fmt.Sprintf("%s: line %d", a.File, a.Line)
	if a.Already {
		said = fmt.Sprintf("%s: already in this batch, line %d; nothing was added (--again adds a line)", a.File, a.Line)
	}
	_, err := fmt.Fprintf(w, "%s\nnote the head at the end of the shift:\n%s\n", said, a.Head)
	return err
}
