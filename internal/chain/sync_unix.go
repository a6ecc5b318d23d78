//go:build unix

package chain

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
)

// SyncFolder brings the name of a new file to the disk. Some file systems have
// no such call.
func SyncFolder(path string) error {
	d, err := os.Open(filepath.Dir(path))
	if errors.Is(err, os.ErrPermission) {
		return nil // it may be written to and not be read
	}
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	return nil
}
