package tpm

import (
	"fmt"
	"slices"
	"time"

	"github.com/google/go-tpm/tpm2"
)

// The pauses between two attempts at one command, and how long it is attempted.
const (
	firstPause = time.Millisecond // it doubles
	lastPause  = time.Second
	// A chip that is busy with something else is soon done with it.
	busyLimit = 10 * time.Second
	// Self-tests take some chips tens of seconds; memory that is worn is written
	// again after as long a pause.
	selfTestLimit = time.Minute
	// After a chip has asked for repeats until it timed out, a command is
	// repeated for this long: clean-up is many commands.
	timedOutLimit = time.Second
	// The user is informed of a longer pause than this.
	silentWait = time.Second
)

// repeat is what a code says that asks for the same command again.
type repeat struct {
	limit time.Duration
	what  string
}

// repeats are the codes with which a chip says that it has done nothing of the
// command, and wants it again (TPM 2.0 Part 2, 6.6.3): repeating it is safe
// whatever it is. A refused command leaves its sessions and their nonces as they
// were (Part 1, 19.6), so the same bytes are good.
var repeats = map[tpm2.TPMRC]repeat{
	tpm2.TPMRCYielded:       {busyLimit, "the TPM postponed a command"},
	tpm2.TPMRCCanceled:      {busyLimit, "the system cancelled a command of the TPM"},
	tpm2.TPMRCRetry:         {busyLimit, "the TPM is busy"},
	tpm2.TPMRCTesting:       {selfTestLimit, "the TPM is testing itself"},
	tpm2.TPMRCNVRate:        {selfTestLimit, "the TPM limits writes to its non-volatile memory"},
	tpm2.TPMRCNVUnavailable: {selfTestLimit, "the TPM's non-volatile memory is not available"},
	tbsRetry:                {busyLimit, "the TPM is busy"},
	tbsDoingSelfTest:        {selfTestLimit, "the TPM is testing itself"},
}

// asksForRepeat looks up a code of the chip, or one of the software around it.
func asksForRepeat(rc tpm2.TPMRC) (repeat, bool) {
	if base, ok := stackCode(uint32(rc)); ok {
		return repeat{busyLimit, "the TPM's resource manager is busy"}, base == stackTryAgain
	}
	r, ok := repeats[rc]
	return r, ok
}

// sendWithRepeats sends a command, and sends it again while the chip asks for that.
// It returns the code as it arrived, too: the answer itself is without the layer
// of a resource manager.
func (g *guard) sendWithRepeats(cmd []byte, limit time.Duration) (rsp []byte, code uint32, err error) {
	cc := commandOf(cmd)
	var since time.Time // of the first refusal
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		rsp, err := g.exchange(cmd, limit)
		if err == nil {
			err = checkResponse(rsp)
		}
		if err != nil {
			return nil, 0, g.afterAnswers(cc, err)
		}
		code := uint32(responseCode(rsp))
		rsp = withoutLayer(rsp)
		r, again := asksForRepeat(responseCode(rsp))
		if !again {
			return rsp, code, nil
		}
		if since.IsZero() {
			since = time.Now()
		}
		waited := time.Since(since)
		if waited+pause > g.repeatLimit(cc, r) {
			g.repeatTimedOut = true
			return rsp, code, nil
		}
		g.log.Debug("tpm command", "command", commandName(cc), "rc", fmt.Sprintf("%#x", code), "repeat in ms", pause.Milliseconds())
		if waited+pause > silentWait {
			g.notifyWaiting(responseCode(rsp), r)
		}
		if err := g.pause(pause, cc); err != nil {
			g.refused = fmt.Errorf("%w; its last answer: %w", timeoutIsBusy(err), &ResponseError{
				Code: uint32(responseCode(rsp)), Original: code, Command: commandName(cc), sentinel: ErrBusy, text: codeText(uint32(responseCode(rsp)), code),
			})
			return slices.Clone(refusal), code, nil
		}
	}
}

// repeatLimit is how long a command is repeated. What is on the chip is flushed
// after the context has ended, too, though not for long.
func (g *guard) repeatLimit(cc tpm2.TPMCC, r repeat) time.Duration {
	switch {
	case g.repeatTimedOut:
		return timedOutLimit
	case cc == tpm2.TPMCCFlushContext && g.ctx.Err() != nil:
		return cleanupLimit
	}
	return r.limit
}

// notifyWaiting says once for each code why nothing happens.
func (g *guard) notifyWaiting(rc tpm2.TPMRC, r repeat) {
	if g.notified[rc] {
		return
	}
	g.notified[rc] = true
	g.waiting(fmt.Sprintf("%s; waiting up to %d s", r.what, int(r.limit.Seconds())))
}

// pause waits, and returns the context's error as soon as that ends. Clean-up is
// not for the context to end.
func (g *guard) pause(d time.Duration, cc tpm2.TPMCC) error {
	if cc == tpm2.TPMCCFlushContext {
		time.Sleep(d)
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-g.ctx.Done():
		return g.ctx.Err()
	}
}
