package tpm

import (
	"encoding/binary"
	"fmt"

	"github.com/google/go-tpm/tpm2"
)

// AuthError is a password that the chip refused, and whose it is. It is an
// [ErrAuth].
type AuthError struct {
	// Handle is what the password belongs to: a hierarchy such as TPM_RH_OWNER,
	// 0x40000001, an NV index, or an object (TPM 2.0 Part 2, 7). It is 0 where
	// the chip does not tell.
	Handle uint32
	// Of names it, such as "the owner hierarchy".
	Of string
	// None: the hierarchy has no password at all, and one was given.
	None bool
}

// Error says what is refused and whose it is.
func (e *AuthError) Error() string {
	if e.Of == "" {
		return ErrAuth.Error()
	}
	if e.None {
		return ErrAuth.Error() + " of " + e.Of + ": the chip reports that it has none"
	}
	return ErrAuth.Error() + " of " + e.Of
}

// Unwrap makes it an [ErrAuth].
func (e *AuthError) Unwrap() error { return ErrAuth }

// authHandles says how many handles of a command are authorised. They stand
// first, and the sessions of the command are in their order (TPM 2.0 Part 1, 18).
var authHandles = map[tpm2.TPMCC]int{
	tpm2.TPMCCCreatePrimary: 1, tpm2.TPMCCPolicySecret: 1, tpm2.TPMCCActivateCredential: 2, tpm2.TPMCCImport: 1,
	tpm2.TPMCCLoad: 1, tpm2.TPMCCHMAC: 1, tpm2.TPMCCEvictControl: 1, tpm2.TPMCCNVRead: 1, tpm2.TPMCCCertify: 2,
}

// authError tells from a refusal of the last command whose password was refused:
// a format-1 code with bit 11 names a session by its number, in bits 8 to 10
// (TPM 2.0 Part 2, 6.6.2). Without a number, it is the first.
func (d *Device) authError(rc tpm2.TPMRC) *AuthError {
	const ofSession, number = 0x800, 0x700
	n := 1
	if rc&ofSession != 0 && rc&number != 0 {
		n = int(rc&number) >> 8
	}
	if d.t == nil || n > authHandles[d.t.failed] || len(d.t.asked) < 4*n {
		return &AuthError{}
	}
	handle := tpm2.TPMHandle(binary.BigEndian.Uint32(d.t.asked[4*(n-1):]))
	return &AuthError{Handle: uint32(handle), Of: d.nameOf(handle), None: d.passwordGiven(handle) && d.hasNoPassword(handle)}
}

// passwordGiven tells whether this run was given a password for a hierarchy, or proves one.
func (d *Device) passwordGiven(handle tpm2.TPMHandle) bool {
	return handle == d.proving || handle == tpm2.TPMRHOwner && len(d.opts.OwnerAuth) > 0 || handle == tpm2.TPMRHEndorsement && len(d.opts.EndorsementAuth) > 0
}

// hasNoPassword asks the chip whether a hierarchy is without a password, which is
// why it refuses every other than the empty one (TPMA_PERMANENT, Part 2, 8.6).
func (d *Device) hasNoPassword(handle tpm2.TPMHandle) bool {
	bit, known := map[tpm2.TPMHandle]uint32{tpm2.TPMRHOwner: 1 << 0, tpm2.TPMRHEndorsement: 1 << 1}[handle]
	if !known {
		return false
	}
	values, err := d.readGroup(tpm2.TPMPTPermanent)
	permanent, reported := values[tpm2.TPMPTPermanent]
	return err == nil && reported && permanent&bit == 0
}

// nameOf names what a handle stands for, for people.
func (d *Device) nameOf(handle tpm2.TPMHandle) string {
	const nvIndex, persistent = 0x01, 0x81
	switch {
	case handle == tpm2.TPMRHOwner:
		return "the owner hierarchy"
	case handle == tpm2.TPMRHEndorsement:
		return "the endorsement hierarchy"
	case handle == tpm2.TPMRHPlatform:
		return "the platform hierarchy"
	case handle == tpm2.TPMRHNull:
		return "the null hierarchy"
	case uint32(handle) == HandleSRK:
		return fmt.Sprintf("the storage root key at %#x", HandleSRK)
	case uint32(handle) == HandleEK:
		return fmt.Sprintf("the endorsement key at %#x", HandleEK)
	case uint32(handle) == HandleDPSKey:
		return fmt.Sprintf("the key from DPS at %#x", uint32(HandleDPSKey))
	case handle>>24 == nvIndex:
		return "NV index " + spelt(uint32(handle))
	case handle>>24 == persistent:
		return "the object at " + spelt(uint32(handle))
	case d.roles[handle] != "":
		return d.roles[handle]
	}
	return "the object with handle " + spelt(uint32(handle))
}
