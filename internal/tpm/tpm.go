// Package tpm speaks with the TPM 2.0 chip: it finds or derives the endorsement
// key (EK) and the storage root key (SRK), imports a key that the Device
// Provisioning Service (DPS) wrapped for them, and signs with it.
//
// One rule governs it: nothing that outlives the call is left on the chip. A
// [Key] or [HMACKey] is closed by the caller that asked for it, sessions end with the
// command they were made for, or with the EK that they are salted to, on failing
// paths too, and only [Device.Persist] writes anything. Secrets cross the bus in
// an encrypted session, salted to the EK.
//
// It is the first stage of the flow and the only one that knows go-tpm.
package tpm

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"
)

// Options are what [Open] accepts besides the address.
type Options struct {
	// EndorsementAuth and OwnerAuth are the hierarchies' passwords; empty is
	// the usual case.
	EndorsementAuth, OwnerAuth []byte
	// PlainBus gives up encrypted sessions, for chips that refuse them: the
	// inner key of each blob and the hierarchies' passwords then cross the bus
	// as they are, where a probe can read them.
	PlainBus bool
	// Waiting is called with a sentence for people when the chip has asked for a
	// repeat for more than a second, once for each reason. It may be nil.
	Waiting func(what string)
	// Ledgers is a directory in which a run on a chip without a resource manager
	// notes what it makes there, so that the next one can clean up after one that
	// was killed. It must not outlast the start of the machine. Empty: none is kept.
	Ledgers string
	// keepLeftovers leaves on the chip what a run that was killed left there, for
	// those who are only to look. What this run makes is noted anyway.
	keepLeftovers bool
	// Flushed is called with a sentence for people when something that an earlier
	// run left was taken off the chip. It may be nil.
	Flushed func(what string)
	// Log receives one line a TPM command at debug level: its name, the
	// answer's code, the time. Never its content. It may be nil.
	Log *slog.Logger
}

// Device is an open TPM 2.0. It is for one goroutine.
type Device struct {
	address Address
	t       *guard
	close   func() error
	reopen  func(context.Context) (transport.TPMCloser, error) // another connection to the same chip; nil where there is none
	opts    Options

	fixed      map[tpm2.TPMPT]uint32 // TPM_PT_FIXED, read at Open
	salt       *Key                  // the EK while it is there, for sessions to be salted to
	persistent []uint32              // persistent handles, read when first asked
	countIndex int                   // which of counts the chip accepts
	nvLimit    int                   // bytes that it reads of an NV index in one command; 0: as it says

	roles         map[tpm2.TPMHandle]string // what is in the chip's memory for this run, in words
	secrecy       *heldSession              // encrypts for all commands of the SRK, while it is held
	endorsement   *heldSession              // proves the endorsement hierarchy's password, while it is held
	noContexts    bool                      // the chip refused to save or load an object's context
	proving       tpm2.TPMHandle            // the hierarchy whose password proveHierarchyAuth tries; 0: none
	noSessionRoom bool                      // it has no room for sessions that are held: each ends with its command
}

// Open connects to the TPM at addr, and asks it for its fixed properties to see
// that a TPM 2.0 is really there. The context bounds the whole life of the
// device: after it ends, only the clean-up commands are still sent.
//
// Errors: [ErrNoDevice], with [ErrWrongAddress] where that is the address's fault,
// [ErrPermission], [ErrBusy], [ErrUnsupported] for a TPM 1.2.
func Open(ctx context.Context, addr Address, opts Options) (*Device, error) {
	given := addr
	addr, t, err := connect(ctx, addr)
	if err != nil {
		return nil, withAdvice(given, ofAddress(given, err))
	}
	d, err := newDevice(ctx, t, opts)
	if err != nil {
		return nil, withAdvice(given, ofAddress(given, fmt.Errorf("%s: %w", addr, errors.Join(err, t.Close()))))
	}
	d.address, d.close = addr, t.Close
	d.reopen = func(ctx context.Context) (transport.TPMCloser, error) {
		d.close() // some chips have one connection at a time
		d.close = func() error { return nil }
		_, t, err := connect(ctx, addr)
		return t, err
	}
	d.watch()
	return d, nil
}

