package emulator

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"tpmdps/internal/atomicfile"
	"tpmdps/internal/disk"
	"tpmdps/internal/filelock"
)

// lockFile is the file in the directory of [Options.Dir] by which one emulator has it
// for itself.
const lockFile = "emulator.lock"

// OwnDir makes the directory, if it is missing, and keeps it for this process until the
// closer is closed: the files in it say where one emulator is. The error wraps
// [atomicfile.ErrInUse] where another one has it. On a file system without locks
// nothing is kept.
func OwnDir(dir string) (io.Closer, error) {
	if err := makeDir(dir); err != nil {
		return nil, disk.At(dir, fmt.Errorf("emulator: %w", err))
	}
	path := filepath.Join(dir, lockFile)
	for {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return nil, disk.At(path, fmt.Errorf("emulator: %w", err))
		}
		locked, err := filelock.TryLock(f)
		switch {
		case errors.Is(err, errors.ErrUnsupported):
			return ownedDir{f}, nil
		case err != nil:
			return nil, errors.Join(disk.At(path, err), f.Close())
		case !locked:
			return nil, errors.Join(fmt.Errorf("--dir %s: another emulator has it: %w", dir, atomicfile.ErrInUse), f.Close())
		case isSameFile(f, path):
			return ownedDir{f}, nil
		}
		// The emulator that had it has just ended, and removed the file.
		if err := filelock.Close(f); err != nil {
			return nil, disk.At(path, err)
		}
	}
}

// makeDir is os.MkdirAll, which says of a link that leads nowhere only that it exists.
func makeDir(dir string) error {
	err := os.MkdirAll(dir, 0o700)
	if errors.Is(err, fs.ErrExist) {
		if _, why := os.Stat(dir); why != nil {
			return why
		}
	}
	return err
}

// isSameFile reports whether a file is the one that has its name now.
func isSameFile(f *os.File, path string) bool {
	mine, err := f.Stat()
	if err != nil {
		return false
	}
	now, err := os.Stat(path)
	return err == nil && os.SameFile(mine, now)
}

// ownedDir is the lock on a directory.
type ownedDir struct{ *os.File }

// Close ends the ownership and leaves nothing of it. Windows removes no file that is
// open, so there the file stays.
func (o ownedDir) Close() error {
	_ = os.Remove(o.Name())
	return filelock.Close(o.File)
}

// AuthorityName begins the name of every emulator's certificate authority.
const AuthorityName = caName
