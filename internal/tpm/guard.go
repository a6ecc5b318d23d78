package tpm

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"
)

// responseHeader is the size of tag, size and response code that every answer
// starts with (TPM 2.0 Part 1, 18.2).
const responseHeader = 10

// The longest a command may take before the chip counts as hung. Creating an
// RSA primary key takes some discrete chips more than a minute; the kernel
// itself gives it five.
const (
	firstLimit   = 5 * time.Second // the first command: is anybody there?
	commandLimit = 30 * time.Second
	createLimit  = 5 * time.Minute
	// After the context ended.
	cleanupLimit       = 2 * time.Second
	createCleanupLimit = 15 * time.Second
)

// guard stands between go-tpm and the transport. It lets no command wait for
// ever, refuses answers that are not those of a TPM 2.0 or not to the command, and after the context has ended
// passes only FlushContext, so that an interrupted run still cleans up.
type guard struct {
	ctx  context.Context
	t    transport.TPM
	log  *slog.Logger
	sent int
	dead error // set once the transport can no longer be trusted

	refused error          // why a command was not sent and answered with refusal
	failed  tpm2.TPMCC     // the last command that the chip refused, clean-up aside
	code    uint32         // with which code, as it arrived
	asked   []byte         // the handles of that command, and what follows them
	made    tpm2.TPMHandle // the object or session that the last command made
	// answered is the last command that was answered with success.
	answered tpm2.TPMCC
	holds    holdings // what this run has in the chip's memory

	waiting        func(what string)
	notified       map[tpm2.TPMRC]bool // what waiting was reported
	repeatTimedOut bool                // the chip asked for repeats until it timed out
}

// What the guard answers in the chip's stead. refusal is for when the context has
// ended: TPM_RC_CANCELED. It is an answer and no error, because only after an
// answer does go-tpm end the sessions that it had opened for the command.
var (
	refusal = answerOf(tpm2.TPMRCCanceled)
	retry   = answerOf(tpm2.TPMRCRetry)
)

// answerOf is an answer with nothing in it but a code (TPM 2.0 Part 1, 18.2).
func answerOf(rc tpm2.TPMRC) []byte {
	rsp := []byte{0x80, 0x01 /* TPM_ST_NO_SESSIONS */, 0, 0, 0, responseHeader}
	return binary.BigEndian.AppendUint32(rsp, uint32(rc))
}

func newGuard(ctx context.Context, t transport.TPM, log *slog.Logger) *guard {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &guard{ctx: ctx, t: t, log: log, waiting: func(string) {}, notified: map[tpm2.TPMRC]bool{}}
}

// Send implements transport.TPM.
func (g *guard) Send(cmd []byte) ([]byte, error) {
	cc := commandOf(cmd)
	g.made, g.answered = 0, 0
	if g.dead != nil {
		return nil, g.dead
	}
	if err := g.ctx.Err(); err != nil && cc != tpm2.TPMCCFlushContext {
		g.refused = timeoutIsBusy(err)
		return slices.Clone(refusal), nil
	}
	g.holds.begin(cc)
	g.made, g.answered = 0, 0 // also where that asked the chip something
	start := time.Now()
	rsp, code, err := g.sendWithRepeats(cmd, g.limit(cc))
	g.sent++
	if err != nil {
		g.dead = err
		g.log.Debug("tpm command", "command", commandName(cc), "error", err, "ms", time.Since(start).Milliseconds())
		return nil, err
	}
	err = g.observe(cmd, rsp, code)
	g.log.Debug("tpm command", "command", commandName(cc), "rc", fmt.Sprintf("%#x", code), "ms", time.Since(start).Milliseconds())
	if err != nil {
		g.holds.doubted = true
		return nil, err
	}
	return rsp, nil
}

