//go:build unix

package audit

import (
	"os"
	"syscall"
)

// lock waits until no other process holds the file. The lock ends with the
// process, however that ends.
func lock(f *os.File) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_EX) }

func unlock(f *os.File) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_UN) }
