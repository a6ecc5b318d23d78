package atomicfile

import (
	"context"
	"fmt"
	"os"

	"tpmdps/internal/disk"
	"tpmdps/internal/filelock"
)

// Lock is held by who reads a file, changes it and replaces it, so that no other
// run does the same with the same old text. Create one with [Acquire].
type Lock struct{ file *os.File } // nil: there is nothing to lock

// Acquire waits until no other run holds the lock of the file at path, or until ctx
// ends: then the error wraps [filelock.ErrHeld] and the cause. waiting is called
// once if it has to wait; it may be nil. What was read of the file before has to be
// read again.
//
// Of a file that is not there yet nothing is locked: [Create] lets one run win, and
// the others find fs.ErrExist, and then a file to lock. On a file system without
// locks nothing is locked either; [Replace] still finds what was changed before it.
func Acquire(ctx context.Context, path string, waiting func()) (*Lock, error) {
	f, err := acquire(ctx, path, waiting)
	if err != nil {
		return nil, disk.At(path, fmt.Errorf("lock %s: %w", path, err))
	}
	return &Lock{f}, nil
}

// Release lets the next one in.
func (l *Lock) Release() error {
	if l == nil || l.file == nil {
		return nil
	}
	return filelock.Close(l.file)
}
