// Package softtpm runs a TPM 2.0 in software: swtpm, from the distribution, as
// a child process. It stands in for the chip in `tpmdps demo`, in training and
// in the tests; a machine that is really provisioned has no use for it.
//
// The rule for its users: a Process is one chip and its Options.Dir is that
// chip's memory. Start it again on the same directory and the same endorsement
// key answers; two processes cannot share a directory. swtpm serves one client
// at a time and lets the next one wait in silence, so clients need deadlines.
//
// The sockets are made here and inherited by swtpm. They exist before it runs,
// so nothing polls for them, no port is lost to another program in between, and
// no path goes through swtpm's own comma-separated option syntax.
package softtpm

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"
)

// ErrNotInstalled says that swtpm, or a program of its tools package, is not in
// PATH. Its text carries the command that installs them.
var ErrNotInstalled = errors.New("swtpm is not installed (apt-get install swtpm swtpm-tools)")

// How long swtpm may take. It needs milliseconds; the limits are for a machine
// that is badly overloaded and for a process that hangs.
const (
	startLimit   = 20 * time.Second
	controlLimit = 5 * time.Second
	stopLimit    = 5 * time.Second
)

// logName is the file in the state directory that swtpm writes its messages to.
const logName = "swtpm.log"

// Options say which chip to run and where it listens. The zero value is a blank
// TPM 2.0 on a unix socket that is forgotten when it stops.
type Options struct {
	// Dir holds the chip's state and swtpm's log. It is made, with mode 0700,
	// if it is missing. Empty means a temporary directory, removed by Stop.
	Dir string

	// Manufacture gives a chip without state what a chip has when it leaves the
	// factory, see the function Manufacture. A chip with state is left alone.
	Manufacture bool

	// TCP listens on two adjacent ports of 127.0.0.1 instead of on a unix
	// socket: commands on the first, control on the second, as the TCTI modules
	// of tpm2-tss expect.
	TCP bool

	// TPM12 runs a TPM 1.2, for showing what is said of a chip that is too old.
	TPM12 bool
}

// Process is a running software TPM.
type Process struct {
	data, ctrl endpoint
	dir        string
	tpm12      bool
	scratch    []string // directories to remove at the end

	context  context.Context // the process lives no longer than this
	kill     context.CancelFunc
	done     chan struct{} // closed when swtpm has been waited for
	exit     error         // what Wait said; read it after done
	stopOnce sync.Once
	stopErr  error
}

// Start runs a software TPM and returns when it answers. The TPM has been
// started up (TPM2_Startup CLEAR), as firmware leaves a real one. When ctx ends
// the process is killed, and on Linux also when the calling process dies in
// whatever way. Call Stop in any case: it also removes the sockets.
func Start(ctx context.Context, o Options) (_ *Process, err error) {
	program, err := find("swtpm")
	if err != nil {
		return nil, err
	}
	p := &Process{tpm12: o.TPM12, done: make(chan struct{})}
	defer func() {
		if err != nil {
			p.cleanup()
		}
	}()
	if err := p.prepareDir(ctx, o); err != nil {
		return nil, err
	}
	if err := p.spawn(ctx, program, o); err != nil {
		return nil, err
	}
	ready, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	if err := p.control(ready, cmdGetCapability); err != nil {
		p.kill()
		<-p.done
		return nil, fmt.Errorf("start swtpm: %w%s", err, p.logTail())
	}
	return p, nil
}

// Address is where the chip listens, in the form that --tpm, TPM2TOOLS_TCTI
// (for TCP) and aziot-tpmd understand: "swtpm:path=SOCKET", or
// "swtpm:host=127.0.0.1,port=PORT".
func (p *Process) Address() string { return p.data.address() }

// Dir is the directory that holds the chip's state.
func (p *Process) Dir() string { return p.dir }

// Stop ends swtpm, waits until it is gone and removes the sockets. The state
// stays in Dir, unless Start made that directory. It reports a process that had
// ended by itself or did not end when told. Calling it again repeats the answer.
func (p *Process) Stop() error {
	p.stopOnce.Do(func() { p.stopErr = p.stop() })
	return p.stopErr
}

