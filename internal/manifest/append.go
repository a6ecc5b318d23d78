package manifest

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strings"

	"tpmdps/internal/chain"
	"tpmdps/internal/identity"
	"tpmdps/internal/text"
)

// AppendOptions are what is said of a box beside what its chip says.
type AppendOptions struct {
	Labels      map[string]string // added to those of the record
	Operator    string            // who reads the box; "" keeps the record's
	DeviceID    string            // name in the hub, "" for none
	ExpectLabel string            // a code that was scanned: see [CheckLabel]; "" for none
	Again       bool              // append a box that is there already
}

// Appended is what became of a box.
type Appended struct {
	// Line is the number of its line: the new one, or the one that was there.
	Line int
	// Already tells that the box was there, and nothing was appended.
	Already bool
	// OtherID tells that the line that was there has another registration ID.
	OtherID bool
	// OtherSerial tells that it has another serial number: the board was moved.
	OtherSerial bool
	// Head is the value to note.
	Head Head
}

// OtherBox is [ErrConflict] where the chip was there with another serial number, and nothing
// was appended: who holds the box, holds one that is not in the batch.
func (a Appended) OtherBox(r identity.Record) error {
	if !a.Already || !a.OtherSerial {
		return nil
	}
	return fmt.Errorf("%w: line %d has the same endorsement key and another serial number than %s, so this box was not added: its chip or board was moved here from another box, or is a copy",
		ErrConflict, a.Line, text.Printable(strings.TrimSpace(r.Host.Serial), 128))
}

// Append writes a box after the last line, no matter who wrote that, and returns when it is
// on the disk. A box is known by its endorsement key: one that is there is not
// appended, unless that is asked for. The error is [ErrConflict] for another box with
// the same registration ID or serial number, and for a box that is to be appended
// again under another ID; [ErrLabelMismatch]; [identity.ErrRecord] or
// [identity.ErrLabel] for what cannot be written.
func (b *Batch) Append(ctx context.Context, r identity.Record, o AppendOptions) (done Appended, err error) {
	l, err := lineOf(r, o)
	if err != nil {
		return Appended{}, err
	}
	err = b.locked(ctx, func(ctx context.Context) error {
		done, err = b.append(ctx, l, o.Again)
		return err
	})
	return done, err
}

// lineOf is the line of a record, without its place.
func lineOf(r identity.Record, o AppendOptions) (Line, error) {
	r.Schema = identity.Schema
	labels := maps.Clone(r.Labels)
	if labels == nil {
		labels = map[string]string{}
	}
	maps.Copy(labels, o.Labels)
	r.Labels = labels
	if o.Operator != "" {
		r.Operator = o.Operator
	}
	for key, value := range o.Labels {
		if err := identity.CheckLabel(key, value); err != nil {
			return Line{}, err
		}
	}
	if o.DeviceID != "" && !identity.IsDeviceID(o.DeviceID) {
		return Line{}, fmt.Errorf("%w: %q cannot be the name of a device", identity.ErrRecord, text.Printable(o.DeviceID, 140))
	}
	if o.ExpectLabel != "" {
		if err := CheckLabel(o.ExpectLabel, r); err != nil {
			return Line{}, err
		}
	}
	whole, err := json.Marshal(r)
	if err != nil {
		return Line{}, err
	}
	if r, err = identity.ParseRecord(whole); err != nil { // as it will be read back
		return Line{}, fmt.Errorf("append to the batch: %w", err)
	}
	return Line{Record: r, DeviceID: o.DeviceID, Chained: true}, nil
}

// append writes a line, unless its box is there; the file is locked.
func (b *Batch) append(ctx context.Context, l Line, again bool) (Appended, error) {
	if err := b.catchUp(ctx); err != nil {
		return Appended{}, err
	}
	n := namesOf(l.Record)
	if at, what := b.boxes.clash(n); what != "" {
		return Appended{}, conflict(l.Record, at.line, what)
	}
	if there, is := b.boxes.find(n); is {
		otherID := there.id != n.id
		otherSerial := there.serial != n.serial && !there.noSerial && !n.noSerial
		switch {
		case !again:
			return Appended{there.line, true, otherID, otherSerial, b.Head()}, nil
		case otherID:
			return Appended{}, fmt.Errorf("%w: this box is in line %d under another registration ID than %s, and would be enrolled twice",
				ErrConflict, there.line, text.Printable(l.Record.RegistrationID, 128))
		}
		l.Again = there.line
	}
	l.Number, l.previous = b.seen.number+1, b.seen.head
	raw, err := encode(l)
	if err != nil {
		return Appended{}, fmt.Errorf("append to the batch: %w", err)
	}
	if err := b.write(ctx, raw); err != nil {
		return Appended{}, err
	}
	return Appended{Line: l.Number, Head: b.Head()}, nil
}

// write brings a line to the disk, with the name of the file.
func (b *Batch) write(ctx context.Context, raw []byte) error {
	if err := chain.Append(b.file, b.offset, raw); err != nil {
		return b.fault("append to", err)
	}
	if err := chain.SyncFolder(b.file.Name()); err != nil {
		return b.fault("append to", err)
	}
	return b.catchUp(context.WithoutCancel(ctx)) // it is written, whatever the time
}

// conflict is the error of a box that clashes with the one of a line.
func conflict(r identity.Record, line int, what string) error {
	value := r.RegistrationID
	if what == sameSerial {
		value = strings.TrimSpace(r.Host.Serial)
	}
	return fmt.Errorf("%w: line %d has the same %s, %s, and another endorsement key: another box, a swapped chip or board, or a copied label",
		ErrConflict, line, what, text.Printable(value, 128))
}
