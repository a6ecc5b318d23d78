package atomicfile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/windows"

	"tpmdps/internal/disk"
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

// Owned is a file of which one process is the only writer as long as it runs. The
// lock is a file beside it.
type Owned struct {
	path string
	mode fs.FileMode
	lock *os.File
}

// Own makes this process the only writer of the file at path, and returns what is
// in it; a missing one is made with initial in it. The error wraps [ErrInUse] if
// another process has it.
func Own(path string, initial []byte, mode fs.FileMode) (*Owned, []byte, error) {
	lock, err := lockBeside(path)
	if err != nil {
		return nil, nil, disk.At(path, fmt.Errorf("%s: %w", path, err))
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		data, err = initial, Create(path, initial, mode)
	}
	if err != nil {
		return nil, nil, disk.At(path, errors.Join(err, lock.Close()))
	}
	return &Owned{path, mode, lock}, data, nil
}

// Put replaces the content in one step.
func (o *Owned) Put(data []byte) error { return Put(o.path, data, o.mode) }

// Close gives the file up. It stays as it is.
func (o *Owned) Close() error { return o.lock.Close() }
