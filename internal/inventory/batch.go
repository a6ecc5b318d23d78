package inventory

import (
	"bytes"
	"errors"
	"io"

	"tpmdps/internal/enroll"
	"tpmdps/internal/identity"
	"tpmdps/internal/manifest"
	"tpmdps/internal/text"
)

// maxSkipped bounds the list of lines that were left out.
const maxSkipped = 1000

// skipped notes what was left out.
func (i *Inventory) skipped(err error) {
	if i.Damaged++; len(i.Skipped) < maxSkipped {
		i.Skipped = append(i.Skipped, err)
	}
}

// batch reads a file with the sums of [manifest]. They are over the text: that the
// file was converted to UTF-16, or its line ends to CR LF, changes nothing in it.
func (b *reader) batch() error {
	for l, err := range manifest.Lines(&lineFeeds{b.in}) {
		var damage *manifest.DamageError
		switch {
		case err == nil:
		case !errors.As(err, &damage):
			return b.readFault(err)
		case !b.skip:
			return ofBatch{damage}
		default:
			b.inv.skipped(damage)
			if !damage.Usable {
				continue
			}
		}
		if err := b.emit(Entry{Line: l.Number, Record: l.Record, Settings: enroll.Settings{DeviceID: l.DeviceID}}); err != nil {
			return err
		}
	}
	return nil
}

// readFault is an error of the file below, as the other readers return it.
func (b *reader) readFault(err error) error {
	if errors.Is(err, text.ErrEncoding) && b.in.end != nil {
		return b.in.end
	}
	return err
}

// ofBatch is damage, which is a record that cannot be used, too.
type ofBatch struct{ damage *manifest.DamageError }

func (e ofBatch) Error() string { return e.damage.Error() }

// Unwrap returns the damage, and that it is of a record.
func (e ofBatch) Unwrap() []error { return []error{e.damage, identity.ErrRecord} }

// lineFeeds is a text without carriage returns, of which a line of a batch has none.
type lineFeeds struct{ from io.Reader }

func (l *lineFeeds) Read(p []byte) (int, error) {
	for {
		n, err := l.from.Read(p)
		kept := bytes.ReplaceAll(p[:n], []byte("\r"), nil)
		if len(kept) > 0 || err != nil {
			return copy(p, kept), err
		}
	}
}
