package filelock

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// guard is a byte far after the end of any file: Windows locks are mandatory, and
// a reader must not be kept from what is in it.
var guard = windows.Overlapped{OffsetHigh: 1 << 30}

func tryLock(f *os.File) (bool, error) {
	at := guard
	const lockFlags = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	err := windows.LockFileEx(windows.Handle(f.Fd()), lockFlags, 0, 1, 0, &at)
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, windows.ERROR_LOCK_VIOLATION), errors.Is(err, windows.ERROR_IO_PENDING):
		return false, nil
	}
	return false, err
}

func unlock(f *os.File) error {
	at := guard
	return windows.UnlockFileEx(windows.Handle(f.Fd()), 0, 1, 0, &at)
}
