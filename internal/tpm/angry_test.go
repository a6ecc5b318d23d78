package tpm

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"

	"tpmdps/internal/softtpm/softtpmtest"
)

// Chips that really refuse: each in its way, on both implementations.
func TestAngryChips(t *testing.T) {
	derive := func(d *Device) error {
		ek, err := d.EK()
		if err != nil {
			return err
		}
		return ek.Close()
	}
	tests := []struct {
		name  string
		anger func(transport.TPM) error
		do    func(*Device) error
		want  error
		says  string
	}{
		{"objects taken", softtpmtest.TakeObjects, derive, ErrResources, "TPM_RC_OBJECT_MEMORY"},
		{"endorsement hierarchy off", func(c transport.TPM) error { return softtpmtest.SwitchOff(c, tpm2.TPMRHEndorsement) }, derive, ErrHierarchy, "endorsement hierarchy"},
		{"owner hierarchy off", func(c transport.TPM) error { return softtpmtest.SwitchOff(c, tpm2.TPMRHOwner) },
			func(d *Device) error { _, err := d.SRK(); return err }, ErrHierarchy, "owner hierarchy"},
		{"no room for a persistent key", softtpmtest.TakeNV, func(d *Device) error {
			ek, err := d.EK()
			if err != nil {
				return err
			}
			return errors.Join(d.Persist(ek, HandleEK), ek.Close())
		}, ErrNVFull, "non-volatile memory is full"},
	}
	for _, tt := range tests {
		for name, start := range implementations {
			t.Run(tt.name+"/"+name, func(t *testing.T) {
				chip := start(t)
				if err := tt.anger(chip); err != nil {
					t.Fatal(err)
				}
				err := tt.do(open(t, chip, Options{}))
				if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.says) {
					t.Errorf("%v, want %v with %q", err, tt.want, tt.says)
				}
			})
		}
	}
}

// A persistent key whose hierarchy is switched off is listed, and answered for
// as if it were not there: told as what it is.
func TestHierarchyOfPersistentKeysSwitchedOff(t *testing.T) {
	for _, off := range []struct {
		hierarchy tpm2.TPMHandle
		says      string
	}{{tpm2.TPMRHEndorsement, "endorsement hierarchy"}, {tpm2.TPMRHOwner, "owner"}} {
		onEach(t, func(t *testing.T, chip *recorder) {
			withPersistentEK(t, chip)
			if err := softtpmtest.SwitchOff(chip, off.hierarchy); err != nil {
				t.Fatal(err)
			}
			for name, do := range map[string]func(*Device) error{
				"EK":         func(d *Device) error { _, err := d.EK(); return err },
				"Record":     func(d *Device) error { _, err := d.Record(); return err },
				"Candidates": func(d *Device) error { _, _, err := d.Candidates(); return err },
			} {
				if err := do(open(t, chip, Options{})); !errors.Is(err, ErrHierarchy) || !strings.Contains(err.Error(), off.says) {
					t.Errorf("%s() = %v, want ErrHierarchy with %q", name, err, off.says)
				}
			}
		})
	}
}

// Sessions taken by somebody else: told as such, and nothing of ours is left.
func TestSessionsTaken(t *testing.T) {
	for name, start := range implementations {
		t.Run(name, func(t *testing.T) {
			chip := start(t)
			d := open(t, chip, Options{})
			ek, srk := keys(t, d)
			blob := wrap(t, ek, srk, testKey, "x/y")
			if err := softtpmtest.TakeSessions(chip); err != nil {
				t.Fatal(err)
			}
			if _, err := d.Activate(ek, srk, blob); !errors.Is(err, ErrResources) {
				t.Errorf("Activate() = %v, want ErrResources", err)
			}
			closeAll(t, ek, srk)
		})
	}
}

// The SRK of the documented recipe is subject to dictionary attack protection:
// it works, with a warning, until the chip is locked out.
func TestLockout(t *testing.T) {
	onEach(t, func(t *testing.T, chip *recorder) {
		d := open(t, chip, Options{})
		persistAs(t, d, softtpmtest.RecipeSRK(), HandleSRK)
		d = open(t, chip, Options{})
		ek, srk := keys(t, d)
		defer closeAll(t, ek, srk)
		if srk.Handle != HandleSRK || !strings.Contains(srk.Warning, "dictionary attack") {
			t.Errorf("SRK at %#x, warning %q", srk.Handle, srk.Warning)
		}
		blob := wrap(t, ek, srk, testKey, "x/y")
		key, err := d.Activate(ek, srk, blob)
		if err != nil {
			t.Fatal(err)
		}
		closeAll(t, key)
		if err := softtpmtest.LockOut(chip); err != nil {
			t.Fatal(err)
		}
		_, err = d.Activate(ek, srk, blob)
		if !errors.Is(err, ErrLockout) || !strings.Contains(err.Error(), "4711 seconds") {
			t.Errorf("Activate() = %v, want ErrLockout and how long", err)
		}
		if p, err := d.properties(); err != nil || !p.inLockout || p.lockoutInterval != 4711 {
			t.Errorf("properties() = %+v, %v", p, err)
		}
	})
}

