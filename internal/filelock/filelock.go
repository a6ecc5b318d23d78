// Package filelock lets one process at a time work on a file that several may
// open.
//
// The rule: a lock belongs to an open file, and ends when it is given back, at the
// latest with the process, however that ends. Nothing is left of it on the disk.
// It binds those who ask for it, and nobody else.
//
// To close the file is not enough: a program that this one is just starting has the file
// open, too, until it begins. So a locked file is closed with [Close].
//
// In the flow it stands below whatever keeps files: atomicfile, the audit trail.
// gofrs/flock and Go's lockedfile open the file by themselves, by its name; here it
// has to be one that is open already, since the name may lead to another one soon.
package filelock

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// How often a lock is asked for that somebody else has. The kernel would wait by
// itself, but then nobody can call it off.
const (
	firstPause = 5 * time.Millisecond
	maxPause   = 100 * time.Millisecond
)

// Lock waits until no other open file, of this process or another, has a lock on
// the same file, or until ctx ends: then the error wraps the cause of that. waiting
// is called once, before the first pause, if there is one; it may be nil. The error
// wraps errors.ErrUnsupported on a file system without locks.
func Lock(ctx context.Context, f *os.File, waiting func()) error {
	if ctx.Err() != nil {
		return fmt.Errorf("lock %s: %w", f.Name(), context.Cause(ctx))
	}
	for pause := firstPause; ; pause = min(2*pause, maxPause) {
		locked, err := TryLock(f)
		if locked || err != nil {
			return err
		}
		if waiting != nil {
			waiting()
			waiting = nil
		}
		select {
		case <-ctx.Done():
			return Held(ctx)
		case <-time.After(pause):
		}
	}
}

// ErrHeld is what Lock returns, with the end of the context, when another program
// kept the file to itself for all of the time.
var ErrHeld = errors.New("timed out waiting for another program that uses it")

// Held is that error, for callers that wait for a lock in another way. It wraps ErrHeld and
// why ctx has ended.
func Held(ctx context.Context) error { return heldError{context.Cause(ctx)} }

type heldError struct{ cause error }

func (e heldError) Error() string   { return ErrHeld.Error() }
func (e heldError) Unwrap() []error { return []error{ErrHeld, e.cause} }

// TryLock is Lock without waiting: false if somebody else has the lock.
func TryLock(f *os.File) (bool, error) {
	locked, err := tryLock(f)
	if err != nil {
		return false, fmt.Errorf("lock %s: %w", f.Name(), err)
	}
	return locked, nil
}

// Close gives the lock back, if there is one, and closes the file.
func Close(f *os.File) error {
	_ = unlock(f) // the end of the file ends the lock as well
	return f.Close()
}

// Unlock gives the lock back before the file is closed.
func Unlock(f *os.File) error {
	if err := unlock(f); err != nil {
		return fmt.Errorf("unlock %s: %w", f.Name(), err)
	}
	return nil
}
