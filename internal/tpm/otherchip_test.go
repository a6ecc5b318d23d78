package tpm

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"
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

// mangler is a chip that answers, and lies: it changes the answers to some
// commands.
type mangler struct {
	t    transport.TPM
	cc   tpm2.TPMCC
	bend func(rsp []byte) []byte
}

func (m *mangler) Send(cmd []byte) ([]byte, error) {
	rsp, err := m.t.Send(cmd)
	if err == nil && m.bend != nil && commandCodeOf(cmd) == m.cc && responseCode(rsp) == tpm2.TPMRCSuccess {
		rsp = m.bend(rsp)
	}
	return rsp, err
}

func commandCodeOf(cmd []byte) tpm2.TPMCC {
	return tpm2.TPMCC(uint32(cmd[6])<<24 | uint32(cmd[7])<<16 | uint32(cmd[8])<<8 | uint32(cmd[9]))
}

// A chip whose answers are wrong in any part never has a key called another
// chip's, with and without encryption, and nothing is left on it.
func TestLyingChip(t *testing.T) {
	zero := func(from int) func([]byte) []byte {
		return func(rsp []byte) []byte { clear(rsp[min(from, len(rsp)):]); return rsp }
	}
	flip := func(at int) func([]byte) []byte {
		return func(rsp []byte) []byte { rsp[min(at, len(rsp)-1)] ^= 1; return rsp }
	}
	for _, plain := range []bool{false, true} {
		onEach(t, func(t *testing.T, chip *recorder) {
			withPersistentEK(t, chip)
			persistAs(t, open(t, chip, Options{}), tpm2.RSASRKTemplate, HandleSRK)
			for _, cc := range []tpm2.TPMCC{tpm2.TPMCCActivateCredential, tpm2.TPMCCImport, tpm2.TPMCCLoad} {
				from := responseHeader
				if cc == tpm2.TPMCCLoad {
					from += 4 // its handle
				}
				for name, bend := range map[string]func([]byte) []byte{
					"zeros": zero(from), "zeros after the sizes": zero(from + 6), "a bit early": flip(from + 8), "a bit in the middle": flip(from + 20),
				} {
					liar := &mangler{t: chip, cc: cc, bend: bend}
					err := trip(t.Context(), t, liar, Options{PlainBus: plain})
					if err == nil && cc == tpm2.TPMCCLoad && plain {
						continue // a Name that nothing depends on
					}
					if err == nil || errors.Is(err, ErrOtherChip) {
						t.Errorf("plain %v, %s in the answer to %s: %v", plain, name, commandName(cc), err)
					}
					if left := leftovers(t, chip); len(left) > 0 {
						t.Fatalf("plain %v, %s in the answer to %s: left on the chip: %#x", plain, name, commandName(cc), left)
					}
				}
			}
		})
	}
}
