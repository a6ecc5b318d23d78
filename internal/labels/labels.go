// Package labels draws the labels that are put on boxes: a DataMatrix or QR code of the
// registration ID, the ID to be read by people, the serial number, and what was noted of
// the box. Machines come in one at a time and bytes go out: sheets of labels for a
// printer of paper (HTML, SVG), ZPL for a printer of labels, and one code for a terminal.
//
// Texts come from firmware and from files of other people. None of them can become markup
// or a printer's command: see [text.Printable], and the escaping of each format.
package labels

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"strings"

	"tpmdps/internal/host"
	"tpmdps/internal/identity"
	"tpmdps/internal/inventory"
	"tpmdps/internal/text"
)

var (
	// ErrSize is for labels that do not fit: what is on them, or they on a sheet.
	ErrSize = errors.New("the labels do not fit")
	// ErrAlike is for boxes that cannot all be labelled, such as two machines with one
	// registration ID.
	ErrAlike = errors.New("labels that would not tell the boxes apart")
)

// Formats of what is written.
const (
	HTML = "html" // a page for each sheet
	SVG  = "svg"  // one sheet, for programs that draw
	ZPL  = "zpl"  // a job for a printer of labels, which draws the code itself
)

// Options are how labels look.
type Options struct {
	Format string // HTML, SVG or ZPL
	Code   string // DataMatrix or QR
	Sheet  Sheet  // of ZPL only the size of a label counts
	Dots   int    // of a ZPL printer, in dots per inch: 203, 300 or 600
}

// Written is what became of the machines.
type Written struct {
	Labels   int // one for each machine
	Sheets   int // 0 for ZPL
	Repeated int // entries of a machine that has its label already
	Others   int // entries without a TPM, which get none
}

// writer writes labels in one format.
type writer interface {
	add(label) error
	// end is called after the last label, if there was one.
	end() (sheets int, err error)
}

// Write writes a label for each machine. Of an inventory without one nothing is written.
// Memory grows by the machines' IDs, not by what is drawn.
//
// The error is the one that came with the machines, or wraps [ErrSize], [ErrAlike] or
// identity.ErrRegistrationID. What was written before it is of no use.
func Write(w io.Writer, machines iter.Seq2[inventory.Entry, error], o Options) (Written, error) {
	var out writer
	switch o.Format {
	case ZPL:
		out = newPrinter(w, o)
	default:
		out = newPages(w, o)
	}
	done, err := walk(machines, out.add)
	if err == nil && done.Labels > 0 {
		done.Sheets, err = out.end()
	}
	return done, err
}

// Check is Write without writing: it returns the errors that are of the machines, not of a
// label's size, before a printer has begun.
func Check(machines iter.Seq2[inventory.Entry, error]) (Written, error) {
	return walk(machines, func(label) error { return nil })
}

// walk adds a label for each machine.
func walk(machines iter.Seq2[inventory.Entry, error], add func(label) error) (done Written, err error) {
	var alike inventory.Duplicates
	seen := map[string]bool{}
	for e, err := range machines {
		switch {
		case err != nil:
			return done, err
		case e.Other != "":
			done.Others++
			continue
		}
		alike.Add(e)
		if seen[e.Record.RegistrationID] {
			done.Repeated++
			continue
		}
		seen[e.Record.RegistrationID] = true
		l, err := labelOf(e.Record)
		if err == nil {
			err = add(l)
		}
		if err != nil {
			return done, fmt.Errorf("line %d: %w", e.Line, err)
		}
		done.Labels++
	}
	if err := alike.Err(); err != nil {
		return done, fmt.Errorf("%w: %w", ErrAlike, err)
	}
	return done, nil
}

// label is what is printed for a box, fit to be shown.
type label struct {
	id    string
	texts []string // below the ID, the more important ones first
}

// Characters of a text below the ID; more would not be readable.
const maxText = 80

func labelOf(r identity.Record) (label, error) {
	if err := identity.CheckRegistrationID(r.RegistrationID); err != nil {
		return label{}, err
	}
	l := label{id: r.RegistrationID}
	serial := text.OneLine(r.Host.Serial, maxText)
	if serial != "" && !host.Placeholder(strings.ToLower(strings.Join(strings.Fields(serial), ""))) {
		l.texts = append(l.texts, "S/N "+serial)
	}
	var notes []string
	for _, key := range slices.Sorted(maps.Keys(r.Labels)) {
		notes = append(notes, key+"="+r.Labels[key])
	}
	if len(notes) > 0 {
		l.texts = append(l.texts, text.OneLine(strings.Join(notes, ", "), maxText))
	}
	return l, nil
}
