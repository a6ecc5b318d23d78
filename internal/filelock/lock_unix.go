//go:build unix

package filelock

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// tryLock uses flock(2), whose locks belong to the open file; those of fcntl(2)
// would be lost as soon as the process closes the same file elsewhere.
func tryLock(f *os.File) (bool, error) {
	err := flock(f, syscall.LOCK_EX|syscall.LOCK_NB)
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, syscall.EWOULDBLOCK):
		return false, nil
	// NFS has no locks for a reader, or if its server has none at all.
	case errors.Is(err, syscall.ENOLCK), errors.Is(err, syscall.EBADF):
		return false, fmt.Errorf("%w: %w", errors.ErrUnsupported, err)
	}
	return false, err
}

func unlock(f *os.File) error { return flock(f, syscall.LOCK_UN) }

// flock leaves the file in the mode in which it is; (*os.File).Fd would change it.
func flock(f *os.File, how int) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var lock error
	err = conn.Control(func(fd uintptr) {
		for lock = syscall.EINTR; lock == syscall.EINTR; {
			lock = syscall.Flock(int(fd), how)
		}
	})
	return errors.Join(err, lock)
}
