//go:build !windows

package tpm

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// hasLedgers: chips without a resource manager can be reached on this system.
const hasLedgers = true

// lockLedger fails while another process has the ledger locked. The kernel takes
// the lock away when that process ends, however it does.
func lockLedger(f *os.File) error {
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
}

// privateDirectory makes a directory that only this user can write to, and
// refuses one that somebody else made.
func privateDirectory(path string) error {
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	fi, err := os.Lstat(path)
	if err != nil {
		return err
	}
	owner, ok := fi.Sys().(*syscall.Stat_t)
	if !fi.IsDir() || fi.Mode().Perm()&0o022 != 0 || !ok || int(owner.Uid) != os.Geteuid() {
		return fmt.Errorf("%s is not a directory that only this user owns", path)
	}
	return nil
}
