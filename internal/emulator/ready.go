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
// written: the file appears whole, with id in its one line, so that a program that waits
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
	running, err := readyID(path)
	switch {
	case err != nil || running == 0:
		return err
	case id != 0 && id != running:
		return nil // another one is running
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("emulator: %w", err)
	}
	return nil
}

// CheckReady refuses a file that another program wrote, and removes nothing: an emulator
// that cannot start must leave the file of one that runs.
func CheckReady(path string) error {
	_, err := readyID(path)
	return err
}

// readyID is the process that a file of [WriteReady] names; 0 where there is none.
func readyID(path string) (int, error) {
	text, err := readStart(path, 32)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return 0, nil
	case err != nil:
		return 0, fmt.Errorf("emulator: %w", err)
	}
	is, err := strconv.Atoi(strings.TrimSuffix(text, "\n"))
	if err != nil || text != string(readyLine(is)) {
		return 0, fmt.Errorf("%w: --ready-file %s: another program wrote that file; name another one, or remove it", ErrOptions, path)
	}
	return is, nil
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
