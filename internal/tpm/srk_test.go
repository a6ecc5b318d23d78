package tpm

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"

	"tpmdps/internal/softtpm/softtpmtest"
)

// foreignSRK is a key of somebody else's where the SRK belongs.
type foreignSRK struct {
	noDA     bool
	password string
	counted  int // wrong passwords that the chip counted before
	guarded  bool
}

func (f foreignSRK) String() string {
	return fmt.Sprintf("noDA=%v,password=%q,counted=%d,hierarchies guarded=%v", f.noDA, f.password, f.counted, f.guarded)
}

// put makes such a chip.
func (f foreignSRK) put(t *testing.T, chip *recorder, hierarchies string) {
	t.Helper()
	withPersistentEK(t, chip) // which takes a chip long to derive
	template := softtpmtest.RecipeSRK()
	template.ObjectAttributes.NoDA = f.noDA
	err := softtpmtest.PersistWithPassword(chip, tpm2.TPMRHOwner, template, tpm2.TPMHandle(HandleSRK), f.password)
	if err := errors.Join(err, softtpmtest.Guess(chip, f.counted)); err != nil {
		t.Fatal(err)
	}
	if f.guarded {
		setPasswords(t, chip, hierarchies)
	}
}

// usable says whether the key at the handle can be used, as far as may be tried.
func (f foreignSRK) usable() bool { return f.password == "" && (f.noDA || f.counted == 0) }

func counter(t *testing.T, chip transport.TPM) int {
	t.Helper()
	n, err := softtpmtest.LockoutCounter(chip)
	if err != nil {
		t.Fatal(err)
	}
	return int(n)
}

// Every kind of key where the SRK belongs, under every count of wrong passwords
// below the lockout: each trip succeeds and warns where IoT Edge will not, and ten
// add one to the lockout counter at most.
func TestForeignSRKNeverLocksTheChip(t *testing.T) {
	const hierarchies = "tpmdps-canary-hierarchy"
	var kinds []foreignSRK
	for _, noDA := range []bool{true, false} {
		for _, password := range []string{"", "secret"} {
			for counted := range 3 { // both chips lock at three
				kinds = append(kinds, foreignSRK{noDA, password, counted, counted == 1})
			}
		}
	}
	for _, kind := range kinds {
		t.Run(kind.String(), func(t *testing.T) {
			onEach(t, func(t *testing.T, chip *recorder) {
				kind.put(t, chip, hierarchies)
				before := counter(t, chip)
				var o Options
				if kind.guarded {
					o = Options{EndorsementAuth: []byte(hierarchies), OwnerAuth: []byte(hierarchies)}
				}
				trips := 2
				if kind.password != "" && !kind.noDA && !kind.guarded {
					trips = 10
				}
				for range trips {
					tripWithSRK(t, chip, o, kind)
				}
				allowed := before
				if kind.password != "" && !kind.noDA && before == 0 {
					allowed = 1 // of the first trip; the others see it
				}
				if now := counter(t, chip); now != allowed {
					t.Errorf("the lockout counter was %d and is %d, want %d", before, now, allowed)
				}
				if n := chip.count(tpm2.TPMCCCertify); !kind.noDA && kind.counted > 0 && n > 0 {
					t.Errorf("the key was tried %d times", n)
				}
			})
		})
	}
}

func tripWithSRK(t *testing.T, chip *recorder, o Options, kind foreignSRK) {
	t.Helper()
	err := use(chip, o, func(d *Device, ek, srk *Key) error {
		if (srk.Handle == HandleSRK) != kind.usable() {
			t.Errorf("the SRK is at %#x", srk.Handle)
		}
		if warned := strings.Contains(srk.Warning, "IoT Edge uses"); warned == kind.usable() {
			t.Errorf("Warning = %q", srk.Warning)
		}
		key, err := d.Activate(ek, srk, wrap(t, ek, srk, testKey, "x/y"))
		return errors.Join(err, key.Close())
	})
	if err != nil {
		t.Error(err)
	}
}

// What the Warning says is what the chip said.
func TestWarningOfForeignSRK(t *testing.T) {
	for _, tt := range []struct {
		kind foreignSRK
		says string
	}{
		{foreignSRK{noDA: true, password: "x"}, "the key at 0x81000001 has a password; IoT Edge uses that key, and will fail"},
		{foreignSRK{password: "x"}, "the key at 0x81000001 has a password; IoT Edge uses that key, and will fail"},
		{foreignSRK{password: "x", counted: 2}, "was not tried, since wrong passwords for it count towards the chip's lockout and the chip's lockout counter is 2 of 3"},
		{foreignSRK{counted: 1}, "the chip's lockout counter is 1 of 3; IoT Edge uses it, and will fail if it has a password"},
		{foreignSRK{}, "subject to dictionary attack protection"},
		{foreignSRK{noDA: true}, ""},
	} {
		onEach(t, func(t *testing.T, chip *recorder) {
			tt.kind.put(t, chip, "")
			srk, err := open(t, chip, Options{}).SRK()
			if err != nil {
				t.Fatal(err)
			}
			defer closeAll(t, srk)
			if !strings.Contains(srk.Warning, tt.says) || tt.says == "" && srk.Warning != "" {
				t.Errorf("%v: Warning = %q, want %q", tt.kind, srk.Warning, tt.says)
			}
		})
	}
}

