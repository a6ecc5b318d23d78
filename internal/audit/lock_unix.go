//go:build unix && !linux

package audit

import (
	"errors"
	"os"
	"syscall"
)

// tryLock locks the whole file for appending, unless another open file has it.
// There are no locks for the intents here.
func tryLock(f *os.File, at int64) (free bool, err error) {
	if at != appendLock {
		return true, nil
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}

func unlock(f *os.File, at int64) error {
	if at != appendLock {
		return nil
	}
	return syscall.Flock(int(f.Fd()), syscall.LOCK_UN)
}
