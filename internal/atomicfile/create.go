// Package atomicfile gives a file its content in one step: every reader, and
// whatever fails, even the power, finds the whole old file or the whole new one.
//
// The rule for its users: Create never replaces anything. Replace does, and
// leaves the old file beside the new one under another name. Who reads a file,
// changes it and puts it back holds its Lock from the reading to the end. Put and
// Own are for files of the program's own, of which no old state is kept.
package atomicfile

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"tpmdps/internal/disk"
)

// Create writes a file that must not exist yet. It appears whole or not at all,
// and nothing that stands at path is ever replaced, not even what another program
// puts there at the same moment: then, and when path exists beforehand, the error
// wraps fs.ErrExist. A missing directory is an error that wraps fs.ErrNotExist.
func Create(path string, data []byte, mode fs.FileMode) error {
	if err := create(path, data, mode, os.Link); err != nil {
		return disk.At(path, fmt.Errorf("write %s: %w", path, err))
	}
	return nil
}

// CreateFrom is [Create] for a file that is not kept in memory: write writes it, buffered.
// An error of write is returned as it is, and there is no file then.
func CreateFrom(path string, mode fs.FileMode, write func(io.Writer) error) error {
	var refused error
	err := createFrom(path, func(f *os.File) error {
		out := bufio.NewWriter(f)
		refused = write(out)
		if err := out.Flush(); err != nil { // also where it was the reason of the other one
			refused = nil
			return err
		}
		return errors.Join(refused, f.Chmod(mode))
	}, os.Link)
	switch {
	case refused != nil:
		return refused
	case err != nil:
		return disk.At(path, fmt.Errorf("write %s: %w", path, err))
	}
	return nil
}

// TryPlace tells whether [Create] could make a file at path, before the work of which
// it is the result: it makes an empty one under another name there, and removes it.
// The error is the one of Create. What becomes of the place meanwhile it cannot know.
func TryPlace(path string) error {
	t, err := newTemp(path)
	if err != nil {
		return disk.At(path, fmt.Errorf("write %s: %w", path, err))
	}
	t.drop()
	return nil
}

// errFolder says what is in the way.
var errFolder = fmt.Errorf("a folder has that name: %w", fs.ErrExist)

// create is Create with the system call that gives a finished file its name,
// which some filesystems refuse.
func create(path string, data []byte, mode fs.FileMode, link func(from, to string) error) error {
	return createFrom(path, func(f *os.File) error {
		_, err := f.Write(data)
		return errors.Join(err, f.Chmod(mode))
	}, link)
}

// createFrom is create for a file that fill fills.
func createFrom(path string, fill func(*os.File) error, link func(from, to string) error) error {
	sweep(path) // also where the file is there: a run may have been killed right after it gave it its name
	// Asked first for the sake of the message: in a directory that accepts no new
	// file, "it exists" is still what the user has to hear.
	if info, err := os.Lstat(path); err == nil && info.IsDir() {
		return &disk.Error{Cause: disk.IsFolder, Path: path, Err: errFolder}
	} else if err == nil {
		return fs.ErrExist
	}
	dir := filepath.Dir(path)
	var missing *fs.PathError
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) && errors.As(err, &missing) {
		return fmt.Errorf("there is no directory %s: %w", dir, missing.Err)
	}
	temp, err := writeTemp(path, nil, fill, (*os.File).Sync)
	if err != nil {
		return err
	}
	defer temp.drop()
	return temp.appear(path, link)
}

// appear gives a finished file a name that nobody has.
func (t *temp) appear(path string, link func(from, to string) error) error {
	if err := t.settle(); err != nil {
		return err
	}
	err := link(t.Name(), path)
	switch {
	case err == nil:
	case errors.Is(err, fs.ErrExist):
		return fs.ErrExist
	default:
		// No hard links here: the VFAT of a USB stick, for one.
		if err := reserveAndRename(t.Name(), path); err != nil {
			return err
		}
	}
	return inPlace(syncDir(filepath.Dir(path)))
}

// reserveAndRename reserves the name with an empty file of our own, which fails if
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
