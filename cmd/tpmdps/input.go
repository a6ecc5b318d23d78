package main

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

// cannotRead is for a file that was named and cannot be read. The system's error
// names it as well, and what was tried.
func cannotRead(name string, err error) error {
	err = disk.At(name, err)
	known, isDisk := disk.Find(err)
	var at *fs.PathError
	if errors.As(err, &at) {
		err = at.Err
	}
	if isDisk {
		err = &disk.Error{Cause: known.Cause, Path: name, Err: err}
	}
	return fmt.Errorf("%w %s: %w", errInputs, name, err)
}

// notFile is for what is there under the name of a file and is none.
func notFile(path string, mode fs.FileMode) error {
	err := fmt.Errorf("%w %s: it is %s, not a file", errInputs, path, kindOf(mode))
	if mode.IsDir() {
		return &disk.Error{Cause: disk.IsFolder, Path: path, Err: err}
	}
	return err
}

// readLimited reads a whole file, or refuses one that is larger than any of its
// kind could be. The end of the run ends it, see [openInput].
func readLimited(ctx context.Context, path string, limit int64) ([]byte, error) {
	f, err := openInput(ctx, path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readAtMost(f, path, limit)
}

// readRegular is [readLimited] for what has to be a regular file.
func readRegular(ctx context.Context, path string, limit int64) ([]byte, error) {
	switch info, err := os.Stat(path); {
	case err != nil:
		return nil, cannotRead(path, err)
	case !info.Mode().IsRegular():
		return nil, notFile(path, info.Mode())
	}
	return readLimited(ctx, path, limit)
}

// readText is [readLimited] for a text, in any encoding that Windows writes.
func readText(ctx context.Context, path string, limit int64) ([]byte, error) {
	data, err := readLimited(ctx, path, limit)
	if err != nil {
		return nil, err
	}
	decoded, err := text.Decode(data)
	if err != nil {
		return nil, fmt.Errorf("%w %s: %w", errInputs, path, err)
	}
	return decoded.UTF8, nil
}

// lenientText is a text in any encoding that Windows writes; what cannot be decoded
// stays as it is, for a reader that says itself what is wrong with it.
func lenientText(data []byte) []byte {
	if decoded, err := text.Decode(data); err == nil {
		return decoded.UTF8
	}
	return data
}

// readAtMost reads to the end, or refuses what is longer than the limit.
func readAtMost(r io.Reader, name string, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		if errors.Is(err, errInputWait) {
			return nil, err // it names the file itself
		}
		return nil, cannotRead(name, err)
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("%w %s: it is larger than %d bytes", errInputs, name, limit)
	}
	return data, nil
}
