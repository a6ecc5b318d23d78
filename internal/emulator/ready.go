package emulator

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"tpmdps/internal/atomicfile"
)

// WriteReady says in a file that requests are answered and all other files are
// written: the file appears whole, with id in its one line, so that whoever waits
// for it can tell this run from one that was killed. A file of such a run is removed
// by [RemoveReady] at the start.
func WriteReady(path string, id int) error {
	if err := atomicfile.Put(path, readyLine(id), 0o644); err != nil {
		return fmt.Errorf("emulator: %w", err)
	}
	return nil
}

// RemoveReady removes a file of [WriteReady], whichever run's with id 0, and else
// only that of this run. One that is not there, or that another program wrote, is
// left alone.
func RemoveReady(path string, id int) error {
	text, err := readStart(path, 32)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("emulator: %w", err)
	}
	is, err := strconv.Atoi(strings.TrimSuffix(text, "\n"))
	switch {
	case err != nil || text != string(readyLine(is)):
		return fmt.Errorf("%w: --ready-file %s: another program wrote that file; name another one, or remove it", ErrOptions, path)
	case id != 0 && id != is:
		return nil // another one is running
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("emulator: %w", err)
	}
	return nil
}

func readyLine(id int) []byte { return fmt.Appendf(nil, "%d\n", id) }

// readStart reads the first bytes of a file. It must be a regular one: a pipe that
// somebody put there would be waited for.
func readStart(path string, limit int64) (string, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", nil
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit))
	return string(data), err
}
