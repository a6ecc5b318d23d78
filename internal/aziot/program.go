package aziot

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// stopLimit is how long a program that was told to stop may take to do so, and
// how long its output is awaited when it has ended. Tests change it.
var stopLimit = 5 * time.Second

// run runs a program of the PATH, without a shell and without standard input, so
// that it cannot ask anything. line is given each line of both its outputs as it
// comes. When ctx ends it is interrupted as with Ctrl-C, with all that it started, and
// what does not stop is killed.
func (i Installation) run(ctx context.Context, line func(string), name string, args ...string) error {
	program, err := exec.LookPath(name)
	if err != nil {
		return fmt.Errorf("%s: %w", name, ErrNoProgram)
	}
	out := &lineWriter{line: line}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env, cmd.Dir = i.Machine.Env, "/"
	cmd.Stdout, cmd.Stderr = out, out
	group(cmd)
	cmd.WaitDelay = stopLimit
	err = cmd.Run()
	out.flush()
	switch {
	case ctx.Err() != nil:
		endGroup(cmd)
		return fmt.Errorf("%s: %w", name, context.Cause(ctx))
	case errors.Is(err, exec.ErrWaitDelay):
		return nil // it ended well, and left a child that holds its output
	case err != nil:
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// output is run for a program that says little.
func (i Installation) output(ctx context.Context, name string, args ...string) (string, error) {
	var b strings.Builder
	err := i.run(ctx, func(line string) {
		if b.Len() < 64<<10 {
			b.WriteString(line + "\n")
		}
	}, name, args...)
	text := b.String()
	if err == nil || errors.Is(err, ErrNoProgram) {
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