// newDevice makes a Device of a transport that is open already; the caller closes
// it. Errors are those of [Open].
func newDevice(ctx context.Context, t transport.TPM, opts Options) (*Device, error) {
	d := &Device{t: newGuard(ctx, t, opts.Log), opts: opts, close: func() error { return nil }, roles: map[tpm2.TPMHandle]string{}}
	if opts.Waiting != nil {
		d.t.waiting = opts.Waiting
	}
	if err := d.readFixed(); err != nil {
		return nil, err
	}
	return d, nil
}

// Address says where the TPM was found, spelt so that [ParseAddress] accepts it.
func (d *Device) Address() string { return d.address.String() }

// TCTI is the same as tpm2-tss reads it: see [Address.TCTI].
func (d *Device) TCTI() string { return d.address.TCTI() }

// Close ends the sessions that are left, and the connection. Where answers were
// unusable it looks for what these left on the chip, if need be on a connection
// that is opened again.
func (d *Device) Close() error {
	err := errors.Join(d.endSessions(), d.sweep())
	d.t.holds.ledger.close(d.t.holds.clean())
	return errors.Join(err, d.close())
}

// command is any of go-tpm's commands with the response R.
type command[R any] interface {
	Command() tpm2.TPMCC
	Execute(transport.TPM, ...tpm2.Session) (*R, error)
}

// run sends one command: see [Device.try].
func run[R any](d *Device, doing string, cmd command[R]) (rsp *R, err error) {
	err = d.try(cmd.Command(), doing, func() (err error) {
		rsp, err = cmd.Execute(d.t)
		return err
	})
	if err != nil {
		return nil, err
	}
	return rsp, nil
}

// try does something on the chip, which is mainly a command. A refusal becomes one
// of this package's errors, and an answer that cannot be used an [ErrAnswer], also
// where go-tpm panics over it, since the chip's words are input like any other. What
// such an answer brought into the chip's memory is flushed.
func (d *Device) try(cc tpm2.TPMCC, doing string, do func() error) (err error) {
	d.t.made, d.t.failed, d.t.answered = 0, 0, 0
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%s: %w", doing, d.unusable(cc, fmt.Errorf("%v", r)))
		}
		if err != nil && d.t.dead == nil {
			err = errors.Join(err, d.undo(err, d.t.made))
		}
	}()
	if err := do(); err != nil {
		return fmt.Errorf("%s: %w", doing, d.explain(cc, err))
	}
	return nil
}

// undo flushes what a command that failed made, and the sessions that an unusable
// answer does not say the end of.
func (d *Device) undo(failed error, made tpm2.TPMHandle) error {
	unusable := errors.Is(failed, ErrAnswer)
	d.t.holds.doubted = d.t.holds.doubted || unusable
	var err error
	if made != 0 {
		err = d.flush(made)
	}
	if !unusable {
		return err
	}
	for _, stray := range d.t.holds.lingeringSessions() {
		if stray != made {
			d.flush(stray) // refused where it has ended
		}
	}
	var refused *ResponseError
	if errors.As(err, &refused) {
		return nil // a handle that was never one
	}
	return err
}

// flush removes a transient object or a session from the chip. Where the
// connection is out of step, [Device.Close] does it on another one.
func (d *Device) flush(handle tpm2.TPMHandle) error {
	delete(d.roles, handle)
	if d.reopen != nil && !d.Managed() && d.t.desynchronized() {
		return nil
	}
	_, err := run(d, fmt.Sprintf("flush %#x", uint32(handle)), tpm2.FlushContext{FlushHandle: handle})
	return err
}