// observe notes what an answer says, and whether it can be true.
func (g *guard) observe(cmd, rsp []byte, code uint32) (err error) {
	cc, rc := commandOf(cmd), responseCode(rsp)
	if rc == tpm2.TPMRCSuccess {
		g.made, g.answered = madeBy(cc, rsp), cc
	}
	if g.made != 0 && g.holds.taken(g.made) { // and is not flushed for that
		err = contradicts(cc, "it returned the handle %#08x, which is in use already", uint32(g.made))
		g.made = 0
	}
	g.holds.end(cmd, g.made, rc)
	switch {
	case err != nil:
		return err
	case rc == tpm2.TPMRCSuccess:
		return checkShape(cmd, rsp)
	case cc != tpm2.TPMCCFlushContext || g.failed == 0:
		g.failed, g.code, g.asked = cc, code, slices.Clone(cmd[responseHeader:])
	}
	return nil
}

// madeBy is the handle of what a command made in the chip's memory, 0 for those
// that make nothing. Where the rest of the answer is unusable, it is flushed.
func madeBy(cc tpm2.TPMCC, rsp []byte) tpm2.TPMHandle {
	switch cc {
	case tpm2.TPMCCCreatePrimary, tpm2.TPMCCLoad, tpm2.TPMCCContextLoad, tpm2.TPMCCStartAuthSession:
		if len(rsp) >= responseHeader+4 {
			return tpm2.TPMHandle(binary.BigEndian.Uint32(rsp[responseHeader:]))
		}
	}
	return 0
}

func (g *guard) limit(cc tpm2.TPMCC) time.Duration {
	switch {
	case g.sent == 0:
		return firstLimit
	case cc == tpm2.TPMCCCreatePrimary:
		return createLimit
	}
	return commandLimit
}

// exchange sends one command in a goroutine of its own, because not every
// transport can be given a deadline: TBS and older kernels' devices cannot.
func (g *guard) exchange(cmd []byte, limit time.Duration) ([]byte, error) {
	type answer struct {
		rsp []byte
		err error
	}
	done := make(chan answer, 1)
	go func() {
		rsp, err := g.t.Send(cmd)
		done <- answer{rsp, err}
	}()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	interrupted, over := g.ctx.Done(), false
	for {
		select {
		case a := <-done:
			if a.err == nil && len(a.rsp) == 0 {
				// go-tpm's transports say so when the chip answered
				// TPM_RC_RETRY until their patience ran out. It is an
				// answer: what is on the chip can still be flushed.
				return slices.Clone(retry), nil
			}
			return a.rsp, g.explainLoss(transportError(a.err))
		case <-timer.C:
			if over {
				return nil, timeoutIsBusy(g.ctx.Err())
			}
			return nil, fmt.Errorf("%w: no answer within %s", ErrBusy, limit)
		case <-interrupted:
			// The command in flight cannot be recalled; its answer is
			// awaited a little, so that what it made can be flushed.
			interrupted, over = nil, true
			timer.Reset(min(limit, graceOf(cmd)))
		}
	}
}

// graceOf is how long a command is awaited after the context has ended: one
// that makes a key gets more, because its key could not be flushed otherwise.
func graceOf(cmd []byte) time.Duration {
	if commandOf(cmd) == tpm2.TPMCCCreatePrimary {
		return createCleanupLimit
	}
	return cleanupLimit
}

// transportError names the ways in which transports fail.
func transportError(err error) error {
	var framing framingError
	switch {
	case err == nil, errors.As(err, &framing):
		return err
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%w: the connection was closed before an answer came", ErrNoDevice)
	}
	return openError("the TPM", err)
}

// explainLoss says of a transport that fails after answers that the chip was there: no
// firmware setup, and no address, is to be looked at.
func (g *guard) explainLoss(err error) error {
	if g.sent == 0 || !errors.Is(err, ErrNoDevice) {
		return err
	}
	return goneError{err, g.sent}
}

// goneError is an [ErrGone] and what it was before.
type goneError struct {
	err      error
	answered int
}

// Error implements error.
func (e goneError) Error() string {
	return fmt.Sprintf("%v: it answered %d commands, then: %v", ErrGone, e.answered, e.err)
}

// Unwrap returns both.
func (e goneError) Unwrap() []error { return []error{ErrGone, e.err} }

// desynchronized says whether the connection ended, or carries something other than
// answers to what is asked, so that only another one reaches the chip. A chip that
// hangs does so on every one.
func (g *guard) desynchronized() bool {
	return g.dead != nil && !errors.Is(g.dead, ErrBusy) && !errors.Is(g.dead, context.Canceled)
}

