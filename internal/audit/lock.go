package audit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tpmdps/internal/disk"
)

// Locks are on bytes far after the end of any trail: Windows locks are
// mandatory, and a reader must not be kept from the lines. One byte is for
// appending, and one for each intent whose process is at work. All end with the
// process, however that ends.
const (
	appendLock = int64(1) << 61
	intentLock = int64(1) << 62 // and the number of the intent
)

// How long to wait for another process before the next look.
const (
	firstPause = time.Millisecond
	mostPause  = 100 * time.Millisecond
)

// locked runs f while no other process appends. It looks at least once, also in
// a context that has ended.
func (t *Trail) locked(ctx context.Context, f func() error) (err error) {
	notified := false
	for pause := firstPause; ; pause = min(2*pause, mostPause) {
		free, err := tryLock(t.file, appendLock)
		if err != nil {
			return disk.At(t.file.Name(), fmt.Errorf("lock the audit trail: %w", err))
		}
		if free {
			break
		}
		if pause == mostPause && !notified {
			notified = true
			t.notices.Waiting()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w: %w", t.file.Name(), ErrLocked, context.Cause(ctx))
		case <-time.After(pause):
		}
	}
	defer func() { err = errors.Join(err, unlock(t.file, appendLock)) }()
	return f()
}

// hold says that the process that wrote an intent is at work. Nobody else asks
// for that byte while the trail is locked.
func (t *Trail) hold(number int) error {
	if _, err := tryLock(t.file, intentLock+int64(number)); err != nil {
		return disk.At(t.file.Name(), fmt.Errorf("lock the audit trail: %w", err))
	}
	return nil
}

func (t *Trail) release(number int) error {
	if err := unlock(t.file, intentLock+int64(number)); err != nil {
		return fmt.Errorf("unlock the audit trail: %w", err)
	}
	return nil
}

// isHeld tells whether another process is at work on an intent.
func (t *Trail) isHeld(number int) (bool, error) {
	free, err := tryLock(t.file, intentLock+int64(number))
	if err != nil {
		return false, fmt.Errorf("lock the audit trail: %w", err)
	}
	if !free {
		return true, nil
	}
	return false, t.release(number)
}
