package manifest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"tpmdps/internal/chain"
	"tpmdps/internal/disk"
	"tpmdps/internal/filelock"
	"tpmdps/internal/text"
)

// Batch is a batch file that is open for appending. It may be used by one goroutine;
// other processes may append to the same file at the same time.
type Batch struct {
	file    *os.File
	seen    *follower
	boxes   *index
	offset  int64 // how far it has read
	repairs []string
	waiting func()
}

// Open opens a batch for appending, and makes the file where it does not exist. It
// reads all of it. What a power cut or a stick that was pulled out has left of a last
// line is taken away, see [Batch.Repairs]; any other damage is a [*DamageError], and a
// file without a chain is [ErrPlain]. waiting is called when another process keeps the
// file locked, once for each wait; nil is nobody. The context bounds the wait.
func Open(ctx context.Context, path string, waiting func()) (*Batch, error) {
	// A line that goes into a pipe or a device is on no stick.
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		err := fmt.Errorf("open the batch: %s is not a regular file", path)
		if info.IsDir() {
			err = &disk.Error{Cause: disk.IsFolder, Path: path, Err: err}
		}
		return nil, err
	}
	// Not O_APPEND: on Windows such a file cannot be cut.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, disk.At(path, fmt.Errorf("open the batch: %w", err))
	}
	b := &Batch{file: f, boxes: newIndex(), waiting: waiting}
	if err := b.locked(ctx, b.begin); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return b, nil
}

// begin reads what is there; the file is locked.
func (b *Batch) begin(ctx context.Context) error {
	begin := make([]byte, 4096)
	n, err := b.file.ReadAt(begin, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return b.fault("read", err)
	}
	if isPlain(begin[:n]) {
		return fmt.Errorf("%s: %w: make a batch of it with tpmdps batch merge", b.file.Name(), ErrPlain)
	}
	b.seen = newFollower(false)
	b.seen.parse = parseNames
	return b.catchUp(ctx)
}

// Head is the value to note, as of the last line that was read or appended.
func (b *Batch) Head() Head { return Head{b.seen.lines, b.seen.head} }

// Repairs are sentences on what was put right at the end of the file.
func (b *Batch) Repairs() []string { return b.repairs }

// Close closes the file.
func (b *Batch) Close() error { return b.file.Close() }

// locked runs f while no other process appends.
func (b *Batch) locked(ctx context.Context, f func(context.Context) error) (err error) {
	if err := filelock.Lock(ctx, b.file, b.waiting); err != nil {
		return b.fault("lock", err)
	}
	defer func() {
		if again := filelock.Unlock(b.file); again != nil {
			err = errors.Join(err, b.fault("unlock", again))
		}
	}()
	return f(ctx)
}

func (b *Batch) fault(doing string, err error) error {
	return disk.At(b.file.Name(), fmt.Errorf("%s the batch: %w", doing, err))
}

// catchUp reads what others have appended, and puts the end right; the file is
// locked.
func (b *Batch) catchUp(ctx context.Context) error {
	if err := chain.InPlace(b.file); err != nil {
		return b.fault("append to", err)
	}
	size, err := chain.Size(b.file)
	if err != nil {
		return b.fault("read", err)
	}
	if size < b.offset {
		return fmt.Errorf("%w: %s: its end was cut off while it was in use", ErrDamaged, b.file.Name())
	}
	in := chain.NewLines(io.NewSectionReader(b.file, b.offset, size-b.offset), maxLine)
	for {
		if ctx.Err() != nil {
			return fmt.Errorf("read the batch: %w", context.Cause(ctx))
		}
		raw, err := in.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, chain.ErrCut):
			if line, torn := chain.Torn(raw, b.next()); torn {
				return b.repair(raw, line)
			}
		case err != nil && !errors.Is(err, chain.ErrLong):
			return b.fault("read", err)
		}
		l, _, err := b.seen.follow(raw, err)
		if err != nil {
			return fmt.Errorf("%s: %w", b.file.Name(), err)
		}
		b.boxes.add(namesOf(l.Record), l.Number)
		b.offset += int64(len(raw)) + 1
	}
}

// next is how the line begins that would be next.
func (b *Batch) next() []byte {
	return fmt.Appendf(nil, `%s%d,"previous":"%s",`, begins, b.seen.number+1, b.seen.head)
}

// repair puts the end of the file right: line, which has lost nothing but its end, gets
// that; without one the tail is taken away.
func (b *Batch) repair(tail, line []byte) error {
	number, end := b.seen.number+1, b.offset
	if line != nil {
		l, _, err := b.seen.follow(line, nil)
		if err != nil {
			return fmt.Errorf("%s: %w", b.file.Name(), err)
		}
		b.boxes.add(namesOf(l.Record), l.Number)
		b.offset += int64(len(line)) + 1
	}
	if err := chain.Mend(b.file, end, line); err != nil {
		return b.fault("repair", err)
	}
	if line != nil {
		b.repairs = append(b.repairs, fmt.Sprintf("line %d had lost its line end, which was put back; nothing is missing", number))
		return nil
	}
	box := "the box that was being read then"
	if _, rest, found := strings.Cut(string(tail), `"registration_id":"`); found {
		if id, _, whole := strings.Cut(rest, `"`); whole {
			box = text.Printable(id, 128)
		}
	}
	b.repairs = append(b.repairs, fmt.Sprintf("line %d was cut off, by a power cut or because the stick was pulled out, and was removed; read %s again", number, box))
	return nil
}
