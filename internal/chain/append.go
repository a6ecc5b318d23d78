package chain

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// Append writes a line, or several with line ends between them, and the last one's end
// where the file ends, and returns when they are on the disk. The caller holds the file's
// lock. What a full disk did accept of them is taken away again.
func Append(f *os.File, end int64, lines []byte) error {
	if err := reserve(f, end, int64(len(lines))+1); err != nil {
		return err
	}
	if _, err := f.Seek(end, io.SeekStart); err != nil {
		return err
	}
	// One write: what a kill leaves of it is a part only where it crosses a page, since the
	// kernel looks for a kill between two pages. Torn knows it.
	if _, err := f.Write(append(lines[:len(lines):len(lines)], '\n')); err != nil {
		return errors.Join(err, f.Truncate(end))
	}
	return f.Sync()
}

// Size is how long the file is.
func Size(f *os.File) (int64, error) { return f.Seek(0, io.SeekEnd) }

// InPlace refuses a file whose name leads elsewhere by now: what is appended to one
// that was moved or removed nobody would see.
func InPlace(f *os.File) error {
	here, err := f.Stat()
	if err != nil {
		return err
	}
	if there, err := os.Stat(f.Name()); err != nil || !os.SameFile(here, there) {
		return fmt.Errorf("%s was moved, removed or replaced while it was in use", f.Name())
	}
	return nil
}
