package tpm

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-tpm/tpm2"
)

// A chip that refuses every key cannot do it, whatever its code: it is never told
// that the key is another chip's. The command and its code are named.
func TestChipThatOpensNoKey(t *testing.T) {
	onEach(t, func(t *testing.T, chip *recorder) {
		withPersistentEK(t, chip)
		persistAs(t, open(t, chip, Options{}), tpm2.RSASRKTemplate, HandleSRK)
		for _, cc := range []tpm2.TPMCC{tpm2.TPMCCActivateCredential, tpm2.TPMCCImport} {
			for _, rc := range []tpm2.TPMRC{
				tpm2.TPMRCValue + 0x1c0, tpm2.TPMRCFailure, tpm2.TPMRCIntegrity + 0x1c0, tpm2.TPMRCBinding, tpm2.TPMRCSize + 0x2c0,
				tpm2.TPMRCInsufficient, tpm2.TPMRCScheme, tpm2.TPMRCKey + 0x200, tpm2.TPMRCType + 0x100, tpm2.TPMRCHash, tpm2.TPMRCAsymmetric, 0x2df,
			} {
				chip.fault = func(_ int, sent tpm2.TPMCC) (tpm2.TPMRC, bool) { return rc, sent == cc }
				err := trip(t.Context(), t, chip, Options{})
				chip.fault = nil
				if !errors.Is(err, ErrUnsupported) || errors.Is(err, ErrOtherChip) || errors.Is(err, ErrFailure) ||
					!strings.Contains(err.Error(), "TPM2_"+commandName(cc)) || !strings.Contains(err.Error(), "0x") {
					t.Errorf("%#x to %s: %v, want ErrUnsupported with both", uint32(rc), commandName(cc), err)
				}
			}
		}
	})
}

// A refusal in the comparison that has a meaning of its own is told with it.
func TestComparisonThatFails(t *testing.T) {
	onEach(t, func(t *testing.T, chip *recorder) {
		withPersistentEK(t, chip)
		persistAs(t, open(t, chip, Options{}), tpm2.RSASRKTemplate, HandleSRK)
		for _, second := range []struct {
			rc   tpm2.TPMRC
			cc   tpm2.TPMCC
			want error
		}{
			{tpm2.TPMRCLockout, tpm2.TPMCCImport, ErrLockout},
			{tpm2.TPMRCBadAuth + 0x900, tpm2.TPMCCPolicySecret, ErrAuth},
			{tpm2.TPMRCObjectMemory, tpm2.TPMCCLoad, ErrResources},
			{tpm2.TPMRCValue, tpm2.TPMCCStartAuthSession, ErrNoEncryption},
		} {
			refused := false
			chip.fault = func(_ int, cc tpm2.TPMCC) (tpm2.TPMRC, bool) {
				switch {
				case !refused && cc == tpm2.TPMCCActivateCredential:
					refused = true
					return tpm2.TPMRCIntegrity + 0x1c0, true
				case refused && cc == second.cc:
					return second.rc, true
				}
				return 0, false
			}
			err := trip(t.Context(), t, chip, Options{})
			chip.fault = nil
			if !errors.Is(err, second.want) || errors.Is(err, ErrOtherChip) {
				t.Errorf("%#x to %s: %v, want %v", uint32(second.rc), commandName(second.cc), err, second.want)
			}
		}
	})
}
