// Package input reads what a person named to be read: files, standard input, and what a
// shell hands on. What was named may be a pipe that nobody writes to, a terminal, or on
// a server that does not answer; the end of the run ends each wait.
package input

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
)

// ErrUnreadable is for a file that was named and cannot be read.
var ErrUnreadable = errors.New("cannot read")

// ErrTimeOver is for an input that did not come before the run ended.
var ErrTimeOver = errors.New("before the timeout")

// WaitError says what did not come. It wraps ErrTimeOver and why the run is over. Of what
// the run had no time to wait for, or what ends by itself, there is nothing to say:
// What is "".
type WaitError struct {
	Name  string // of the input
	What  string // that did not happen
	Cause error
}

func (e *WaitError) Error() string {
	if e.What == "" {
		return fmt.Sprintf("%v %s %v", ErrUnreadable, e.Name, ErrTimeOver)
	}
	return fmt.Sprintf("%v %s: %s %v", ErrUnreadable, e.Name, e.What, ErrTimeOver)
}

// Unwrap returns ErrTimeOver and the cause.
func (e *WaitError) Unwrap() []error { return []error{ErrTimeOver, e.Cause} }

// Await returns what f does, or an error when the run is over before that. Nothing
// can call off the opening of a pipe at whose other end is nobody, nor a read of a
// terminal: such a call is left behind, and ends with the program.
func Await[T any](ctx context.Context, name, what string, f func() (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	var none T
	if ctx.Err() != nil {
		return none, &WaitError{name, "", context.Cause(ctx)}
	}
	answers := make(chan answer, 1)
	go func() {
		value, err := f()
		answers <- answer{value, err}
	}()
	select {
	case a := <-answers:
		return a.value, a.err
	case <-ctx.Done():
		return none, &WaitError{name, what, context.Cause(ctx)}
	}
}

// Reader is something that a person named to be read. It is the only way to read
// such a thing: what was named may be a pipe, a terminal, or on a server that does
// not answer, and the end of the time, and Ctrl-C, have to end the wait for it.
type Reader struct {
	ctx    context.Context
	name   string
	source io.Reader
	buf    []byte // the read that is left behind may still write into it
	begun  bool   // something has come
}

// maxRead is how much is read at a time.
const maxRead = 64 << 10

// Open opens a file for reading. Errors wrap [ErrUnreadable], with a disk.Error where the
// file system says why, or are a [WaitError].
func Open(ctx context.Context, path string) (*Reader, error) {
	var pipe atomic.Bool
	f, err := Await(ctx, path, "it did not open (a pipe that nobody writes to?)", func() (*os.File, error) {
		if info, err := os.Stat(path); err == nil { // before it is opened: that may last
			pipe.Store(!info.Mode().IsRegular())
			if !readable(path, info.Mode()) {
				return nil, NotFile(path, info.Mode())
			}
		}
		return os.Open(path)
	})
	var late *WaitError
	switch {
	case errors.As(err, &late) && !pipe.Load():
		return nil, &WaitError{path, "", late.Cause}
	case late != nil, errors.Is(err, ErrUnreadable):
		return nil, err
	case err != nil:
		return nil, Unreadable(path, err)
	}
	return NewReader(ctx, path, f), nil
}

// readable tells whether what is at a path can be read to its end: a file, a pipe,
// and of the devices a terminal, the one that is empty, and what a shell hands on.
// To open another one, such as a chip or a tape, may do something to it.
func readable(path string, mode fs.FileMode) bool {
	switch {
	case mode.IsRegular(), mode&fs.ModeNamedPipe != 0, runtime.GOOS == "windows" && !mode.IsDir():
		return true
	case mode&fs.ModeCharDevice == 0:
		return false
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	return FromShell(path) || path == os.DevNull || path == "/dev/console" || strings.HasPrefix(path, "/dev/tty") || strings.HasPrefix(path, "/dev/pts/")
}

// NewReader makes an input of what is open already.
func NewReader(ctx context.Context, name string, source io.Reader) *Reader {
	return &Reader{ctx: ctx, name: name, source: source}
}

// Read implements io.Reader.
func (in *Reader) Read(p []byte) (int, error) {
	if in.buf == nil {
		in.buf = make([]byte, maxRead)
	}
	buf := in.buf[:min(len(p), len(in.buf))]
	what := "its end did not come"
	if in.regular() {
		what = ""
	}
	n, err := Await(in.ctx, in.name, what, func() (int, error) { return in.source.Read(buf) })
	var late *WaitError
	if errors.As(err, &late) {
		if in.begun { // so it was waited for
			late.What = what
		}
		return 0, err
	}
	in.begun = true
	return copy(p, buf[:n]), err
}

// File is the open file of the input, nil if it is not a file.
func (in *Reader) File() *os.File {
	f, _ := in.source.(*os.File)
	return f
}

// regular tells whether it is a file, whose end is where it is.
func (in *Reader) regular() bool {
	f := in.File()
	if f == nil {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode().IsRegular()
}

// Close closes the file, if it is one.
func (in *Reader) Close() error {
	if f := in.File(); f != nil {
		return f.Close()
	}
	return nil
}

// FromShell tells whether a path is what a shell hands on: <(command), or stdin.
func FromShell(path string) bool {
	return strings.HasPrefix(path, "/dev/fd/") || strings.HasPrefix(path, "/proc/self/fd/") || path == "/dev/stdin"
}

// kindOf says what is there under the name of a file.
func kindOf(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "a directory"
	case mode&fs.ModeSocket != 0:
		return "a socket"
	}
	return "a device"
}
