package tpm

import (
	"errors"
	"fmt"

	"github.com/google/go-tpm/tpm2"
)

// What can be wrong with the chip. Every error of this package wraps one of
// them, or is a usage error of its own kind ([ErrAddress], [ErrBlob]).
var (
	// ErrNoDevice: there is no TPM at the address, or what is there is none.
	ErrNoDevice = errors.New("no TPM")
	// ErrWrongAddress, besides ErrNoDevice: the address was given, and leads to
	// no TPM. Where it is one of a software TPM, that does not run.
	ErrWrongAddress = errors.New("no TPM at the address that was given")
	// ErrGone, besides ErrNoDevice: it answered, and then the connection ended within
	// the run: it, or what stands before it, was stopped or restarted.
	ErrGone = errors.New("the TPM went away during this run")
	// ErrPermission: the TPM is there, this user may not open it, or the
	// operating system blocks a command for this user.
	ErrPermission = errors.New("no permission on the TPM")
	// ErrBusy: another program holds the TPM, or it does not answer in time.
	ErrBusy = errors.New("the TPM is busy")
	// ErrLockout: too many wrong passwords; the chip refuses for a while
	// (TPM 2.0 Part 1, 19.8, dictionary attack protection).
	ErrLockout = errors.New("the TPM is locked out")
	// ErrAuth: a hierarchy or an object has a password, and it was not given, or
	// wrongly. Whose it is, [AuthError] says.
	ErrAuth = errors.New("the TPM refuses the password")
	// ErrUnsupported: this TPM cannot do what DPS attestation needs.
	ErrUnsupported = errors.New("this TPM cannot do DPS attestation")
	// ErrHierarchy: the endorsement or owner hierarchy is switched off, which
	// firmware and operating systems can do until the next start.
	ErrHierarchy = errors.New("the TPM's hierarchy is switched off")
	// ErrNoEncryption: the chip refuses sessions that encrypt.
	ErrNoEncryption = errors.New("the TPM refuses encrypted sessions")
	// ErrFailure: the chip serves nobody until it is restarted: it failed its self
	// test, was never started, or its firmware is being updated.
	ErrFailure = errors.New("the TPM is out of order")
	// ErrResources: the chip's memory for objects or sessions is taken.
	ErrResources = errors.New("the TPM is out of memory")
	// ErrLost: a key or session of this run is not on the chip any more: another
	// program flushed it, or the chip was reset meanwhile.
	ErrLost = errors.New("the TPM lost a key or session of this run")
	// ErrNVFull: there is no room for another persistent object.
	ErrNVFull = errors.New("the TPM's non-volatile memory is full")
	// ErrOccupied: a handle holds something other than what belongs there.
	ErrOccupied = errors.New("the TPM's handle is occupied")
	// ErrOtherChip: the service wrapped its key for another EK or SRK. It is said
	// only where the chip opened a key that was wrapped for its own.
	ErrOtherChip = errors.New("the key from the service is for another chip")
)

// codeMeaning is one response code and the error that it is.
type codeMeaning struct {
	rc       tpm2.TPMRC
	sentinel error
}

