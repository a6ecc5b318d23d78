// Package tpm speaks with the TPM 2.0 chip: it finds or derives the endorsement
// key (EK) and the storage root key (SRK), takes a key that the Device
// Provisioning Service (DPS) wrapped for them, and signs with it.
//
// One rule governs it: nothing that outlives the call is left on the chip. A
// [Key] or [HMACKey] is closed by whoever asked for it, sessions end with the
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

// Options are what [Open] can be told besides the address.
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
	// Log receives one line a TPM command at debug level: its name, the
	// answer's code, the time. Never its content. It may be nil.
	Log *slog.Logger
}

// Device is an open TPM 2.0. It is for one goroutine.
type Device struct {
	address Address
	t       *guard
	close   func() error
	opts    Options

	fixed      map[tpm2.TPMPT]uint32 // TPM_PT_FIXED, read at Open
	salt       *Key                  // the EK while it is there, for sessions to be salted to
	persistent []uint32              // persistent handles, read when first asked
	fewer      int                   // which of counts the chip accepts
	nvLimit    int                   // bytes that it reads of an NV index in one command; 0: as it says

	roles       map[tpm2.TPMHandle]string // what is in the chip's memory for this run, in words
	secrecy     *heldSession              // encrypts for all commands of the SRK, while it is held
	endorsement *heldSession              // proves the endorsement hierarchy's password, while it is held
	noContexts  bool                      // the chip refused to save or load an object's context
	frugal      bool                      // it has no room for sessions that are held: each ends with its command
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
		return nil, ofAddress(given, err)
	}
	d, err := New(ctx, t, opts)
	if err != nil {
		return nil, ofAddress(given, fmt.Errorf("%s: %w", addr, errors.Join(err, t.Close())))
	}
	d.address, d.close = addr, t.Close
	return d, nil
}

// New makes a Device of a transport that is open already; the caller closes
// it. Errors are those of [Open].
func New(ctx context.Context, t transport.TPM, opts Options) (*Device, error) {
	d := &Device{t: newGuard(ctx, t, opts.Log), opts: opts, close: func() error { return nil }, roles: map[tpm2.TPMHandle]string{}}
	if opts.Waiting != nil {
		d.t.waiting = opts.Waiting
	}
	if err := d.readFixed(); err != nil {
		return nil, err
	}
	return d, nil
}

// Address says where the TPM was found, spelt so that [ParseAddress] takes it.
func (d *Device) Address() string { return d.address.String() }

// Close ends the sessions that are left, and the connection.
func (d *Device) Close() error { return errors.Join(d.endSessions(), d.close()) }

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

// try does something on the chip, which is mainly a command. A refusal becomes one of this package's errors,
// and a response that go-tpm cannot take apart an error instead of a panic, since
// the chip's words are input like any other. What such a response brought into
// the chip's memory is flushed.
func (d *Device) try(cc tpm2.TPMCC, doing string, do func() error) (err error) {
	d.t.made, d.t.failed = 0, 0
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%s: %w: its answer cannot be parsed (%v)", doing, ErrNoDevice, r)
		}
		if made := d.t.made; err != nil && made != 0 && d.t.dead == nil {
			err = errors.Join(err, d.flush(made))
		}
	}()
	if err := do(); err != nil {
		return fmt.Errorf("%s: %w", doing, d.explain(cc, err))
	}
	return nil
}

// flush removes a transient object or a session from the chip.
func (d *Device) flush(handle tpm2.TPMHandle) error {
	delete(d.roles, handle)
	_, err := run(d, fmt.Sprintf("flush %#x", uint32(handle)), tpm2.FlushContext{FlushHandle: handle})
	return err
}
