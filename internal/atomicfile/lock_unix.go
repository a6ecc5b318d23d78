//go:build unix

package atomicfile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
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
		filelock.Close(f)
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

// own opens and locks the file at path, which it makes if it is missing. The file is its
// own lock, and each that replaces it is locked before it does.
func own(path string, initial []byte, mode fs.FileMode) (file, lock *os.File, err error) {
	for {
		f, err := os.OpenFile(path, os.O_RDWR|syscall.O_NONBLOCK, 0)
		if errors.Is(err, fs.ErrNotExist) {
			t, err := ownNew(path, initial, mode)
			if errors.Is(err, fs.ErrExist) {
				continue
			}
			if err != nil {
				return nil, nil, fmt.Errorf("write %s: %w", path, err)
			}
			return t.File, nil, nil
		}
		if err != nil {
			return nil, nil, err
		}
		again, err := ownOld(f, path)
		if err == nil && !again {
			return f, nil, nil
		}
		filelock.Close(f)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", path, err)
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

// ownOld locks a file that is there; again is for one that another process was just
// about to replace.
func ownOld(f *os.File, path string) (again bool, err error) {
	info, err := f.Stat()
	if err != nil {
		return false, err
	}
	if info.IsDir() {
		return false, &disk.Error{Cause: disk.IsFolder, Path: path, Err: errors.New("it is a folder")}
	}
	if !info.Mode().IsRegular() {
		return false, errors.New("it is not a regular file")
	}
	locked, err := filelock.TryLock(f)
	switch {
	case errors.Is(err, errors.ErrUnsupported): // nobody can tell whether others have it
	case err != nil:
		return false, err
	case !locked:
		return false, ErrInUse
	}
	return !isAt(f, path), nil
}

// replaceOwned puts a new file, locked, where the old one is.
func replaceOwned(path string, old *os.File, content func(io.Writer) error, mode fs.FileMode) (*os.File, error) {
	t, err := put(path, content, withMode(mode))
	if t == nil {
		return old, err
	}
	return t.File, errors.Join(err, filelock.Close(old))
}
