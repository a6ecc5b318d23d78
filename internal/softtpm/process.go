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

// Process is a running software TPM.
type Process struct {
	data, ctrl endpoint
	dir        string
	tpm12      bool
	stopLimit  time.Duration
	scratch    []string // directories to remove at the end

	context  context.Context // the process lives no longer than this
	kill     context.CancelFunc
	done     chan struct{} // closed when swtpm has been waited for
	exit     error         // what Wait said; read it after done
	stopOnce sync.Once
	stopErr  error
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
	if p.context.Err() != nil { // killed already, as its caller wished
		<-p.done
		return nil
	}
	select {
	case <-p.done:
		return errors.Join(fmt.Errorf("swtpm ended before it was stopped%s", p.logTail()), p.exit)
	default:
	}
	// Asked, swtpm writes its state and removes its lock. One that does not
	// listen any more is killed below; the state on disk is whole either way,
	// because swtpm replaces the file at every change of non-volatile memory.
	limit, cancel := context.WithTimeout(context.Background(), p.stopLimit)
	defer cancel()
	asked := p.control(limit, cmdShutdown)
	if asked == nil {
		select {
		case <-p.done:
			return nil
		case <-limit.Done():
			asked = errors.New("still running after it agreed to stop")
		}
	}
	p.kill()
	<-p.done
	return fmt.Errorf("stop swtpm (killed instead): %w", asked)
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
	// type=tcp treats a passed descriptor as a connected client.
	args := []string{"socket",
		"--tpmstate", "dir=.",
		"--server", "type=unixio,fd=3",
		"--ctrl", "type=unixio,fd=4",
		"--flags", "startup-clear"}
	if !o.TPM12 {
		args = append(args, "--tpm2")
	}
	cmd := exec.CommandContext(p.context, program, args...)
	cmd.Dir, cmd.Env = p.dir, o.Env
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