// framingError says in which way an answer is not one whole message.
type framingError string

func (f framingError) Error() string { return string(f) }

// afterAnswers gives broken framing its meaning. What answers the first command
// like that is not a TPM. Later it is one that did so before, and the connection,
// or what stands on it, is at fault.
func (g *guard) afterAnswers(cc tpm2.TPMCC, err error) error {
	var framing framingError
	var refused *ResponseError
	switch {
	case g.sent > 0 && errors.As(err, &refused) && refused.Code == badTag:
		return framingFault(cc, "its tag is that of a TPM 1.2, and the answers before it were of a TPM 2.0")
	case !errors.As(err, &framing):
		return err
	case g.sent == 0:
		return fmt.Errorf("%w: %w", ErrNoDevice, framing)
	}
	return framingFault(cc, "%v", framing)
}

// timeoutIsBusy makes a deadline of the run an [ErrBusy], and leaves an
// interruption what it is.
func timeoutIsBusy(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return runOver{err}
	}
	return err
}

// runOver is an [ErrBusy] of which nobody can say whether the TPM is busy: it had no
// more time to answer.
type runOver struct{ cause error }

func (runOver) Error() string { return "this run timed out before the TPM answered" }

// Unwrap returns what it stands for and why.
func (e runOver) Unwrap() []error { return []error{ErrBusy, e.cause} }

// commandNames are the commands that this package sends, as the specification
// calls them.
var commandNames = map[tpm2.TPMCC]string{
	tpm2.TPMCCGetCapability: "GetCapability", tpm2.TPMCCReadPublic: "ReadPublic", tpm2.TPMCCCreatePrimary: "CreatePrimary",
	tpm2.TPMCCStartAuthSession: "StartAuthSession", tpm2.TPMCCPolicySecret: "PolicySecret", tpm2.TPMCCFlushContext: "FlushContext",
	tpm2.TPMCCActivateCredential: "ActivateCredential", tpm2.TPMCCImport: "Import", tpm2.TPMCCLoad: "Load", tpm2.TPMCCHMAC: "HMAC",
	tpm2.TPMCCEvictControl: "EvictControl", tpm2.TPMCCNVReadPublic: "NV_ReadPublic", tpm2.TPMCCNVRead: "NV_Read",
	tpm2.TPMCCCertify: "Certify", tpm2.TPMCCContextSave: "ContextSave", tpm2.TPMCCContextLoad: "ContextLoad",
	tpm2.TPMCCReadClock: "ReadClock",
}

func commandName(cc tpm2.TPMCC) string {
	if name := commandNames[cc]; name != "" {
		return name
	}
	return fmt.Sprintf("%#x", uint32(cc))
}

// commandOf is the code of a command; 0 of what is too short for one.
func commandOf(cmd []byte) tpm2.TPMCC {
	if len(cmd) < responseHeader {
		return 0
	}
	return tpm2.TPMCC(binary.BigEndian.Uint32(cmd[6:10]))
}

func responseCode(rsp []byte) tpm2.TPMRC {
	return tpm2.TPMRC(binary.BigEndian.Uint32(rsp[6:10]))
}

// checkResponse refuses what no TPM 2.0 says. A TPM 1.2 answers every 2.0
// command with its own tag, 0x00c4.
func checkResponse(rsp []byte) error {
	const tag12 = 0x00c4
	if len(rsp) < responseHeader {
		return framingError(fmt.Sprintf("it answers with %d bytes, a TPM with at least %d", len(rsp), responseHeader))
	}
	tag := binary.BigEndian.Uint16(rsp)
	size := binary.BigEndian.Uint32(rsp[2:6])
	switch {
	case tag == tag12:
		return errTPM12()
	case tag != tagNoSessions && tag != tagSessions:
		return framingError(fmt.Sprintf("it answers, but not as a TPM does (tag %#04x)", tag))
	case size != uint32(len(rsp)):
		return framingError(fmt.Sprintf("it answers with %d bytes and says they are %d", len(rsp), size))
	}
	return nil
}
