package audit

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// tryLock locks a byte, unless another open file has it. The lock is that of the
// open file (fcntl(2), F_OFD_SETLK), not of the process, so that two trails in
// one process keep each other out as well.
func tryLock(f *os.File, at int64) (free bool, err error) {
	err = fcntlLock(f, unix.F_WRLCK, at)
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
		return false, nil
	}
	return err == nil, err
}

func unlock(f *os.File, at int64) error { return fcntlLock(f, unix.F_UNLCK, at) }

func fcntlLock(f *os.File, kind int16, at int64) error {
	return unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: kind, Start: at, Len: 1})
}
