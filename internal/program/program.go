// Package program runs other programs: of the PATH, without a shell, with nothing on
// their standard input but what is given, within the run's time, and with all that they
// have started.
package program

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"
)

// ErrNone is for a program that is not in the PATH.
var ErrNone = errors.New("it is not installed here")

// StopLimit is how long a program that was told to stop may take to do so, and
// how long its output is awaited when it has ended. Tests change it.
var StopLimit = 5 * time.Second

// maxOutput bounds what Output returns, in bytes.
const maxOutput = 64 << 10

// ExitError is why a program that ended by itself did not end with 0.
type ExitError = exec.ExitError

// Installed tells whether a program is in the PATH, or at the path that is given.
func Installed(name string) bool {
	_, err := exec.LookPath(name)
	return err == nil
}

// Program is another program, and how it is run.
type Program struct {
	Name string // in the PATH, or a path
	Args []string
	// Env is its environment, nil for this program's own.
	Env []string
	// Dir is where it runs, "" for here.
	Dir string
	// Stdin is what it reads, nil for nothing: it cannot ask anything.
	Stdin io.Reader
}

// Run runs the program. line is given each line of both its outputs as it comes. When
// ctx ends it is interrupted as with Ctrl-C, with all that it started, and what does
// not stop is killed. The error wraps [ErrNone], the cause of ctx, or an
// [*ExitError].
func (p Program) Run(ctx context.Context, line func(string)) error {
	path, err := exec.LookPath(p.Name)
	if err != nil {
		return fmt.Errorf("%s: %w", p.Name, ErrNone)
	}
	out := &lineWriter{line: line}
	cmd := exec.CommandContext(ctx, path, p.Args...)
	cmd.Env, cmd.Dir, cmd.Stdin = p.Env, p.Dir, p.Stdin
	cmd.Stdout, cmd.Stderr = out, out
	group(cmd)
	cmd.WaitDelay = StopLimit
	err = cmd.Run()
	out.flush()
	switch {
	case ctx.Err() != nil:
		endGroup(cmd)
		return fmt.Errorf("%s: %w", p.Name, context.Cause(ctx))
	case errors.Is(err, exec.ErrWaitDelay):
		return nil // it ended well, and left a child that holds its output
	case err != nil:
		return fmt.Errorf("%s: %w", p.Name, err)
	}
	return nil
}

// Output is Run for a program that says little: what it said, up to 64 KiB. Its last
// line is in the error.
func (p Program) Output(ctx context.Context) (string, error) {
	var b strings.Builder
	err := p.Run(ctx, func(line string) {
		if b.Len() < maxOutput {
			b.WriteString(line + "\n")
		}
	})
	text := b.String()
	if err == nil || errors.Is(err, ErrNone) {
		return text, err
	}
	if last := strings.TrimSpace(text); last != "" {
		last = last[strings.LastIndexByte(last, '\n')+1:]
		err = fmt.Errorf("%w: %s", err, last)
	}
	return text, err
}

// maxLine bounds a line that does not end.
const maxLine = 8 << 10

// lineWriter cuts what is written into lines. A progress bar's carriage return
// ends one, too.
type lineWriter struct {
	line func(string)
	rest []byte
}

func (w *lineWriter) Write(p []byte) (int, error) {
	w.rest = append(w.rest, p...)
	for {
		end := bytes.IndexAny(w.rest, "\r\n")
		if end < 0 && len(w.rest) < maxLine {
			return len(p), nil
		}
		if end < 0 {
			w.line(string(w.rest))
			w.rest = w.rest[:0]
			return len(p), nil
		}
		w.line(string(w.rest[:end]))
		next := end + 1
		if w.rest[end] == '\r' && next < len(w.rest) && w.rest[next] == '\n' {
			next++
		}
		w.rest = w.rest[next:]
	}
}

// flush passes on a last line without an end.
func (w *lineWriter) flush() {
	if len(w.rest) > 0 {
		w.line(string(w.rest))
		w.rest = nil
	}
}
