// Package disk names why this machine's file system did not do what was asked of
// it, so that one cause has one exit code and one hint wherever it arises.
//
// The rule for its users: an error of a file that a person named, or of standard
// output, goes through At before it is returned. What opens a TPM or a connection
// does not: the same numbers mean something else there.
package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
)

// The two kinds of causes, which each Cause wraps.
var (
	// ErrMachine is for what the machine has to be put right for: a full, a broken
	// or a read-only disk.
	ErrMachine = errors.New("this machine's disk")
	// ErrPlace is for a place that cannot hold, or does not show, what was asked
	// for: another one has to be named, or another user has to do it.
	ErrPlace = errors.New("that place")
)

// Cause is why. It is an error, for [errors.Is], in the words of Linux, where there
// is one number for it.
type Cause string

// All causes. Those of ErrMachine come first.
const (
	Full     Cause = "no space left on device"           // ENOSPC, EDQUOT
	ReadOnly Cause = "read-only file system"             // EROFS
	Broken   Cause = "input/output error"                // EIO, ENXIO, ENODEV, ESTALE
	TooLarge Cause = "file too large"                    // EFBIG
	Busy     Cause = "device or resource busy"           // ETXTBSY, EBUSY, EXDEV: also a file that is a mount
	Other    Cause = "unknown error of the file system"  // whatever else
	Denied   Cause = "permission denied"                 // EACCES, EPERM
	Missing  Cause = "no such file or directory"         // ENOENT
	IsFolder Cause = "is a directory"                    // EISDIR
	NoFolder Cause = "not a directory"                   // ENOTDIR
	BadName  Cause = "file name too long"                // ENAMETOOLONG
	Loop     Cause = "too many levels of symbolic links" // ELOOP
	NoModes  Cause = "the file system keeps no modes"    // chmod and chown, of FAT and exFAT
	Lacking  Cause = "operation not supported"           // ENOTSUP, ENOLCK, ENOSYS
	Closed   Cause = "bad file descriptor"               // EBADF: one that was named, or standard output
)

// Causes are all of them.
var Causes = []Cause{Full, ReadOnly, Broken, TooLarge, Busy, Other, Denied, Missing, IsFolder, NoFolder, BadName, Loop, NoModes, Lacking, Closed}

// Error implements error.
func (c Cause) Error() string { return string(c) }

// Unwrap returns ErrMachine or ErrPlace.
func (c Cause) Unwrap() error {
	switch c {
	case Full, ReadOnly, Broken, TooLarge, Busy, Other:
		return ErrMachine
	}
	return ErrPlace
}

// Error is a file system's error with its cause. It reads as the error itself; that
// the file system keeps no modes cannot be seen from that.
type Error struct {
	Cause Cause
	Path  string // what was to be read or written, or Stdout
	Err   error
}

// Stdout stands for the path of standard output.
const Stdout = "standard output"

// Error implements error.
func (e *Error) Error() string {
	if e.Cause == NoModes {
		return fmt.Sprintf("%v: %v", e.Err, e.Cause)
	}
	return e.Err.Error()
}

// Unwrap returns the cause and the system's error.
func (e *Error) Unwrap() []error { return []error{e.Cause, e.Err} }

// Hint says what to do next.
func (e *Error) Hint() string { return e.Cause.Hint(e.Path) }

// At gives an error that arose while the file at path was read or written its
// cause. One that has a cause already, one that says that the file exists, and one
// that is not the file system's stay as they are.
func At(path string, err error) error {
	var known *Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	if cause := causeOf(err); cause != "" {
		return &Error{cause, path, err}
	}
	return err
}

// Find gives an error of no known place its cause, if a file system's call is in
// it: then the call's own path counts.
func Find(err error) (*Error, bool) {
	var known *Error
	var path *fs.PathError
	switch {
	case errors.As(err, &known):
		return known, true
	case errors.As(err, &path):
		if cause := causeOf(err); cause != "" {
			return &Error{cause, path.Path, err}, true
		}
	case isLink(err), errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EROFS):
		if cause := causeOf(err); cause != "" {
			return &Error{cause, "", err}, true
		}
	}
	return nil, false
}

// After is a failure of the disk that comes when things were done already: the
// error says both. Other errors stay as they are.
func After(done []string, err error) error {
	if len(done) == 0 || !errors.Is(err, ErrMachine) && !errors.Is(err, ErrPlace) {
		return err
	}
	const maxNamed = 3
	more := ""
	if n := len(done) - maxNamed; n > 0 {
		done, more = done[:maxNamed], fmt.Sprintf(" and %d more", n)
	}
	return fmt.Errorf("%w; done before that: %s%s", err, strings.Join(done, ", "), more)
}
