package input

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
)

// Twice is an input that can be read again from its begin: a file, or what came from
// elsewhere and was kept.
type Twice struct {
	ctx  context.Context
	path string // of a file; "" for what was kept
	name string
	kept []byte
	temp *os.File // with what is more than keptInMemory; nil if nothing
	size int64
}

// keptInMemory is how much of an input is kept without a temporary file.
const keptInMemory = 1 << 20

// Again makes an input that can be read more than once of the one that is named, or,
// with other than nil, of what is open already. A file stays where it is; anything
// else is read to its end, up to limit bytes, and kept in memory or in a temporary
// file that nobody else may read. Errors are those of [Open] and [ReadAll].
func Again(ctx context.Context, name string, other io.Reader, limit int64) (*Twice, error) {
	t := &Twice{ctx: ctx, name: name}
	if other != nil {
		return t, t.keep(other, limit)
	}
	f, err := Open(ctx, name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if f.regular() {
		t.path = name
		return t, nil
	}
	return t, t.keep(f, limit)
}

// keep reads what cannot be read again.
func (t *Twice) keep(from io.Reader, limit int64) (err error) {
	begin, err := ReadAll(io.LimitReader(from, min(keptInMemory, limit+1)), t.name, limit)
	if err != nil || len(begin) < keptInMemory {
		t.kept = begin
		return err
	}
	if t.temp, err = os.CreateTemp("", "tpmdps-batch-*"); err != nil {
		return fmt.Errorf("keep what comes from %s: %w", t.name, err)
	}
	_ = os.Remove(t.temp.Name()) // where an open file can be removed, nothing is left of it
	t.size, err = io.Copy(t.temp, io.LimitReader(io.MultiReader(bytes.NewReader(begin), from), limit+1))
	switch {
	case err != nil && errors.Is(err, ErrTimeOver):
	case err != nil:
		err = Unreadable(t.name, err)
	case t.size > limit:
		err = fmt.Errorf("%w %s: it is larger than %d bytes", ErrUnreadable, t.name, limit)
	}
	if err != nil {
		err = errors.Join(err, t.Close())
	}
	return err
}

// Open returns it from its begin. Each is to be closed, and used before the next one.
func (t *Twice) Open() (io.ReadCloser, error) {
	switch {
	case t.path != "":
		f, err := Open(t.ctx, t.path)
		if err != nil {
			return nil, err
		}
		return f, nil
	case t.temp != nil:
		return io.NopCloser(io.NewSectionReader(t.temp, 0, t.size)), nil
	}
	return io.NopCloser(bytes.NewReader(t.kept)), nil
}

// Close removes what was kept.
func (t *Twice) Close() error {
	if t.temp == nil {
		return nil
	}
	err := t.temp.Close()
	_ = os.Remove(t.temp.Name()) // it may be gone already
	t.temp = nil
	return err
}
