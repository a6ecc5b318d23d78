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
	// ErrPermission: the TPM is there, this user may not open it.
	ErrPermission = errors.New("no permission on the TPM")
	// ErrBusy: another program holds the TPM, or it does not answer in time.
	ErrBusy = errors.New("the TPM is busy")
	// ErrLockout: too many wrong passwords; the chip refuses for a while
	// (TPM 2.0 Part 1, 19.8, dictionary attack protection).
	ErrLockout = errors.New("the TPM is locked out")
	// ErrAuth: a hierarchy has a password and it was not given, or wrongly.
	ErrAuth = errors.New("the TPM refuses the password")
	// ErrUnsupported: this TPM cannot do what DPS attestation needs.
	ErrUnsupported = errors.New("this TPM cannot do DPS attestation")
	// ErrResources: the chip's memory for objects or sessions is taken.
	ErrResources = errors.New("the TPM is out of memory")
	// ErrOccupied: a handle holds something else than what belongs there.
	ErrOccupied = errors.New("the TPM's handle is occupied")
	// ErrOtherChip: the service wrapped its key for another EK or SRK.
	ErrOtherChip = errors.New("the key from the service is for another chip")
)

// meanings maps response codes to this package's errors: TPM 2.0 Part 2, 6.6.
// The text that go-tpm has for the code follows in the message.
var meanings = []struct {
	rc tpm2.TPMRC
	is error
}{
	{tpm2.TPMRCBadAuth, ErrAuth},
	{tpm2.TPMRCAuthFail, ErrAuth},
	{tpm2.TPMRCLockout, ErrLockout},
	{tpm2.TPMRCCommandCode, ErrUnsupported},
	{tpm2.TPMRCHierarchy, ErrUnsupported},
	{tpm2.TPMRCObjectMemory, ErrResources},
	{tpm2.TPMRCSessionMemory, ErrResources},
	{tpm2.TPMRCObjectHandles, ErrResources},
	{tpm2.TPMRCSessionHandles, ErrResources},
	{tpm2.TPMRCMemory, ErrResources},
	{tpm2.TPMRCNVSpace, ErrResources},
	{tpm2.TPMRCNVDefined, ErrOccupied},
	{tpm2.TPMRCRetry, ErrBusy},
	{tpm2.TPMRCYielded, ErrBusy},
	{tpm2.TPMRCTesting, ErrBusy},
	{tpm2.TPMRCNVRate, ErrBusy},
	{tpm2.TPMRCCanceled, ErrBusy},
}

// explain gives an error of go-tpm its meaning. What already is one of ours, or
// no response code, passes.
func explain(err error) error {
	var rc tpm2.TPMRC
	if !errors.As(err, &rc) {
		return err
	}
	for _, m := range meanings {
		if errors.Is(rc, m.rc) {
			return fmt.Errorf("%w: %w (%#x)", m.is, rc, uint32(rc))
		}
	}
	return fmt.Errorf("%w (%#x)", err, uint32(rc))
}