func persistAs(t *testing.T, d *Device, template tpm2.TPMTPublic, handle uint32) {
	t.Helper()
	k, err := d.derive(tpm2.TPMRHOwner, nil, template)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(d.Persist(k, handle), k.Close()); err != nil {
		t.Fatal(err)
	}
}

// An ECC key where the SRK belongs, as some systems keep it: passed over.
func TestSRKHandleWithECCKey(t *testing.T) {
	onEach(t, func(t *testing.T, chip *recorder) {
		d := open(t, chip, Options{})
		persistAs(t, d, tpm2.ECCSRKTemplate, HandleSRK)
		ek, srk := keys(t, d)
		defer closeAll(t, ek, srk)
		if srk.Handle != 0 || !strings.Contains(srk.Warning, "0x81000001 holds an ECC storage key") {
			t.Errorf("SRK at %#x, warning %q", srk.Handle, srk.Warning)
		}
		key, err := d.Activate(ek, srk, wrap(t, ek, srk, testKey, "x/y"))
		if err != nil {
			t.Fatal(err)
		}
		closeAll(t, key)
	})
}

func TestOccupant(t *testing.T) {
	onEach(t, func(t *testing.T, chip *recorder) {
		d := open(t, chip, Options{})
		if o, err := d.Occupant(HandleDPSKey); o != nil || err != nil {
			t.Errorf("Occupant() of an empty handle = %v, %v", o, err)
		}
		persistAs(t, d, tpm2.RSASRKTemplate, HandleDPSKey)
		persistAs(t, d, tpm2.ECCSRKTemplate, HandleDPSKey+1)
		o, err := d.Occupant(HandleDPSKey)
		if err != nil || o == nil || o.DPSKey || o.Is != "an RSA 2048 storage key" {
			t.Errorf("Occupant() = %+v, %v", o, err)
		}
		if index, err := d.FreeAuthKeyIndex(); err != nil || index != 0x102 {
			t.Errorf("FreeAuthKeyIndex() = %#x, %v, want 0x102", index, err)
		}
	})
}

// What a DPS client leaves at its handle is recognised.
func TestOccupantRecognisesDPSKey(t *testing.T) {
	onEach(t, func(t *testing.T, chip *recorder) {
		d := open(t, chip, Options{})
		ek, srk := keys(t, d)
		defer closeAll(t, ek, srk)
		key, err := d.Activate(ek, srk, wrap(t, ek, srk, testKey, "x/y"))
		if err != nil {
			t.Fatal(err)
		}
		_, err = tpm2.EvictControl{Auth: tpm2.TPMRHOwner, PersistentHandle: HandleDPSKey,
			ObjectHandle: &tpm2.NamedHandle{Handle: key.handle, Name: key.name}}.Execute(chip)
		if err != nil {
			t.Fatal(err)
		}
		closeAll(t, key)
		d = open(t, chip, Options{})
		if o, err := d.Occupant(HandleDPSKey); err != nil || o == nil || !o.DPSKey {
			t.Errorf("Occupant() = %+v, %v, want a DPS key", o, err)
		}
	})
}

// A chip that refuses salted sessions does so in its own words, some of which
// are also said of a blob: they never send anybody to enroll another key.
func TestRefusedSessionIsNoOtherChip(t *testing.T) {
	const session1 = 0x800 + 0x100 // TPM 2.0 Part 2, 6.6.2
	onEach(t, func(t *testing.T, chip *recorder) {
		d := open(t, chip, Options{})
		ek, srk := keys(t, d)
		defer closeAll(t, ek, srk)
		blob := wrap(t, ek, srk, testKey, "x/y")
		for _, tt := range []struct {
			rc   tpm2.TPMRC
			cc   tpm2.TPMCC
			want error
		}{
			{tpm2.TPMRCValue, tpm2.TPMCCStartAuthSession, ErrNoEncryption},
			{tpm2.TPMRCSize, tpm2.TPMCCStartAuthSession, ErrNoEncryption},
			{tpm2.TPMRCKey, tpm2.TPMCCStartAuthSession, ErrNoEncryption},
			{tpm2.TPMRCAttributes, tpm2.TPMCCStartAuthSession, ErrNoEncryption},
			{tpm2.TPMRCFailure, tpm2.TPMCCStartAuthSession, ErrFailure},
			{tpm2.TPMRCAttributes + session1, tpm2.TPMCCActivateCredential, ErrNoEncryption},
			{tpm2.TPMRCAttributes + session1, tpm2.TPMCCImport, ErrNoEncryption},
			{tpm2.TPMRCValue, tpm2.TPMCCPolicySecret, tpm2.TPMRCValue},
		} {
			chip.fault = func(_ int, cc tpm2.TPMCC) (tpm2.TPMRC, bool) { return tt.rc, cc == tt.cc }
			_, err := d.Activate(ek, srk, blob)
			chip.fault = nil
			if !errors.Is(err, tt.want) || errors.Is(err, ErrOtherChip) {
				t.Errorf("%v to %v: %v, want %v", tt.rc, tt.cc, err, tt.want)
			}
		}
	})
}

