package main

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

// errInputWait is for an input that did not come before the run ended.
var errInputWait = errors.New("before the time was over")

// inputWaitError says what did not come. It wraps errInputWait and why the run is over. Of what
// the run had no time to wait for, or what ends by itself, there is nothing to say:
// what is empty.
type inputWaitError struct {
	name, what string
	cause      error
}

func (e *inputWaitError) Error() string {
	if e.what == "" {
		return fmt.Sprintf("%v %s %v", errInputs, e.name, errInputWait)
	}
	return fmt.Sprintf("%v %s: %s %v", errInputs, e.name, e.what, errInputWait)
}

func (e *inputWaitError) Unwrap() []error { return []error{errInputWait, e.cause} }

// awaited returns what f does, or an error when the run is over before that. Nothing
// can call off the opening of a pipe at whose other end is nobody, nor a read of a
// terminal: such a call is left behind, and ends with the program.
func awaited[T any](ctx context.Context, name, what string, f func() (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	var none T
	if ctx.Err() != nil {
		return none, &inputWaitError{name, "", context.Cause(ctx)}
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
		return none, &inputWaitError{name, what, context.Cause(ctx)}
	}
}

// input is something that a person named to be read. It is the only way to read
// such a thing: what was named may be a pipe, a terminal, or on a server that does
// not answer, and the end of the time, and Ctrl-C, have to end the wait for it.
type input struct {
	ctx    context.Context
	name   string
	source io.Reader
	buf    []byte // the read that is left behind may still write into it
	begun  bool   // something has come
}

// maxRead is how much is read at a time.
const maxRead = 64 << 10

// openInput opens a file for reading.
func openInput(ctx context.Context, path string) (*input, error) {
	var pipe atomic.Bool
	f, err := awaited(ctx, path, "it did not open (a pipe that nobody writes to?)", func() (*os.File, error) {
		if info, err := os.Stat(path); err == nil { // before it is opened: that may last
			pipe.Store(!info.Mode().IsRegular())
			if !readable(path, info.Mode()) {
				return nil, notFile(path, info.Mode())
			}
		}
		return os.Open(path)
	})
	var late *inputWaitError
	switch {
	case errors.As(err, &late) && !pipe.Load():
		return nil, &inputWaitError{path, "", late.cause}
	case late != nil, errors.Is(err, errInputs):
		return nil, err
	case err != nil:
		return nil, cannotRead(path, err)
	}
	return newInput(ctx, path, f), nil
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
	return fromShell(path) || path == os.DevNull || path == "/dev/console" || strings.HasPrefix(path, "/dev/tty") || strings.HasPrefix(path, "/dev/pts/")
}

func newInput(ctx context.Context, name string, source io.Reader) *input {
	return &input{ctx: ctx, name: name, source: source}
}

// Read implements io.Reader.
func (in *input) Read(p []byte) (int, error) {
	if in.buf == nil {
		in.buf = make([]byte, maxRead)
	}
	buf := in.buf[:min(len(p), len(in.buf))]
	what := "its end did not come"
	if in.regular() {
		what = ""
	}
	n, err := awaited(in.ctx, in.name, what, func() (int, error) { return in.source.Read(buf) })
	var late *inputWaitError
	if errors.As(err, &late) {
		if in.begun { // so it was waited for
			late.what = what
		}
		return 0, err
	}
	in.begun = true
	return copy(p, buf[:n]), err
}

// file is the open file behind the input, nil if it is none.
func (in *input) file() *os.File {
	f, _ := in.source.(*os.File)
	return f
}

// regular tells whether it is a file, whose end is where it is.
func (in *input) regular() bool {
	f := in.file()
	if f == nil {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode().IsRegular()
}

// Close closes the file, if it is one.
func (in *input) Close() error {
	if f := in.file(); f != nil {
		return f.Close()
	}
	return nil
}