// A chip in lockout does not look at passwords, and counts none: the run ends
// with how long that lasts, and the counter stays.
func TestForeignSRKOnALockedChip(t *testing.T) {
	onEach(t, func(t *testing.T, chip *recorder) {
		foreignSRK{password: "x"}.put(t, chip, "")
		if err := softtpmtest.LockOut(chip); err != nil {
			t.Fatal(err)
		}
		before := counter(t, chip)
		for range 10 {
			err := trip(t.Context(), t, chip, Options{})
			if !errors.Is(err, ErrLockout) || !strings.Contains(err.Error(), "4711 seconds") {
				t.Errorf("%v, want ErrLockout and how long", err)
			}
		}
		if now := counter(t, chip); now != before {
			t.Errorf("the lockout counter was %d and is %d", before, now)
		}
	})
}

// A chip that cannot be asked whether a key has a password: one whose wrong
// passwords are not counted is used, another is not touched.
func TestForeignSRKThatCannotBeTried(t *testing.T) {
	const scheme, handle2 = tpm2.TPMRCScheme + 0x40, tpm2.TPMRCHandle + 0x200
	for _, rc := range []tpm2.TPMRC{tpm2.TPMRCCommandCode, tpm2.TPMRCDisabled, scheme, handle2, tpm2.TPMRCAuthType, tbsCommandBlocked} {
		for _, noDA := range []bool{true, false} {
			if !noDA && rc != tpm2.TPMRCCommandCode && rc != scheme {
				continue // the same, and deriving an SRK takes long
			}
			onEach(t, func(t *testing.T, chip *recorder) {
				foreignSRK{noDA: noDA}.put(t, chip, "")
				chip.fault = func(_ int, cc tpm2.TPMCC) (tpm2.TPMRC, bool) { return rc, cc == tpm2.TPMCCCertify }
				srk, err := open(t, chip, Options{}).SRK()
				if err != nil {
					t.Fatalf("%#x, noDA %v: %v", uint32(rc), noDA, err)
				}
				defer closeAll(t, srk)
				if (srk.Handle == HandleSRK) != noDA || !noDA && !strings.Contains(srk.Warning, "no command to try it with") {
					t.Errorf("%#x, noDA %v: the SRK is at %#x, %q", uint32(rc), noDA, srk.Handle, srk.Warning)
				}
			})
		}
	}
}

// The SRK of a chip whose owner has a password that nobody gave: the error says
// both, and whose password it asks for.
func TestForeignSRKWithOwnersPassword(t *testing.T) {
	onEach(t, func(t *testing.T, chip *recorder) {
		foreignSRK{password: "x", guarded: true}.put(t, chip, "owners")
		_, err := open(t, chip, Options{}).SRK()
		var auth *AuthError
		if !errors.As(err, &auth) || auth.Handle != uint32(tpm2.TPMRHOwner) || !strings.Contains(err.Error(), "0x81000001 has a password") {
			t.Errorf("SRK() = %v, want an AuthError of the owner hierarchy", err)
		}
	})
}

// Who does not use the SRK does not try its password.
func TestUntriedSRK(t *testing.T) {
	onEach(t, func(t *testing.T, chip *recorder) {
		foreignSRK{password: "x"}.put(t, chip, "")
		srk, err := open(t, chip, Options{}).UntriedSRK()
		if err != nil || srk.Handle != HandleSRK || counter(t, chip) != 0 || chip.count(tpm2.TPMCCCertify) != 0 {
			t.Errorf("UntriedSRK() = %+v, %v; the counter is %d", srk, err, counter(t, chip))
		}
	})
}

// An EK with a password of its own, as old tpm2_getpubek -P made them, works as
// any other: at its handle, on a guarded hierarchy, and with an encrypted bus.
func TestEKWithPassword(t *testing.T) {
	const hierarchies = "tpmdps-canary-hierarchy"
	for _, guarded := range []bool{false, true} {
		for _, srkPassword := range []string{"", "x"} {
			onEach(t, func(t *testing.T, chip *recorder) {
				err := errors.Join(
					softtpmtest.PersistWithPassword(chip, tpm2.TPMRHEndorsement, tpm2.RSAEKTemplate, tpm2.TPMHandle(HandleEK), "of-the-ek"),
					softtpmtest.PersistWithPassword(chip, tpm2.TPMRHOwner, tpm2.RSASRKTemplate, tpm2.TPMHandle(HandleSRK), srkPassword))
				if err != nil {
					t.Fatal(err)
				}
				if guarded {
					setPasswords(t, chip, hierarchies)
				}
				var o Options
				if guarded {
					o = Options{EndorsementAuth: []byte(hierarchies), OwnerAuth: []byte(hierarchies)}
				}
				chip.bytes = nil
				if err := trip(t.Context(), t, chip, o); err != nil {
					t.Errorf("guarded %v, SRK's password %q: %v", guarded, srkPassword, err)
				}
				if bytes.Contains(chip.bytes, []byte(hierarchies)) {
					t.Error("a password crossed the bus")
				}
			})
		}
	}
}