func (p *Process) stop() error {
	defer p.cleanup()
	defer p.kill()
	if p.context.Err() != nil { // killed already, as whoever started it wished
		<-p.done
		return nil
	}
	select {
	case <-p.done:
		return fmt.Errorf("swtpm ended before it was stopped: %w%s", p.exit, p.logTail())
	default:
	}
	// Asked, swtpm writes its state and removes its lock. One that does not
	// listen any more is killed below; the state on disk is whole either way,
	// because swtpm replaces the file at every change of non-volatile memory.
	asked := p.control(context.Background(), cmdShutdown)
	if asked == nil {
		select {
		case <-p.done:
			return nil
		case <-time.After(stopLimit):
			asked = errors.New("still running after it acknowledged")
		}
	}
	p.kill()
	<-p.done
	return fmt.Errorf("stop swtpm (killed instead): %w", asked)
}

// prepareDir makes the state directory and, where asked for, the chip in it.
func (p *Process) prepareDir(ctx context.Context, o Options) error {
	dir := o.Dir
	if dir == "" {
		temp, err := os.MkdirTemp("", "tpmdps-chip-")
		if err != nil {
			return fmt.Errorf("make a directory for the software TPM: %w", err)
		}
		p.scratch = append(p.scratch, temp)
		dir = temp
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make a directory for the software TPM: %w", err)
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	p.dir = dir
	if !o.Manufacture {
		return nil
	}
	if o.TPM12 {
		return errors.New("a TPM 1.2 cannot be manufactured here")
	}
	if _, err := os.Stat(filepath.Join(dir, stateName)); err == nil {
		return nil
	}
	return Manufacture(ctx, dir)
}

// spawn makes the sockets and starts swtpm on them.
func (p *Process) spawn(ctx context.Context, program string, o Options) error {
	sockets, err := listen(o.TCP)
	if err != nil {
		return err
	}
	defer sockets.close() // the child has its own descriptors
	p.data, p.ctrl = sockets.data, sockets.ctrl
	if sockets.dir != "" {
		p.scratch = append(p.scratch, sockets.dir)
	}
	log, err := os.OpenFile(filepath.Join(p.dir, logName), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("open the log of the software TPM: %w", err)
	}
	defer log.Close()

	p.context, p.kill = context.WithCancel(ctx)
	// Descriptors 3 and 4 are listening sockets. "unixio" is right for TCP ones
	// too: it is swtpm's word for "accept clients on what was passed", while
	// type=tcp takes a passed descriptor for a connected client.
	args := []string{"socket",
		"--tpmstate", "dir=.",
		"--server", "type=unixio,fd=3",
		"--ctrl", "type=unixio,fd=4",
		"--flags", "startup-clear"}
	if !o.TPM12 {
		args = append(args, "--tpm2")
	}
	cmd := exec.CommandContext(p.context, program, args...)
	cmd.Dir = p.dir
	cmd.Stdout, cmd.Stderr = log, log
	cmd.ExtraFiles = sockets.files()
	bindToParent(cmd)

	started := make(chan error)
	go p.supervise(cmd, started)
	if err := <-started; err != nil {
		p.kill()
		return fmt.Errorf("start swtpm: %w", err)
	}
	return nil
}

// supervise starts the child and waits for it on one locked thread: the signal
// at the parent's death is tied to the thread that forked, not to the process,
// so that thread has to live as long as the child.
func (p *Process) supervise(cmd *exec.Cmd, started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := cmd.Start()
	started <- err
	if err == nil {
		p.exit = cmd.Wait()
	}
	close(p.done)
}

func (p *Process) cleanup() {
	for _, dir := range p.scratch {
		os.RemoveAll(dir)
	}
}

// logTail is the end of swtpm's log as a suffix for an error, because swtpm
// says there, and only there, why it gave up.
func (p *Process) logTail() string {
	text, err := os.ReadFile(filepath.Join(p.dir, logName))
	if err != nil {
		return ""
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	lines = lines[max(0, len(lines)-3):]
	if tail := strings.TrimSpace(strings.Join(lines, "; ")); tail != "" {
		return ": swtpm says: " + tail
	}
	return ""
}

// find looks a program of swtpm's packages up in PATH.
func find(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("%w: %s: %w", ErrNotInstalled, name, errors.Unwrap(err))
	}
	return path, nil
}
