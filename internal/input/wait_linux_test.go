package input_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"tpmdps/internal/contexttest"
	"tpmdps/internal/input"
)

// What did not come is named, and which of both waits it was.
func TestLateInputsAreNamed(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	deadline, expire := contexttest.WithDeadline(t)
	started := make(chan struct{})
	over := make(chan struct{})
	defer close(over)
	go func() { <-started; expire() }()
	_, err := input.Await(deadline, "pipe", "it did not open", func() (int, error) {
		close(started)
		<-over
		return 0, nil
	})
	if !errors.Is(err, input.ErrTimeOver) || err.Error() != "cannot read pipe: it did not open before the timeout" {
		t.Errorf("input.Await() = %v", err)
	}
	if _, err := input.Open(deadline, pipe); !errors.Is(err, input.ErrTimeOver) || !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), pipe) {
		t.Errorf("input.Open() = %v", err)
	}
	r, w := io.Pipe()
	defer w.Close()
	reading, interrupt := context.WithCancel(t.Context())
	go func() { io.WriteString(w, "begin"); interrupt() }()
	data, err := input.ReadAll(input.NewReader(reading, "standard input", r), "standard input", 100)
	if !errors.Is(err, input.ErrTimeOver) || !errors.Is(err, context.Canceled) || data != nil || err.Error() != "cannot read standard input: its end did not come before the timeout" {
		t.Errorf("input.ReadAll() = %q, %v", data, err)
	}
}

// What comes whole is read whole, in whatever pieces.
func TestInputIsWhole(t *testing.T) {
	text := strings.Repeat("0123456789", (64<<10)/3)
	for _, size := range []int{1, 7, (64 << 10), len(text)} {
		r, w := io.Pipe()
		go func() {
			for rest := text; rest != ""; {
				n := min(size*1000, len(rest))
				if size == 1 {
					n = min(4093, len(rest))
				}
				io.WriteString(w, rest[:n])
				rest = rest[n:]
			}
			w.Close()
		}()
		data, err := input.ReadAll(input.NewReader(t.Context(), "x", r), "x", int64(len(text)))
		if err != nil || string(data) != text {
			t.Errorf("size %d: %d bytes, %v", size, len(data), err)
		}
	}
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if data, err := input.ReadFile(t.Context(), path, int64(len(text))); err != nil || string(data) != text {
		t.Errorf("a file: %d bytes, %v", len(data), err)
	}
	if _, err := input.ReadFile(t.Context(), path, int64(len(text))-1); !errors.Is(err, input.ErrUnreadable) {
		t.Errorf("a file that is too long: %v", err)
	}
}
