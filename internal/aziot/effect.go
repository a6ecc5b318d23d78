package aziot

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"tpmdps/internal/text"
	"tpmdps/internal/tpm"
)

// What can be wrong although a configuration was applied.
var (
	// ErrDaemons: a daemon of IoT Edge does not run.
	ErrDaemons = errors.New("not all of IoT Edge came up")
	// ErrOldDaemon: the TPM daemon still has the configuration of before.
	ErrOldDaemon = errors.New("aziot-tpmd runs since before, with the old configuration")
)

// tpmDaemon is the one that opens the chip.
const tpmDaemon = "aziot-tpmd"

// comeUpLimit is how long the daemons may take to come up. Slow machines take
// some seconds for each.
const comeUpLimit = time.Minute

// EffectRequest is a configuration to put into effect. No function in it may be nil.
type EffectRequest struct {
	// File is the whole path of the configuration.
	File string
	// TCTI says how the TPM daemon is to open the chip. It is asked where that matters.
	TCTI func() string
	// Plan plans the round trip that the file's settings have to pass, up to the
	// challenge, as IoT Edge goes by them. An error that wraps tpm.ErrAddress leaves
	// the trip out; the trip's own error is that of the step that failed.
	Plan func() (trip func() error, err error)
	// Say is given sentences for those who watch, Warn for those who act; Line what
	// the tool of IoT Edge prints, a line at a time.
	Say, Warn, Line func(string)
}

// Effect is what became of a configuration.
type Effect struct {
	File    string `json:"file"`
	Command string `json:"command"` // as it is typed
	Applied bool   `json:"applied"` // false: IoT Edge is not installed here
	// Daemons are IoT Edge's; [] where systemd cannot say.
	Daemons []Daemon `json:"daemons"`
	// Restart are those that run since before, with the old configuration.
	Restart []string `json:"restart"`
	Holders []Holder `json:"holders"` // of the chip
}

// MayPutIntoEffect says what keeps this user from it: an error that wraps
// host.ErrNotRoot, or nil. Where IoT Edge is not installed there is nothing that root
// would be needed for.
func (i Installation) MayPutIntoEffect() error {
	if _, err := i.Tool(ConfigFile); err != nil {
		return nil
	}
	return i.Machine.NeedRoot()
}

// PutIntoEffect applies a configuration, waits for the daemons, and finds out whether
// that did it: whether they run, with the new configuration, whether the TPM daemon may
// open the chip, and whether DPS has a challenge for it. The effect is there beside an
// error. That wraps ErrApply, ErrConfig or host.ErrNotRoot where nothing was applied,
// and else ErrAccess, ErrDaemons, ErrOldDaemon, or is the trip's.
func (i Installation) PutIntoEffect(ctx context.Context, r EffectRequest) (Effect, error) {
	tool, err := i.Tool(r.File)
	e := Effect{File: r.File, Command: "sudo " + tool.String(), Daemons: []Daemon{}, Restart: []string{}, Holders: []Holder{}}
	if err != nil {
		r.Say("IoT Edge is not installed here; run later: " + e.Command)
		return e, nil
	}
	if err := i.Machine.NeedRoot(); err != nil {
		return e, err
	}
	before := i.TPMDaemons()
	if err := i.Apply(ctx, tool, r.Line); err != nil {
		if ctx.Err() != nil {
			r.Warn("IoT Edge may be stopped half-way; run it again: " + e.Command)
		}
		return e, err
	}
	e.Applied = true
	r.Say(fmt.Sprintf("waiting for IoT Edge's daemons, %s at most", comeUpLimit))
	if err := e.comeUp(ctx, i, r); err != nil {
		return e, err
	}
	if len(stillRunning(before, i.TPMDaemons())) > 0 {
		e.Restart = append(e.Restart, tpmDaemon)
	}
	daemons := e.judge(i, r.TCTI)
	if ctx.Err() != nil {
		return e, daemons
	}
	return e, e.prove(r, daemons)
}

// comeUp waits for the daemons, and sees who has the chip. The error is the context's.
func (e *Effect) comeUp(ctx context.Context, i Installation, r EffectRequest) error {
	limited, cancel := context.WithTimeout(ctx, comeUpLimit)
	defer cancel()
	all, err := i.Daemons(limited)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		r.Warn(text.Plain(err.Error()))
	default:
		e.Daemons = all
	}
	for _, h := range i.Holders() {
		e.Holders = append(e.Holders, h)
		if h.Exclusive() && h.Name != tpmDaemon {
			r.Warn(fmt.Sprintf("%s (process %d) holds %s, past the kernel's resource manager; what it leaves there may be in the way: %s", h.Name, h.PID, h.Node, h.stopCommand()))
		}
	}
	return nil
}

// stopCommand is how a process is ended.
func (h Holder) stopCommand() string {
	if h.Unit != "" {
		return "sudo systemctl stop " + h.Unit
	}
	return fmt.Sprintf("sudo kill %d", h.PID)
}

// judge says what is wrong with the daemons. That the TPM daemon is down because it may
// not open the chip goes before all others.
func (e Effect) judge(i Installation, tcti func() string) error {
	var words []string
	for _, d := range down(e.Daemons) {
		words = append(words, strings.TrimSuffix(fmt.Sprintf("%s is %s (%s)", d.Name, d.State, d.Detail), " ()"))
		if d.Name != tpmDaemon {
			continue
		}
		if a := i.Access(tcti()); a.Verdict == Denied {
			return fmt.Errorf("%w: %s", ErrAccess, a)
		}
	}
	switch {
	case len(words) > 0:
		return fmt.Errorf("%w: %s", ErrDaemons, strings.Join(words, ", "))
	case len(e.Restart) > 0:
		return ErrOldDaemon
	}
	return nil
}

// prove makes the trip, where there is a chip for it. daemons is what is wrong with the
// daemons.
func (e Effect) prove(r EffectRequest, daemons error) error {
	if node := e.chipInUse(); node != "" {
		r.Warn("verify is left out: aziot-tpmd itself has " + node + ", which one program at a time can open")
		return daemons
	}
	trip, err := r.Plan()
	if errors.Is(err, tpm.ErrAddress) {
		r.Warn("verify is left out: " + text.Plain(err.Error()))
		return daemons
	}
	if err != nil {
		return err
	}
	cause, besides := firstCause(daemons, trip())
	if besides != nil {
		r.Warn(text.Plain(besides.Error()))
	}
	return cause
}

// chipInUse is the node that IoT Edge's own daemon keeps from others; "" where there is
// none.
func (e Effect) chipInUse() string {
	n := slices.IndexFunc(e.Holders, func(h Holder) bool { return h.Exclusive() && h.Name == tpmDaemon })
	if n < 0 {
		return ""
	}
	return e.Holders[n].Node
}

// firstCause is the error to end with, and the one to warn of besides. One of the
// daemons goes before one of the trip only where it explains it.
func firstCause(daemons, trip error) (cause, besides error) {
	if trip == nil || errors.Is(daemons, ErrAccess) {
		return daemons, nil
	}
	return trip, daemons
}
