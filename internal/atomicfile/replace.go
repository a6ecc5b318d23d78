package atomicfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"tpmdps/internal/disk"
)

// ErrChanged is returned, wrapped, when a file is no longer what it was when it
// was read: somebody else edits it.
var ErrChanged = errors.New("the file was changed meanwhile")

// Replace replaces the file at path with data, which must still hold old.
// A symbolic link stays, and what it points to is replaced. The new file has the
// owner, mode and extended attributes of the old one (its SELinux context, its
// access list).
//
// The old file stays beside it as backup, named after the time now: the same
// inode where the filesystem has hard links, or else a copy. No backup is ever
// written over. When Replace fails, the file is as it was, and there is neither
// a backup nor anything else new; killed, it may leave those: see [Prune], and
// what is left of a temporary file the next one that writes path removes.
//
// google/renameio would do the renaming, but keeps neither owner, attributes nor
// a backup, and does not sync the directory.
func Replace(path string, old, data []byte, now time.Time) (backup string, err error) {
	backup, err = replace(path, old, data, now, system)
	if err != nil {
		return "", disk.At(path, fmt.Errorf("replace %s: %w", path, err))
	}
	return backup, nil
}

// calls are the system calls that decide what a loss of power leaves, so that a
// test can record them and make them fail.
type calls struct {
	flush        func(*os.File) error // its content
	link, rename func(from, to string) error
	remove       func(name string) error
	sync         func(dir string) error // its names
}

var system = calls{flush: (*os.File).Sync, link: os.Link, rename: os.Rename, remove: os.Remove, sync: syncDir}

func replace(path string, old, data []byte, now time.Time, do calls) (backup string, err error) {
	path, err = filepath.EvalSymlinks(path)
	if err != nil {
		return "", err
	}
	sweep(path)
	info, err := unchanged(path, old)
	if err != nil {
		return "", err
	}
	temp, err := writeTemp(path, data, func(f *os.File) error { return copyOwnership(f, path, info) }, do.flush)
	if err != nil {
		return "", err
	}
	defer temp.Close()
	if err := temp.settle(); err != nil {
		return "", errors.Join(err, do.remove(temp.Name()))
	}
	if backup, err = keep(path, now, do); err != nil {
		return "", errors.Join(err, do.remove(temp.Name()))
	}
	undo := func(err error) (string, error) {
		return "", errors.Join(err, do.remove(temp.Name()), do.remove(backup))
	}
	// The backup is on the disk before the file that it is of is gone.
	if err := do.sync(filepath.Dir(path)); err != nil {
		return undo(err)
	}
	if now, err := unchanged(path, old); err != nil {
		return undo(err)
	} else if !os.SameFile(now, info) {
		return undo(ErrChanged)
	}
	if err := do.rename(temp.Name(), path); err != nil {
		if errors.Is(err, syscall.EBUSY) || errors.Is(err, syscall.EXDEV) {
			err = fmt.Errorf("it is itself a mount, as in containers; edit the file on the host that it comes from: %w", err)
		}
		return undo(err)
	}
	return backup, inPlace(do.sync(filepath.Dir(path)))
}

// inPlace is for an error that comes when the file has its name already.
func inPlace(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("the new file is written, but a power failure may still undo that: %w", err)
}

// unchanged makes sure that the file holds what it is known to hold.
func unchanged(path string, old []byte) (fs.FileInfo, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("it is not a file, but %s", info.Mode().Type())
	}
	text, err := io.ReadAll(io.LimitReader(f, int64(len(old))+1))
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(text, old) {
		return nil, ErrChanged
	}
	return info, nil
}

// keep gives the file a second name, or makes a copy where it cannot have one.
func keep(path string, now time.Time, do calls) (string, error) {
	for n := 1; ; n++ {
		name := backupName(path, now, n)
		err := do.link(path, name)
		if err != nil && !errors.Is(err, fs.ErrExist) {
			err = copyFile(path, name)
		}
		if err == nil || !errors.Is(err, fs.ErrExist) {
			return name, err
		}
	}
}

// copyFile copies a file with all that belongs to it, under a name that is free.
func copyFile(path, name string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = copyOwnership(f, path, info)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(name))
	}
	return nil
}
