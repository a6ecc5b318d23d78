package audit

import (
	"os"

	"golang.org/x/sys/windows"
)

// guard is a byte far behind the end of any trail: Windows locks are mandatory,
// and a reader must not be kept from the lines.
var guard = windows.Overlapped{OffsetHigh: 1 << 30}

// lock waits until no other process holds the file. The lock ends with the
// process, however that ends.
func lock(f *os.File) error {
	at := guard
	return windows.LockFileEx(windows.Handle(f.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK, 0, 1, 0, &at)
}

func unlock(f *os.File) error {
	at := guard
	return windows.UnlockFileEx(windows.Handle(f.Fd()), 0, 1, 0, &at)
}
