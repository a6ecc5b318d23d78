//go:build unix

package atomicfile

import (
	"errors"
	"os"
	"syscall"

	"tpmdps/internal/filelock"
)

// guard locks the file, so that other runs know that somebody is at it. It is false
// if one of them was faster, and has removed it.
func (t *temp) guard() (kept bool, err error) {
	locked, err := filelock.TryLock(t.File)
	if errors.Is(err, errors.ErrUnsupported) {
		return true, nil // and nobody can sweep it
	}
	if !locked || err != nil {
		return false, err
	}
	return isAt(t.File, t.Name()), nil
}

// settle makes the file ready to be renamed: it stays open, and so locked.
func (t *temp) settle() error { return nil }

// removeDead removes a temporary file that no run has locked. Only root removes
// those of other users.
func removeDead(name string) {
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return
	}
	defer filelock.Close(f)
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if mine := os.Geteuid(); !ok || mine != 0 && int(owner.Uid) != mine {
		return
	}
	if locked, err := filelock.TryLock(f); locked && err == nil {
		os.Remove(name)
	}
}
