package provision

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"testing"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"

	"tpmdps/internal/softtpm/softtpmtest"
	"tpmdps/internal/tpm"
)

// What another program forgot on the chip does not stop the trip, as long as it is
// one object of the three that there is room for.
func TestRunBesideALeftover(t *testing.T) {
	for _, fixture := range []string{"", "persisted"} {
		b := setUp(t, fixture)
		leave := func(c transport.TPM) error { return softtpmtest.LeaveObjects(c, 1) }
		if err := softtpmtest.On(b.chip, leave); err != nil {
			t.Fatal(err)
		}
		for _, persist := range []uint32{0, tpm.HandleDPSKey} {
			req := b.request(t, nil)
			req.Persist = persist
			if _, err := Run(context.Background(), req); err != nil {
				t.Errorf("fixture %q, kept at %#x: %v", fixture, persist, err)
			}
		}
		if left, err := softtpmtest.Leftovers(b.chip); err != nil || len(left) != 1 {
			t.Errorf("left on the chip: %#x, %v, want what was there before", left, err)
		}
	}
}

// A chip that refuses one key every time and opens others has another chip's key
// only where that key came from somewhere else.
func TestRunOfflineHasNoOtherChip(t *testing.T) {
	b := setUp(t, "persisted")
	for _, offline := range []bool{false, true} {
		for _, refused := range []tpm2.TPMCC{tpm2.TPMCCActivateCredential, tpm2.TPMCCImport} {
			var first []byte // part of the encrypted seed, at the end of both commands
			b.bus.Answer(func(command []byte, ask func() []byte) []byte {
				if tpm2.TPMCC(binary.BigEndian.Uint32(command[6:])) != refused {
					return ask()
				}
				seed := bytes.Clone(command[len(command)-200 : len(command)-10])
				if first == nil {
					first = seed
				}
				if bytes.Equal(seed, first) {
					return softtpmtest.Refusal(tpm2.TPMRCIntegrity + 0x1c0)
				}
				return ask()
			})
			req := b.request(t, nil)
			req.Offline = offline
			_, err := Run(context.Background(), req)
			b.bus.Answer(nil)
			if want := map[bool]error{false: tpm.ErrOtherChip, true: tpm.ErrUnsupported}[offline]; !errors.Is(err, want) || offline == errors.Is(err, tpm.ErrOtherChip) {
				t.Errorf("offline %v, %v of one key refused: %v, want %v", offline, refused, err, want)
			}
		}
	}
}

// A chip that refuses a key once and opens it the second time contradicts itself:
// the key is not another chip's.
func TestRunOnAFickleChip(t *testing.T) {
	b := setUp(t, "persisted")
	for _, offline := range []bool{false, true} {
		for _, refused := range []tpm2.TPMCC{tpm2.TPMCCActivateCredential, tpm2.TPMCCImport} {
			b.bus.SetQuirk(softtpmtest.RefusesOnce(refused, tpm2.TPMRCIntegrity+0x1c0))
			req := b.request(t, nil)
			req.Offline = offline
			_, err := Run(context.Background(), req)
			b.bus.SetQuirk(nil)
			if !errors.Is(err, tpm.ErrAnswer) || errors.Is(err, tpm.ErrOtherChip) {
				t.Errorf("offline %v, %v refused once: %v, want ErrAnswer", offline, refused, err)
			}
		}
	}
}
