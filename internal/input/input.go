package input

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"tpmdps/internal/disk"
	"tpmdps/internal/text"
)

// Unreadable is for a file that was named and cannot be read. The system's error
// names it as well, and what was tried.
func Unreadable(name string, err error) error {
	err = disk.At(name, err)
	known, isDisk := disk.Find(err)
	var at *fs.PathError
	if errors.As(err, &at) {
		err = at.Err
	}
	if isDisk {
		err = &disk.Error{Cause: known.Cause, Path: name, Err: err}
	}
	return fmt.Errorf("%w %s: %w", ErrUnreadable, name, err)
}

// NotFile is for what is there under the name of a file and is not one.
func NotFile(path string, mode fs.FileMode) error {
	err := fmt.Errorf("%w %s: it is %s, not a file", ErrUnreadable, path, kindOf(mode))
	if mode.IsDir() {
		return &disk.Error{Cause: disk.IsFolder, Path: path, Err: err}
	}
	return err
}

// ReadFile reads a whole file, or refuses one that is larger than any of its
// kind could be. The end of the run ends it, see [Open].
func ReadFile(ctx context.Context, path string, limit int64) ([]byte, error) {
	f, err := Open(ctx, path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return ReadAll(f, path, limit)
}

// ReadRegular is [ReadFile] for what has to be a regular file.
func ReadRegular(ctx context.Context, path string, limit int64) ([]byte, error) {
	switch info, err := os.Stat(path); {
	case err != nil:
		return nil, Unreadable(path, err)
	case !info.Mode().IsRegular():
		return nil, NotFile(path, info.Mode())
	}
	return ReadFile(ctx, path, limit)
}

// ReadText is [ReadFile] for a text, in any encoding that Windows writes.
func ReadText(ctx context.Context, path string, limit int64) ([]byte, error) {
	data, err := ReadFile(ctx, path, limit)
	if err != nil {
		return nil, err
	}
	decoded, err := text.Decode(data)
	if err != nil {
		return nil, fmt.Errorf("%w %s: %w", ErrUnreadable, path, err)
	}
	return decoded.UTF8, nil
}

// ReadAll reads to the end, or refuses what is longer than the limit.
func ReadAll(r io.Reader, name string, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		if errors.Is(err, ErrTimeOver) {
			return nil, err // it names the file itself
		}
		return nil, Unreadable(name, err)
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("%w %s: it is larger than %d bytes", ErrUnreadable, name, limit)
	}
	return data, nil
}