// meanings maps response codes to this package's errors: TPM 2.0 Part 2, 6.6.
// Those that are missing mean [ErrUnsupported]; see [meaning].
var meanings = []codeMeaning{
	{tpm2.TPMRCBadAuth, ErrAuth},
	{tpm2.TPMRCAuthFail, ErrAuth},
	{tpm2.TPMRCNVAuthorization, ErrAuth},
	{tpm2.TPMRCLockout, ErrLockout},
	{tpm2.TPMRCCommandCode, ErrUnsupported},
	{tpm2.TPMRCHierarchy, ErrHierarchy},
	{tpm2.TPMRCSymmetric, ErrNoEncryption},
	{tpm2.TPMRCMode, ErrNoEncryption},
	{tpm2.TPMRCFailure, ErrFailure},
	{tpm2.TPMRCReboot, ErrFailure},
	{tpm2.TPMRCInitialize, ErrFailure},
	{tpm2.TPMRCUpgrade, ErrFailure},
	{tpm2.TPMRCNeedsTest, ErrFailure},
	{tpm2.TPMRCDisabled, ErrUnsupported},
	{tpm2.TPMRCContextGap, ErrResources},
	{tpm2.TPMRCTooManyContexts, ErrResources},
	{tpm2.TPMRCObjectMemory, ErrResources},
	{tpm2.TPMRCSessionMemory, ErrResources},
	{tpm2.TPMRCObjectHandles, ErrResources},
	{tpm2.TPMRCSessionHandles, ErrResources},
	{tpm2.TPMRCMemory, ErrResources},
	{tpm2.TPMRCNVSpace, ErrNVFull},
	{tpm2.TPMRCNVDefined, ErrOccupied},
	{tpm2.TPMRCBadContext, ErrLost},
	{tpm2.TPMRCReferenceH0, ErrLost},
	{tpm2.TPMRCReferenceS0, ErrLost},
	{tpm2.TPMRCExclusive, ErrBusy},
	{tpm2.TPMRCRetry, ErrBusy},
	{tpm2.TPMRCYielded, ErrBusy},
	{tpm2.TPMRCTesting, ErrBusy},
	{tpm2.TPMRCNVRate, ErrBusy},
	{tpm2.TPMRCNVUnavailable, ErrBusy},
	{tpm2.TPMRCCanceled, ErrBusy},
}

// explain gives an error of go-tpm its meaning; cc is the command that was run,
// of which a session may have been refused instead. What already is one of ours,
// or no response code, passes.
func (d *Device) explain(cc tpm2.TPMCC, err error) error {
	var rc tpm2.TPMRC
	if !errors.As(err, &rc) {
		return d.unusable(cc, err)
	}
	original := uint32(rc)
	if d.t != nil {
		if d.t.refused != nil && errors.Is(rc, tpm2.TPMRCCanceled) {
			return d.t.refused
		}
		if d.t.failed != 0 {
			cc, original = d.t.failed, d.t.code
		}
	}
	if isTBS(uint32(rc)) {
		return tbsError(uint32(rc), commandName(cc))
	}
	return d.responseError(rc, original, commandName(cc))
}

// refusesSession recognises a chip that does not accept a salted or encrypting
// session, in whichever words: the refusal is of the command that starts one,
// or names the attributes of one (TPM 2.0 Part 2, 6.6.2: bit 11 is a session).
func (d *Device) refusesSession(rc tpm2.TPMRC) bool {
	if d.opts.PlainBus || d.t == nil {
		return false
	}
	return d.t.failed == tpm2.TPMCCStartAuthSession || errors.Is(rc, tpm2.TPMRCAttributes) && rc&rcOfSession != 0
}

// lockoutDetail says how long the lockout lasts, as far as the chip tells: it
// forgets one failure every interval, and serves again when the count is below
// the limit (TPM 2.0 Part 1, 19.8.3).
func (d *Device) lockoutDetail() string {
	if d.t == nil {
		return ""
	}
	values, err := d.readGroup(tpm2.TPMPTPermanent)
	if err != nil {
		return ""
	}
	count, limit, interval := values[tpm2.TPMPTLockoutCounter], values[tpm2.TPMPTMaxAuthFail], values[tpm2.TPMPTLockoutInterval]
	switch {
	case interval == 0:
		return " until its owner resets it"
	case limit == 0:
		return ""
	case count < limit:
		return fmt.Sprintf(" for %d seconds or until the machine restarts", interval)
	}
	wait := (uint64(count) - uint64(limit) + 1) * uint64(interval)
	return fmt.Sprintf(" for %d seconds at most while it has power (%d wrong passwords of %d; it forgets one every %d seconds)", wait, count, limit, interval)
}
