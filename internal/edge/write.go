package edge

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// WriteNew writes a file that must not exist yet, with mode 0600. The file
// appears whole or not at all, and nothing that stands at path is ever replaced,
// not even what another program puts there at the same moment: then, and when
// path exists beforehand, the error wraps fs.ErrExist. A missing directory is an
// error that wraps fs.ErrNotExist.
func WriteNew(path string, data []byte) error {
	if err := writeNew(path, data, os.Link); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// writeNew is WriteNew with the system call that gives a finished file its name,
// which some filesystems refuse.
func writeNew(path string, data []byte, link func(from, to string) error) error {
	// Asked first for the sake of the message: in a directory that takes no new
	// file, "it exists" is still what the user has to hear.
	if _, err := os.Lstat(path); err == nil {
		return fs.ErrExist
	}
	dir := filepath.Dir(path)
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no directory %s: %w", dir, fs.ErrNotExist)
	}
	temp, err := writeTemp(dir, "."+filepath.Base(path)+".*", data)
	if err != nil {
		return err
	}
	defer os.Remove(temp) // gone already if it was renamed
	err = link(temp, path)
	switch {
	case err == nil:
	case errors.Is(err, fs.ErrExist):
		return fs.ErrExist
	default:
		// No hard links here: the VFAT of a USB stick, for one.
		if err := reserveAndRename(temp, path); err != nil {
			return err
		}
	}
	return syncDir(dir)
}

// reserveAndRename takes the name with an empty file of our own, which fails if
// it is taken, and then moves the finished file over it. Killed in between, it
// leaves the empty file and never half a configuration.
func reserveAndRename(temp, path string) error {
	reserved, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if err := reserved.Close(); err != nil {
		return err
	}
	if err := os.Rename(temp, path); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// writeTemp makes a temporary file, of mode 0600, whose content is on the disk
// when it returns.
func writeTemp(dir, pattern string, data []byte) (name string, err error) {
	f, err := os.CreateTemp(dir, pattern)
	if err != nil {
		return "", err
	}
	defer func() {
		if err = errors.Join(err, f.Close()); err != nil {
			os.Remove(f.Name())
		}
	}()
	if _, err := f.Write(data); err != nil {
		return "", err
	}
	return f.Name(), f.Sync()
}
