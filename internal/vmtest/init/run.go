//go:build linux

package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"tpmdps/internal/vmtest"
)

// stepLimit is the longest a command may take: the slowest takes a second.
const stepLimit = 60 * time.Second

// run runs one step.
func run(step vmtest.Step) (o vmtest.Outcome) {
	o.Name = step.Name
	extra, err := startBeside(step.Beside)
	if err != nil {
		o.Error = err.Error()
		return o
	}
	start := time.Now()
	err = execute(step, &o)
	o.MS = time.Since(start).Milliseconds()
	output, besideErr := extra.stop()
	o.Beside = output
	if err := errors.Join(err, besideErr); err != nil {
		o.Error = err.Error()
	}
	return o
}

// execute runs the command of a step and notes what it writes and how it ends.
func execute(step vmtest.Step, o *vmtest.Outcome) error {
	var stdout, stderr bytes.Buffer
	defer func() { o.Stdout, o.Stderr = stdout.String(), stderr.String() }()

	cmd := command(step.Args)
	cmd.Stdout = &stdout
	if step.User != 0 || step.Group != 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: step.User, Gid: step.Group}}
	}
	lines, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	limit := time.AfterFunc(stepLimit, func() { cmd.Process.Kill() })
	s := newStriker(step.Strike, cmd)
	for r := bufio.NewReader(lines); ; {
		line, err := r.ReadString('\n')
		stderr.WriteString(line)
		s.see(line)
		if err != nil {
			break
		}
	}
	// Standard error can be closed before the end: Wait tells which it was.
	waited := cmd.Wait()
	o.Struck = s.stop()
	o.Code = exitCode(cmd)
	var ended *exec.ExitError
	switch {
	case !limit.Stop():
		return fmt.Errorf("killed after %s", stepLimit)
	case errors.As(waited, &ended):
		return nil
	}
	return waited
}

// command looks a program up where the plan's programs are.
func command(args []string) *exec.Cmd {
	path := args[0]
	if !strings.Contains(path, "/") {
		path = filepath.Join("/", path)
	}
	cmd := exec.Command(path, args[1:]...)
	cmd.Dir = "/tmp"
	cmd.Env = []string{}
	return cmd
}

// exitCode is the code as shells have it.
func exitCode(cmd *exec.Cmd) int {
	status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return cmd.ProcessState.ExitCode()
}

// striker sends the signals of a step.
type striker struct {
	*vmtest.Strike
	cmd *exec.Cmd

	once sync.Once
	done chan struct{}
	sent chan int // once, when there will be no more
}

// newStriker starts the clock of a strike; a nil one never strikes.
func newStriker(strike *vmtest.Strike, cmd *exec.Cmd) *striker {
	s := &striker{Strike: strike, cmd: cmd, done: make(chan struct{}), sent: make(chan int, 1)}
	if strike != nil && strike.After == "" {
		s.once.Do(func() { go s.fire(time.Duration(strike.DelayMS) * time.Millisecond) })
	}
	return s
}

// see looks for the moment in what the command writes.
func (s *striker) see(line string) {
	if s.Strike != nil && s.After != "" && strings.Contains(line, s.After) {
		s.once.Do(func() { go s.fire(0) })
	}
}

// fire sends the signal, once or until stopped.
func (s *striker) fire(delay time.Duration) {
	n := 0
	defer func() { s.sent <- n }()
	for {
		select {
		case <-s.done:
			return
		case <-time.After(delay):
		}
		// A command that has been waited for is told apart from one that
		// runs, so no other process is ever hit.
		if s.cmd.Process.Signal(syscall.Signal(s.Signal)) != nil {
			return
		}
		n++
		if s.EveryMS == 0 {
			return
		}
		delay = time.Duration(s.EveryMS) * time.Millisecond
	}
}

// stop ends the strike and returns how many signals were sent.
func (s *striker) stop() (n int) {
	close(s.done)
	s.once.Do(func() { s.sent <- 0 })
	return <-s.sent
}

// companion is the command beside a step.
type companion struct {
	cmd   *exec.Cmd
	stdin io.Closer
	out   *bufio.Reader
	first string
}

// startBeside starts a command and waits for its first line.
func startBeside(args []string) (*companion, error) {
	if len(args) == 0 {
		return nil, nil
	}
	c := &companion{cmd: command(args)}
	stdin, err := c.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.cmd.Stderr = c.cmd.Stdout
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	c.stdin, c.out = stdin, bufio.NewReader(out)
	c.first, err = c.out.ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("%s: %q: %w", args[0], c.first, errors.Join(err, c.cmd.Wait()))
	}
	return c, nil
}

// stop tells the command to end and returns what it wrote.
func (c *companion) stop() (string, error) {
	if c == nil {
		return "", nil
	}
	closed := c.stdin.Close()
	rest, err := io.ReadAll(c.out)
	return c.first + string(rest), errors.Join(closed, err, c.cmd.Wait())
}
