package atomicfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"tpmdps/internal/disk"
	"tpmdps/internal/filelock"
)

// ErrInUse is returned, wrapped, by [Own] for a file that another process has.
var ErrInUse = errors.New("another running program uses it")

// Owned is a file of which one process is the only writer as long as it runs: a log,
// that grows at its end and is now and then replaced as a whole.
type Owned struct {
	path string
	mode fs.FileMode
	file *os.File
	lock *os.File // nil where the file is its own lock
	size int64    // up to the end of what was appended whole
	torn bool     // there may be the begin of something after that
}

// Own makes this process the only writer of the file at path; a missing one is made
// with initial in it. The error wraps [ErrInUse] if another process has it.
func Own(path string, initial []byte, mode fs.FileMode) (*Owned, error) {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	sweep(path)
	file, lock, err := own(path, initial, mode)
	if err != nil {
		return nil, disk.At(path, err)
	}
	o := &Owned{path: path, mode: mode, file: file, lock: lock}
	if err := o.measure(); err != nil {
		return nil, disk.At(path, errors.Join(err, o.Close()))
	}
	return o, nil
}

// measure finds the end of the file.
func (o *Owned) measure() error {
	info, err := o.file.Stat()
	if err != nil {
		return err
	}
	o.size, o.torn = info.Size(), false
	return nil
}

// Size is the length of the file in bytes, without what a failed Append left.
func (o *Owned) Size() int64 { return o.size }

// Reader reads the file from its begin to its present end.
func (o *Owned) Reader() io.Reader { return io.NewSectionReader(o.file, 0, o.size) }

// Append writes data at the end, in one write, and does not wait for the disk: what a
// process has appended is still there when it is killed, but may be lost with the power
// ([Owned.Sync]). What a full disk accepted of it is taken away again. The error wraps
// fs.ErrNotExist where the file has been removed, and [ErrChanged] where another one
// has its name.
func (o *Owned) Append(data []byte) error {
	if err := o.add(data); err != nil {
		return disk.At(o.path, fmt.Errorf("append to %s: %w", o.path, err))
	}
	return nil
}

func (o *Owned) add(data []byte) error {
	if _, err := os.Stat(o.path); err != nil {
		return err
	}
	if !isAt(o.file, o.path) {
		return ErrChanged
	}
	if o.torn {
		if err := o.cut(o.size); err != nil {
			return err
		}
	}
	if _, err := o.file.WriteAt(data, o.size); err != nil {
		o.torn = true
		return errors.Join(err, o.cut(o.size))
	}
	o.size += int64(len(data))
	return nil
}

// Truncate cuts the file off.
func (o *Owned) Truncate(size int64) error {
	if err := o.cut(size); err != nil {
		return disk.At(o.path, fmt.Errorf("truncate %s: %w", o.path, err))
	}
	return nil
}

func (o *Owned) cut(size int64) error {
	if err := o.file.Truncate(size); err != nil {
		return err
	}
	o.size, o.torn = size, false
	return nil
}

// Put replaces the content in one step; it is on the disk then. It is [ErrChanged] if
// somebody else has put another file there. Where it fails the file stays as it was.
func (o *Owned) Put(content func(io.Writer) error) error {
	if _, err := os.Lstat(o.path); err == nil && !isAt(o.file, o.path) {
		return fmt.Errorf("write %s: %w", o.path, ErrChanged)
	}
	file, err := replaceOwned(o.path, o.file, content, o.mode)
	if file != o.file {
		o.file = file
		err = errors.Join(err, o.measure())
	}
	if err != nil {
		return disk.At(o.path, fmt.Errorf("write %s: %w", o.path, err))
	}
	return nil
}

// Sync brings to the disk what was appended.
func (o *Owned) Sync() error {
	if err := o.file.Sync(); err != nil {
		return disk.At(o.path, fmt.Errorf("write %s: %w", o.path, err))
	}
	return nil
}

// Close gives the file up. It stays as it is.
func (o *Owned) Close() error {
	err := filelock.Close(o.file)
	if o.lock != nil {
		err = errors.Join(err, filelock.Close(o.lock))
	}
	return err
}

// isAt tells whether the open file is the one that has the name.
func isAt(f *os.File, name string) bool {
	mine, err := f.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(name)
	return err == nil && os.SameFile(mine, there)
}
