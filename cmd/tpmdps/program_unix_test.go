//go:build unix

package main

import (
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// program is a process of the real program, which a test ends at an event.
type program struct {
	t              *testing.T
	cmd            *exec.Cmd
	stdout, stderr lineBuffer
	begun          chan net.Conn // when it runs, and signals reach it
	time           net.Conn      // the end of this is the end of its time
}

// prepare makes a process that runs in dir. What it prints goes through the same
// program as that of a script's.
func prepare(t *testing.T, dir string, args ...string) *program {
	t.Helper()
	path, err := exec.LookPath("tpmdps")
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	// Only ends a hang.
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	p := &program{t: t, cmd: exec.CommandContext(ctx, path, args...), begun: make(chan net.Conn, 1)}
	t.Cleanup(func() { cancel(); l.Close() })
	go func() {
		if conn, err := l.Accept(); err == nil {
			p.begun <- conn
		}
	}()
	p.cmd.Dir = dir
	p.cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "GORACE=atexit_sleep_ms=0",
		timeEvent + "=" + l.Addr().String(), canaryWatch + "=" + t.TempDir(),
	}
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
	p.cmd.WaitDelay = time.Minute
	return p
}

// start returns when the program runs.
func (p *program) start() {
	p.t.Helper()
	p.launch()
	p.time = <-p.begun
}

// launch starts the program, and does not wait until it runs.
func (p *program) launch() {
	p.t.Helper()
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { p.cmd.Process.Kill() })
}

// expire ends its time, whatever its --timeout.
func (p *program) expire() { p.time.Close() }

// interrupt is Ctrl-C.
func (p *program) interrupt() {
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
		p.t.Error(err)
	}
}

// wait returns the exit code.
func (p *program) wait() int {
	p.cmd.Wait()
	return p.cmd.ProcessState.ExitCode()
}

// lineBuffer keeps what is written, and tells when it has a text.
type lineBuffer struct {
	mu   sync.Mutex
	buf  bytes.Buffer
	text string
	seen chan struct{}
}

// Write implements io.Writer.
func (b *lineBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.buf.Write(p)
	if b.seen != nil && strings.Contains(b.buf.String(), b.text) {
		close(b.seen)
		b.seen = nil
	}
	return len(p), nil
}

// says is closed when text has been written. It is called before the start.
func (b *lineBuffer) says(text string) <-chan struct{} {
	b.text, b.seen = text, make(chan struct{})
	return b.seen
}

func (b *lineBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// writeFiles puts files with mode 0600 into a new directory.
func writeFiles(t *testing.T, files map[string]string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// read is what a file holds.
func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
