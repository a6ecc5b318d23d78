package input_test

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"syscall"
	"testing"

	"tpmdps/internal/contexttest"
	"tpmdps/internal/input"
)

// A pipe that nobody writes to is waited for until the end of the run.
func TestPipeWithoutWriter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := input.Open(ctx, path)
		done <- err
	}()
	cancel()
	var wait *input.WaitError
	if err := <-done; !errors.As(err, &wait) || !errors.Is(err, input.ErrTimeOver) {
		t.Errorf("a pipe without a writer: %v", err)
	}
}

// A socket and a device are refused before they are opened; what is empty is read.
func TestOtherKinds(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, path := range []string{socket, "/dev/zero", "/dev/full"} {
		if _, err := input.Open(t.Context(), path); !errors.Is(err, input.ErrUnreadable) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if data, err := input.ReadFile(t.Context(), "/dev/null", 1); err != nil || len(data) != 0 {
		t.Errorf("/dev/null: %q, %v", data, err)
	}
	for path, want := range map[string]bool{"/dev/fd/3": true, "/proc/self/fd/0": true, "/dev/stdin": true, "/dev/tpm0": false, "stdin": false} {
		if input.FromShell(path) != want {
			t.Errorf("FromShell(%q) is %t", path, !want)
		}
	}
}

// What a run has no time for is not waited for.
func TestNoTimeLeft(t *testing.T) {
	ctx, expire := contexttest.WithDeadline(t)
	expire()
	if _, err := input.Open(ctx, "/etc/hostname"); !errors.Is(err, input.ErrTimeOver) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("opened after the end: %v", err)
	}
}
