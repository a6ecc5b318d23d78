package atomicfile

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"tpmdps/internal/disk"
	"tpmdps/internal/filelock"
)

// temp is a file that is to get the name of another one. It is open, and where
// files are locked and can be renamed while they are open, it is locked as well:
// one that nobody has locked is what a killed run left.
type temp struct{ *os.File }

// tempSuffix ends the names of temporary files, which begin with a dot and the name
// of the file that they are for. Nobody else gives such a name.
const tempSuffix = ".tpmdps"

// writeTemp makes a file beside path, lets finish see to its owner and mode, and
// flush to its content being on the disk.
func writeTemp(path string, data []byte, finish, flush func(*os.File) error) (*temp, error) {
	return fillTemp(path, whole(data), finish, flush)
}

// whole writes the data.
func whole(data []byte) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	}
}

// fillTemp is [writeTemp] for content that need not be in memory as a whole.
func fillTemp(path string, content func(io.Writer) error, finish, flush func(*os.File) error) (*temp, error) {
	t, err := newTemp(path)
	if err != nil {
		return nil, err
	}
	buffered := bufio.NewWriter(t)
	if err = content(buffered); err == nil {
		err = buffered.Flush()
	}
	if err == nil {
		err = finish(t.File)
	}
	if err == nil {
		err = flush(t.File)
	}
	if err != nil {
		t.drop()
		return nil, err
	}
	return t, nil
}

// newTemp makes an empty file that no other run will sweep.
func newTemp(path string) (*temp, error) {
	for {
		f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*"+tempSuffix)
		if err != nil {
			return nil, err
		}
		t := &temp{f}
		kept, err := t.guard()
		if kept {
			return t, nil
		}
		t.drop() // another run took it for a dead one before it was locked
		if err != nil {
			return nil, err
		}
	}
}

// Close closes the file, of which no lock is left.
func (t *temp) Close() error { return filelock.Close(t.File) }

// drop closes the file and removes it under its own name, which is gone already if
// it was renamed.
func (t *temp) drop() {
	t.Close()
	os.Remove(t.Name())
}

// sweep removes the temporary files of killed runs that were to become path. They
// are only in the way: what goes wrong with them is not an error.
func sweep(path string) {
	dir, base := filepath.Split(path)
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return
	}
	for _, e := range entries {
		if e.Type().IsRegular() && isTemp(e.Name(), base) {
			removeDead(filepath.Join(dir, e.Name()))
		}
	}
}

// isTemp tells whether name is that of a temporary file for base.
func isTemp(name, base string) bool {
	number, ok := strings.CutPrefix(name, "."+base+".")
	if !ok {
		return false
	}
	number, ok = strings.CutSuffix(number, tempSuffix)
	return ok && isNumber(number)
}

// isNumber tells whether text is decimal digits and nothing else.
func isNumber(text string) bool { return text != "" && strings.Trim(text, "0123456789") == "" }

// Put gives the file at path its content in one step, whether it was there before
// or not. Nothing is kept of what it had, so it is for what the program has made by
// itself and can make again. The file has the given mode then.
func Put(path string, data []byte, mode fs.FileMode) error {
	return putAt(path, data, withMode(mode))
}

// withMode gives a finished file its mode.
func withMode(mode fs.FileMode) func(*os.File) error {
	return func(f *os.File) error { return f.Chmod(mode) }
}

// PutShared is [Put] for what everybody may read, on a stick: a file system that keeps no
// modes, such as FAT, gives the file its own.
func PutShared(path string, data []byte, mode fs.FileMode) error {
	return putAt(path, data, func(f *os.File) error {
		if err := disk.At(path, f.Chmod(mode)); !errors.Is(err, disk.NoModes) {
			return err
		}
		return nil
	})
}

// putAt is Put, with what gives the file its mode.
func putAt(path string, data []byte, finish func(*os.File) error) error {
	t, err := put(path, whole(data), finish)
	if t != nil {
		t.Close()
	}
	if err != nil {
		return disk.At(path, fmt.Errorf("write %s: %w", path, err))
	}
	return nil
}

// put returns the new file, which is still locked. With an error it returns it, too,
// where it has the name already.
func put(path string, content func(io.Writer) error, finish func(*os.File) error) (*temp, error) {
	sweep(path)
	t, err := fillTemp(path, content, finish, (*os.File).Sync)
	if err != nil {
		return nil, err
	}
	if err = t.settle(); err == nil {
		err = os.Rename(t.Name(), path)
	}
	if err != nil {
		t.drop()
		return nil, err
	}
	return t, inPlace(syncDir(filepath.Dir(path)))
}
