package atomicfile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/windows"

	"tpmdps/internal/filelock"
)

// pause is how often a lock is asked for that another run has.
const pause = 50 * time.Millisecond

// acquire locks a file beside the one at path: Windows replaces none that is open.
func acquire(ctx context.Context, path string, waiting func()) (*os.File, error) {
	for {
		f, err := lockBeside(path)
		if !errors.Is(err, ErrInUse) {
			return f, err
		}
		if waiting != nil {
			waiting()
			waiting = nil
		}
		select {
		case <-ctx.Done():
			return nil, filelock.Held(ctx)
		case <-time.After(pause):
		}
	}
}

// lockBeside opens a file that nobody else can open meanwhile, and that Windows
// removes when it is closed, at the latest with the process.
func lockBeside(path string) (*os.File, error) {
	name := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".lock")
	text, err := windows.UTF16PtrFromString(name)
	if err != nil {
		return nil, err
	}
	const access = windows.GENERIC_READ | windows.GENERIC_WRITE | windows.DELETE
	const attributes = windows.FILE_ATTRIBUTE_HIDDEN | windows.FILE_FLAG_DELETE_ON_CLOSE
	h, err := windows.CreateFile(text, access, 0, nil, windows.OPEN_ALWAYS, attributes, 0)
	switch {
	case errors.Is(err, windows.ERROR_SHARING_VIOLATION), errors.Is(err, windows.ERROR_DELETE_PENDING):
		return nil, ErrInUse
	case err != nil:
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return os.NewFile(uintptr(h), name), nil
}

// own locks a file beside the one at path and opens that, which it makes if it is
// missing.
func own(path string, initial []byte, mode fs.FileMode) (file, lock *os.File, err error) {
	if lock, err = lockBeside(path); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	file, err = os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		if err = Create(path, initial, mode); err == nil {
			file, err = os.OpenFile(path, os.O_RDWR, 0)
		}
	}
	if err != nil {
		return nil, nil, errors.Join(err, lock.Close())
	}
	return file, lock, nil
}

// replaceOwned puts a new file where the old one is, which is closed before: Windows
// replaces none that is open.
func replaceOwned(path string, old *os.File, content func(io.Writer) error, mode fs.FileMode) (*os.File, error) {
	if err := old.Close(); err != nil {
		return old, err
	}
	_, err := put(path, content, withMode(mode))
	file, again := os.OpenFile(path, os.O_RDWR, 0)
	if again != nil {
		return old, errors.Join(err, again)
	}
	return file, err
}
