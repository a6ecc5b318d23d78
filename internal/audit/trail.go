package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"tpmdps/internal/chain"
	"tpmdps/internal/disk"
)

// Trail is an open file. It may be used by one goroutine; other processes may
// append to the same file at the same time.
type Trail struct {
	file    *os.File
	seen    *follower
	notices Notices
}

// Notices are called for what people who watch a run should know; nil is nobody.
type Notices struct {
	// Waiting is called when another process keeps the trail locked, once for each wait.
	Waiting func()
	// Repaired is called with a sentence on what was put right at the end of the file.
	Repaired func(string)
}

// Open opens a trail for appending, and makes it, with mode 0600, where it does
// not exist. With a key the lines that are appended have keyed sums. What a kill or a
// power cut has left of a last line is taken away: nobody acts upon an intent before it is
// whole, and without its outcome it is open. A trail that is otherwise not as it was
// written is [ErrDamaged]; one with keyed sums is [ErrKey] without a key. The context
// bounds the wait for other processes.
func Open(ctx context.Context, path string, key []byte, notices Notices) (*Trail, error) {
	if notices.Waiting == nil {
		notices.Waiting = func() {}
	}
	if notices.Repaired == nil {
		notices.Repaired = func(string) {}
	}
	// What is opened for writing must be a file: a line in /dev/null is on no
	// record, and a pipe may keep the call for ever.
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		err := fmt.Errorf("open the audit trail: %s is not a regular file", path)
		if info.IsDir() {
			err = &disk.Error{Cause: disk.IsFolder, Path: path, Err: err}
		}
		return nil, err
	}
	// Not O_APPEND: on Windows such a file cannot be cut.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, disk.At(path, fmt.Errorf("open the audit trail: %w", err))
	}
	t := &Trail{file: f, seen: newFollower(key), notices: notices}
	if err := t.begin(ctx); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return t, nil
}

// begin reads what is there. Others may append meanwhile: what they do not
// change any more is read without the lock.
func (t *Trail) begin(ctx context.Context) error {
	var size int64
	err := t.locked(ctx, func() (err error) {
		size, err = t.size()
		return err
	})
	if err != nil {
		return err
	}
	if size == 0 {
		if err := chain.SyncFolder(t.file.Name()); err != nil {
			return disk.At(t.file.Name(), fmt.Errorf("open the audit trail: %w", err))
		}
	}
	if err := t.readTo(ctx, size); !errors.Is(err, ErrDamaged) {
		return err
	}
	// It may be the end alone, and another process may be putting that right.
	return t.locked(ctx, func() error { return t.catchUp(ctx) })
}

// Append writes an entry after the last line, no matter who wrote that, and returns
// its number when it is on the disk. Schema and, where it is zero, Time are
// filled in. While an intent has no outcome of this Trail, [Trail.Settle] of
// other processes leaves it alone.
func (t *Trail) Append(ctx context.Context, e Entry) (number int, err error) {
	numbers, err := t.AppendAll(ctx, []Entry{e})
	if len(numbers) == 0 {
		return 0, err
	}
	return numbers[0], err
}

