//go:build unix

package atomicfile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"tpmdps/internal/disk"
	"tpmdps/internal/filelock"
)

// acquire locks the file itself, so that nothing is left beside it. Since the process that
// had the lock before has most likely replaced the file, it looks afterwards
// whether it has the one that bears the name now.
func acquire(ctx context.Context, path string, waiting func()) (*os.File, error) {
	for {
		f, err := openToLock(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		err = filelock.Lock(ctx, f, waiting)
		if errors.Is(err, errors.ErrUnsupported) {
			return nil, f.Close()
		}
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
		if isAt(f, path) {
			return f, nil
		}
		f.Close()
	}
}

// openToLock opens a file in the way that locks it everywhere: over NFS only who
// may write can. What is not a file, such as a pipe, is not waited for.
func openToLock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) || errors.Is(err, syscall.ETXTBSY) {
		f, err = os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	}
	return f, err
}

// Owned is a file of which one process is the only writer as long as it runs. It
// is the file that is locked, and each that replaces it is locked before it does.
type Owned struct {
	path string
	mode fs.FileMode
	file *os.File
}

// Own makes this process the only writer of the file at path, and returns what is
// in it; a missing one is made with initial in it. The error wraps [ErrInUse] if
// another process has it.
func Own(path string, initial []byte, mode fs.FileMode) (*Owned, []byte, error) {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	sweep(path)
	for {
		f, err := openToLock(path)
		if errors.Is(err, fs.ErrNotExist) {
			t, err := ownNew(path, initial, mode)
			if errors.Is(err, fs.ErrExist) {
				continue
			}
			if err != nil {
				return nil, nil, disk.At(path, fmt.Errorf("write %s: %w", path, err))
			}
			return &Owned{path, mode, t.File}, initial, nil
		}
		if err != nil {
			return nil, nil, disk.At(path, err)
		}
		data, again, err := ownOld(f, path)
		if err == nil && !again {
			return &Owned{path, mode, f}, data, nil
		}
		f.Close()
		if err != nil {
			return nil, nil, disk.At(path, fmt.Errorf("%s: %w", path, err))
		}
	}
}

// ownNew makes a file that is locked from its first moment on.
func ownNew(path string, data []byte, mode fs.FileMode) (*temp, error) {
	t, err := writeTemp(path, data, func(f *os.File) error { return f.Chmod(mode) }, (*os.File).Sync)
	if err != nil {
		return nil, err
	}
	if err := t.appear(path, os.Link); err != nil {
		t.drop()
		return nil, err
	}
	os.Remove(t.Name()) // its first name
	return t, nil
}

// ownOld locks a file that is there and reads it; again is for one that another
// process was just about to replace.
func ownOld(f *os.File, path string) (data []byte, again bool, err error) {
	info, err := f.Stat()
	if err != nil {
		return nil, false, err
	}
	if info.IsDir() {
		return nil, false, &disk.Error{Cause: disk.IsFolder, Path: path, Err: errors.New("it is a folder")}
	}
	if !info.Mode().IsRegular() {
		return nil, false, errors.New("it is not a regular file")
	}
	locked, err := filelock.TryLock(f)
	switch {
	case errors.Is(err, errors.ErrUnsupported): // nobody can tell whether others have it
	case err != nil:
		return nil, false, err
	case !locked:
		return nil, false, ErrInUse
	case !isAt(f, path):
		return nil, true, nil
	}
	data, err = io.ReadAll(f)
	return data, false, err
}

// Put replaces the content in one step. It is [ErrChanged] if somebody else has put
// another file there.
func (o *Owned) Put(data []byte) error {
	if _, err := os.Lstat(o.path); err == nil && !isAt(o.file, o.path) {
		return fmt.Errorf("write %s: %w", o.path, ErrChanged)
	}
	t, err := put(o.path, data, o.mode)
	if err != nil {
		return disk.At(o.path, fmt.Errorf("write %s: %w", o.path, err))
	}
	old := o.file
	o.file = t.File
	return old.Close()
}

// Close gives the file up. It stays as it is.
func (o *Owned) Close() error { return o.file.Close() }