// A chip that says again and again that it has to be asked again is busy. It
// never does anything else, so none is needed, and its patience is the bubble's.
func TestYieldedForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		chip := fake(func([]byte) ([]byte, error) {
			asked++
			return answerOf(tpm2.TPMRCYielded), nil
		})
		began := time.Now()
		if _, err := newDevice(t.Context(), chip, Options{}); !errors.Is(err, ErrBusy) {
			t.Errorf("newDevice() = %v, want ErrBusy", err)
		}
		if took := time.Since(began); asked < 2 || took < time.Second {
			t.Errorf("asked %d times within %s, want it to be asked for a second at least", asked, took)
		}
	})
}

// A chip that has to be asked again is asked again.
func TestYieldedIsRetried(t *testing.T) {
	onEach(t, func(t *testing.T, chip *recorder) {
		first := true
		chip.fault = func(int, tpm2.TPMCC) (tpm2.TPMRC, bool) {
			defer func() { first = false }()
			return tpm2.TPMRCYielded, first
		}
		if _, err := newDevice(t.Context(), chip, Options{}); err != nil {
			t.Errorf("newDevice() = %v", err)
		}
		if len(chip.sent) != 2 {
			t.Errorf("sent %v, want the same command twice", chip.sent)
		}
	})
}

// With --plain-bus the bus shows what it otherwise hides: the same search finds
// the inner key and the password.
func TestPlainBusGivesSecretsUp(t *testing.T) {
	password := []byte("tpmdps-canary-endorsement")
	for _, plain := range []bool{false, true} {
		t.Run(fmt.Sprint("plain=", plain), func(t *testing.T) {
			onEach(t, func(t *testing.T, chip *recorder) {
				change := tpm2.HierarchyChangeAuth{
					AuthHandle: tpm2.AuthHandle{Handle: tpm2.TPMRHEndorsement, Auth: tpm2.PasswordAuth(nil)},
					NewAuth:    tpm2.TPM2BAuth{Buffer: password},
				}
				if _, err := change.Execute(chip); err != nil {
					t.Fatal(err)
				}
				chip.bytes = nil
				d := open(t, chip, Options{EndorsementAuth: password, PlainBus: plain})
				ek, srk := keys(t, d)
				defer closeAll(t, ek, srk)
				blob := wrap(t, ek, srk, testKey, "localhost/box-7")
				key, err := d.Activate(ek, srk, blob)
				if err != nil {
					t.Fatal(err)
				}
				defer closeAll(t, key)
				if got := bytes.Contains(chip.bytes, password); got != plain {
					t.Errorf("the password crossed the bus: %v, want %v", got, plain)
				}
				if got := showsInnerKey(t, chip.bytes, blob); got != plain {
					t.Errorf("the inner key crossed the bus: %v, want %v", got, plain)
				}
			})
		})
	}
}

// showsInnerKey tries every 16 bytes that crossed the bus as the blob's inner
// key, which decrypts the text that came with it.
func showsInnerKey(t *testing.T, crossed, blob []byte) bool {
	t.Helper()
	b, err := ParseBlob(blob)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+16 <= len(crossed); i++ {
		if decryptURI(crossed[i:i+16], b.URI) == "localhost/box-7" {
			return true
		}
	}
	return false
}

// A chip that fails for good in the middle of an activation is not taken for
// one that the blob is not for.
func TestFailureModeIsNoOtherChip(t *testing.T) {
	onEach(t, func(t *testing.T, chip *recorder) {
		d := open(t, chip, Options{})
		ek, srk := keys(t, d)
		defer closeAll(t, ek, srk)
		failed := false
		chip.fault = func(_ int, cc tpm2.TPMCC) (tpm2.TPMRC, bool) {
			failed = failed || cc == tpm2.TPMCCActivateCredential
			return tpm2.TPMRCFailure, failed && cc != tpm2.TPMCCFlushContext
		}
		_, err := d.Activate(ek, srk, wrap(t, ek, srk, testKey, "x/y"))
		chip.fault = nil
		if !errors.Is(err, ErrFailure) || errors.Is(err, ErrOtherChip) {
			t.Errorf("Activate() = %v, want ErrFailure alone", err)
		}
	})
}
