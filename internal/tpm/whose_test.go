package tpm

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-tpm/tpm2"
)

// A refused password is told with whose it is, whichever command asked for it and
// whichever of its sessions the chip names.
func TestEveryRefusedPasswordHasAnOwner(t *testing.T) {
	const session1, session2, session3 = 0x900, 0xa00, 0xb00
	keys := func(persistent bool) func(t *testing.T, chip *recorder) {
		return func(t *testing.T, chip *recorder) {
			if persistent {
				withPersistentEK(t, chip)
				persistAs(t, open(t, chip, Options{}), tpm2.RSASRKTemplate, HandleSRK)
			}
		}
	}
	twice := func(t *testing.T, chip *recorder) error { return twoKeys(t, chip, Options{}, true) }
	for _, tt := range []struct {
		cc         tpm2.TPMCC
		nth        int // of this command
		number     tpm2.TPMRC
		persistent bool
		handle     uint32 // 0 is not compared
		of         string
	}{
		{tpm2.TPMCCCreatePrimary, 1, session1, false, 0x4000000b, "the endorsement hierarchy"},
		{tpm2.TPMCCCreatePrimary, 2, session1, false, 0x40000001, "the owner hierarchy"},
		{tpm2.TPMCCPolicySecret, 1, session1, true, 0x4000000b, "the endorsement hierarchy"},
		{tpm2.TPMCCPolicySecret, 1, 0, true, 0x4000000b, "the endorsement hierarchy"}, // no number
		{tpm2.TPMCCPolicySecret, 1, session2, true, 0, ""},                            // the policy session is not authorised
		{tpm2.TPMCCActivateCredential, 1, session1, true, HandleSRK, "the storage root key at 0x81000001"},
		{tpm2.TPMCCActivateCredential, 2, session2, true, HandleEK, "the endorsement key at 0x81010001"},
		{tpm2.TPMCCActivateCredential, 1, session3, true, 0, ""},
		{tpm2.TPMCCActivateCredential, 1, session1, false, 0, "the derived storage root key"},
		{tpm2.TPMCCActivateCredential, 2, session2, false, 0, "the derived endorsement key"},
		{tpm2.TPMCCImport, 1, session1, true, HandleSRK, "the storage root key at 0x81000001"},
		{tpm2.TPMCCImport, 2, session1, false, 0, "the derived storage root key"},
		{tpm2.TPMCCLoad, 1, session1, true, HandleSRK, "the storage root key at 0x81000001"},
		{tpm2.TPMCCHMAC, 1, session1, true, 0, "the key from DPS"},
		{tpm2.TPMCCEvictControl, 1, session1, true, 0x40000001, "the owner hierarchy"},
	} {
		for _, code := range []tpm2.TPMRC{tpm2.TPMRCBadAuth, tpm2.TPMRCAuthFail} {
			onEach(t, func(t *testing.T, chip *recorder) {
				keys(tt.persistent)(t, chip)
				chip.sent = nil
				chip.fault = func(n int, cc tpm2.TPMCC) (tpm2.TPMRC, bool) { return code + tt.number, cc == tt.cc && n == tt.nth }
				err := twice(t, chip)
				chip.fault = nil
				var auth *AuthError
				if !errors.Is(err, ErrAuth) || !errors.As(err, &auth) || auth.Of != tt.of || tt.handle != 0 && auth.Handle != tt.handle {
					t.Errorf("%#x to %s: %v, %+v, want %q", uint32(code+tt.number), commandName(tt.cc), err, auth, tt.of)
				}
				if want := "the TPM refuses the password of " + tt.of; tt.of != "" && !strings.Contains(fmt.Sprint(err), want) {
					t.Errorf("%v, want %q", err, want)
				}
			})
		}
	}
}

// Every name that a handle can have.
func TestNamesOfHandles(t *testing.T) {
	d := &Device{roles: map[tpm2.TPMHandle]string{0x80000001: "the derived storage root key"}}
	for handle, want := range map[tpm2.TPMHandle]string{
		0x40000001: "the owner hierarchy", 0x4000000b: "the endorsement hierarchy", 0x4000000c: "the platform hierarchy",
		0x40000007: "the null hierarchy", 0x81000001: "the storage root key at 0x81000001", 0x81010001: "the endorsement key at 0x81010001",
		0x81000100: "the key from DPS at 0x81000100", 0x81000002: "the object at 0x81000002", 0x01c00002: "NV index 0x01c00002",
		0x01400100: "NV index 0x01400100", 0x80000001: "the derived storage root key", 0x80000002: "the object with handle 0x80000002",
	} {
		if got := d.nameOf(handle); got != want {
			t.Errorf("nameOf(%#x) = %q, want %q", uint32(handle), got, want)
		}
	}
}

// An NV index with a password is told as that, in the note of a record.
func TestPasswordOfAnNVIndex(t *testing.T) {
	onEach(t, func(t *testing.T, chip *recorder) {
		notForTheOwner := asMaker
		notForTheOwner.OwnerRead = false
		store(t, chip, indexCertificate, notForTheOwner, pattern(64))
		chip.fault = func(_ int, cc tpm2.TPMCC) (tpm2.TPMRC, bool) {
			return tpm2.TPMRCBadAuth + 0x900, cc == tpm2.TPMCCNVRead
		}
		_, err := open(t, chip, Options{}).readNV(indexCertificate, maxNVIndex)
		var auth *AuthError
		if !errors.As(err, &auth) || auth.Handle != indexCertificate || auth.Of != "NV index 0x01c00002" {
			t.Errorf("readNV() = %v, %+v", err, auth)
		}
	})
}
