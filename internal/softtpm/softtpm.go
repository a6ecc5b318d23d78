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
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// ErrNotInstalled says that swtpm, or a program of its tools package, is not in
// PATH. Its text carries the command that installs them.
var ErrNotInstalled = errors.New("swtpm is not installed (apt-get install swtpm swtpm-tools)")

// How long swtpm may take. It needs milliseconds; the limits are for a machine
// that is badly overloaded and for a process that hangs.
const (
	answerLimit = time.Minute // for any answer
	stopLimit   = time.Minute // for an orderly end
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

	// Env is swtpm's environment; nil is that of this process.
	Env []string

	// StopLimit is how long Stop waits for an orderly end, 0 for a minute.
	StopLimit time.Duration

	// TPM12 runs a TPM 1.2, for showing what is said of a chip that is too old.
	TPM12 bool
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
	p := &Process{tpm12: o.TPM12, stopLimit: cmp.Or(o.StopLimit, stopLimit), done: make(chan struct{})}
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
	if err := p.control(ctx, cmdGetCapability); err != nil {
		p.kill()
		<-p.done
		return nil, fmt.Errorf("start swtpm: %w%s", err, p.logTail())
	}
	return p, nil
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

// find looks a program of swtpm's packages up in PATH.
func find(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("%w: %s: %w", ErrNotInstalled, name, errors.Unwrap(err))
	}
	return path, nil
}
