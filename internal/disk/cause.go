package disk

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"syscall"
)

// causeOf reads the number that the system gave; "" for an error that is not a
// file system's, for a reader that went away, and for a file that exists.
func causeOf(err error) Cause {
	var number syscall.Errno
	if errors.As(err, &number) {
		if cause, known := numbers[number]; known {
			return byCall(err, cause)
		}
	}
	switch {
	case errors.Is(err, fs.ErrExist), errors.Is(err, fs.ErrClosed), errors.Is(err, os.ErrDeadlineExceeded):
		return ""
	case errors.Is(err, fs.ErrPermission):
		return byCall(err, Denied)
	case errors.Is(err, fs.ErrNotExist):
		return Missing
	case errors.Is(err, errors.ErrUnsupported):
		return byCall(err, Lacking)
	case number != 0:
		return byCall(err, Other)
	}
	var path *fs.PathError
	if errors.As(err, &path) || isLink(err) {
		return Other
	}
	return ""
}

func isLink(err error) bool {
	var link *os.LinkError
	return errors.As(err, &link)
}

// byCall tells a file system without owners and modes from one that refuses this
// user. Files are changed here only by those who made them, so that a refused
// chmod is the file system's. An owner is given by root alone.
func byCall(err error, cause Cause) Cause {
	if cause != Denied && cause != Lacking && cause != Other {
		return cause
	}
	var path *fs.PathError
	if !errors.As(err, &path) {
		return cause
	}
	switch call := strings.TrimPrefix(path.Op, "f"); {
	case call == "chmod", call == "chown" && (cause != Denied || isRoot()):
		return NoModes
	case cause == Other && call == "sync":
		return Lacking // EINVAL: it is a file that is not on a disk
	}
	return cause
}

// isRoot tells whether this user may give files away.
var isRoot = func() bool { return os.Geteuid() == 0 }
