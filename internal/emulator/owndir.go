package emulator

import (
	"errors"
	"fmt"
	"io"
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
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, disk.At(dir, fmt.Errorf("emulator: %w", err))
	}
	path := filepath.Join(dir, lockFile)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, disk.At(path, fmt.Errorf("emulator: %w", err))
	}
	locked, err := filelock.TryLock(f)
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		return f, nil
	case err != nil:
		return nil, errors.Join(disk.At(path, err), f.Close())
	case !locked:
		return nil, errors.Join(fmt.Errorf("--dir %s: another emulator has it: %w", dir, atomicfile.ErrInUse), f.Close())
	}
	return f, nil
}

// AuthorityName begins the name of every emulator's certificate authority.
const AuthorityName = caName