// AppendAll is [Trail.Append] for several entries, which are brought to the disk
// together: the numbers are those of their lines, in their order.
func (t *Trail) AppendAll(ctx context.Context, entries []Entry) (numbers []int, err error) {
	if len(entries) == 0 {
		return nil, nil
	}
	err = t.locked(ctx, func() error {
		last, err := t.append(ctx, entries)
		if err != nil {
			return err
		}
		for i, e := range entries {
			number := last - len(entries) + 1 + i
			if e.Stage == Intent {
				if err := t.hold(number); err != nil {
					return err
				}
			}
			numbers = append(numbers, number)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if e.Stage == Outcome {
			err = errors.Join(err, t.release(e.Intent))
		}
	}
	return numbers, err
}

// Settle appends an outcome that was found for an open intent, or for one of
// [Trail.Undone], unless the intent has another one by now, or the process that wrote it
// is still at work.
func (t *Trail) Settle(ctx context.Context, e Entry) error {
	return t.locked(ctx, func() error {
		if err := t.catchUp(ctx); err != nil {
			return err
		}
		_, open := t.seen.open[e.Intent]
		if !open && !slices.ContainsFunc(t.Undone(e.Service, e.RegistrationID), func(l Line) bool { return l.Number == e.Intent }) {
			return nil
		}
		if held, err := t.isHeld(e.Intent); held || err != nil {
			return err
		}
		_, err := t.append(ctx, []Entry{e})
		return err
	})
}

// Open lists the open intents for one ID of a service, as of the last line that
// this Trail has read.
func (t *Trail) Open(service, registrationID string) []Line {
	return t.seen.openLines(func(e Entry) bool { return e.Service == service && e.RegistrationID == registrationID })
}

// Undone lists the intents for one ID of a service that a run found to be [NotDone], and
// nobody since to be [Done]: the last one of each action.
func (t *Trail) Undone(service, registrationID string) []Line {
	return slices.Clone(t.seen.undone[subject{service, registrationID}])
}

// IsFile tells whether the trail is a file that is open, too.
func (t *Trail) IsFile(f *os.File) bool {
	ours, err := t.file.Stat()
	if err != nil {
		return false
	}
	theirs, err := f.Stat()
	return err == nil && os.SameFile(ours, theirs)
}

// Close closes the file.
func (t *Trail) Close() error { return t.file.Close() }

// append writes lines after the last one, and returns the number of the last of them; the
// trail is locked.
func (t *Trail) append(ctx context.Context, entries []Entry) (last int, err error) {
	if err := t.catchUp(ctx); err != nil {
		return 0, err
	}
	var lines [][]byte
	number, previous := t.seen.lines, t.seen.head
	for _, e := range entries {
		number++
		text, err := encode(line{Number: number, Previous: previous, Entry: e}, t.seen.key)
		if err != nil {
			return 0, err
		}
		if len(text) >= maxLine {
			return 0, fmt.Errorf("write the audit trail: the line would be longer than %d bytes", maxLine)
		}
		lines, previous = append(lines, text), chain.Sum(text)
	}
	if err := chain.Append(t.file, t.seen.size, bytes.Join(lines, []byte("\n"))); err != nil {
		return 0, disk.At(t.file.Name(), fmt.Errorf("write the audit trail: %w", err))
	}
	return number, t.catchUp(ctx)
}

// catchUp reads what others have appended, also when the run has ended, and puts the end
// right; the trail is locked. A file that was moved or removed would take lines that
// nobody sees.
func (t *Trail) catchUp(ctx context.Context) error {
	size, err := t.size()
	if err != nil {
		return err
	}
	if err := chain.InPlace(t.file); err != nil {
		return fmt.Errorf("write the audit trail: %w", err)
	}
	if err := t.readTo(context.WithoutCancel(ctx), size); !errors.Is(err, ErrTorn) {
		return err
	}
	return t.mend(size)
}

// mend puts right what [ErrTorn] says of the file, up to its size; the trail is locked.
func (t *Trail) mend(size int64) error {
	number, end := t.seen.lines+1, t.seen.size
	if err := t.lacksKey(); err != nil {
		return err
	}
	tail := make([]byte, size-end)
	if _, err := t.file.ReadAt(tail, end); err != nil {
		return disk.At(t.file.Name(), fmt.Errorf("read the audit trail: %w", err))
	}
	said := fmt.Sprintf("line %d was cut off when a run was killed or the power failed, and was removed; all lines before it are whole", number)
	line, _ := t.seen.torn(tail)
	if line != nil {
		if err := t.seen.follow(line); err != nil {
			return fmt.Errorf("%w: %s: line %d: %w", ErrDamaged, t.file.Name(), number, err)
		}
		if err := t.lacksKey(); err != nil {
			return err
		}
		said = fmt.Sprintf("line %d had lost its line end, which was put back; nothing is missing", number)
	}
	if err := chain.Mend(t.file, end, line); err != nil {
		return disk.At(t.file.Name(), fmt.Errorf("repair the audit trail: %w", err))
	}
	t.notices.Repaired(said)
	return nil
}

func (t *Trail) size() (int64, error) {
	size, err := chain.Size(t.file)
	if err != nil {
		return 0, disk.At(t.file.Name(), fmt.Errorf("read the audit trail: %w", err))
	}
	return size, nil
}

// readTo follows the lines up to a size that the file had.
func (t *Trail) readTo(ctx context.Context, size int64) error {
	if size < t.seen.size {
		return fmt.Errorf("%w: %s: its end was cut off while it was in use", ErrDamaged, t.file.Name())
	}
	alive := func(*follower) error { return ctx.Err() }
	bad, err := t.seen.readAll(io.NewSectionReader(t.file, t.seen.size, size-t.seen.size), alive)
	switch {
	case err != nil && ctx.Err() != nil:
		return fmt.Errorf("read the audit trail: %w", ctx.Err())
	case bad > 0:
		return fmt.Errorf("%w: %s: line %d: %w", ErrDamaged, t.file.Name(), bad, err)
	case err != nil:
		return disk.At(t.file.Name(), err)
	}
	return t.lacksKey()
}

// lacksKey is [ErrKey] where the lines that were read have keyed sums, and there is no key.
func (t *Trail) lacksKey() error {
	if t.seen.keyed > 0 && len(t.seen.key) == 0 {
		return fmt.Errorf("%s: %w", t.file.Name(), ErrKey)
	}
	return nil
}
