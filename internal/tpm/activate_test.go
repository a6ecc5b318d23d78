package tpm

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-tpm/tpm2"

	"tpmdps/internal/challenge"
	"tpmdps/internal/identity"
)

var testKey = bytes.Repeat([]byte("tpmdps-canary-hmac-key-01234567!"), 1)

func wrap(tb testing.TB, ek, srk *Key, key []byte, text string) []byte {
	tb.Helper()
	blob, err := challenge.Wrap(ek.Public, srk.Public, key, text)
	if err != nil {
		tb.Fatal(err)
	}
	return blob
}

func TestActivateAndSign(t *testing.T) {
	onEach(t, func(t *testing.T, chip *recorder) {
		d := open(t, chip, Options{})
		ek, srk := keys(t, d)
		defer closeAll(t, ek, srk)
		key, err := d.Activate(ek, srk, wrap(t, ek, srk, testKey, "localhost/box-7"))
		if err != nil {
			t.Fatal(err)
		}
		defer closeAll(t, key)
		if key.URI != "localhost/box-7" {
			t.Errorf("URI = %q, want %q", key.URI, "localhost/box-7")
		}
		data := []byte("0ne00000E11%2Fregistrations%2Fbox-7\n1795489669")
		got, err := key.Sign(data)
		if err != nil {
			t.Fatal(err)
		}
		if want := mac(testKey, data); !bytes.Equal(got, want) {
			t.Errorf("Sign() = %x, want %x", got, want)
		}
		if _, err := key.Sign(make([]byte, maxSign+1)); err == nil {
			t.Error("Sign() of 1025 bytes succeeded")
		}
		if slices.Contains(chip.sent, tpm2.TPMCCEvictControl) {
			t.Error("EvictControl was sent")
		}
	})
}

func TestActivateRefusesOtherChipsKeys(t *testing.T) {
	onEach(t, func(t *testing.T, chip *recorder) {
		d := open(t, chip, Options{})
		ek, srk := keys(t, d)
		defer closeAll(t, ek, srk)
		otherEK, otherSRK := altered(ek), altered(srk)
		good := wrap(t, ek, srk, testKey, "x/y")
		flip := func(offset int) []byte {
			b := bytes.Clone(good)
			b[offset] ^= 1
			return b
		}
		for name, blob := range map[string][]byte{
			"other EK":            wrap(t, otherEK, srk, testKey, "x/y"),
			"other SRK":           wrap(t, ek, otherSRK, testKey, "x/y"),
			"corrupt credential":  flip(30),
			"corrupt secret":      flip(200),
			"corrupt duplicate":   flip(400),
			"corrupt seed":        flip(600),
			"corrupt public area": flip(740),
		} {
			key, err := d.Activate(ek, srk, blob)
			if !errors.Is(err, ErrOtherChip) {
				t.Errorf("%s: Activate() = %v, %v, want ErrOtherChip", name, key, err)
			}
		}
		// The chip still works after all that.
		key, err := d.Activate(ek, srk, good)
		if err != nil {
			t.Fatal(err)
		}
		closeAll(t, key)
	})
}

// altered is a key of the same kind that no chip has.
func altered(k *Key) *Key {
	other := &Key{Public: bytes.Clone(k.Public)}
	for i := len(other.Public) - 200; i < len(other.Public)-100; i++ {
		other.Public[i] ^= 0x5a
	}
	return other
}

func TestEKIsDerivedFromL1AndFoundWhenPersistent(t *testing.T) {
	onEach(t, func(t *testing.T, chip *recorder) {
		d := open(t, chip, Options{})
		derived, srk := keys(t, d)
		defer closeAll(t, srk)
		if derived.Handle != 0 || derived.Template != "tcg-l1" || len(derived.Public) != 316 || len(srk.Public) != 284 {
			t.Errorf("derived EK at %#x from %q, %d bytes; SRK %d bytes", derived.Handle, derived.Template, len(derived.Public), len(srk.Public))
		}
		if err := d.Persist(derived, HandleEK); err != nil {
			t.Fatal(err)
		}
		closeAll(t, derived)
		found, err := d.EK()
		if err != nil {
			t.Fatal(err)
		}
		if found.Handle != HandleEK || !bytes.Equal(found.Public, derived.Public) {
			t.Errorf("EK() found %#x, %x; want %#x, %x", found.Handle, found.Public, HandleEK, derived.Public)
		}
		if err := d.Persist(srk, HandleEK); !errors.Is(err, ErrOccupied) {
			t.Errorf("Persist() over a used handle = %v, want ErrOccupied", err)
		}
	})
}

func TestEKHandleOccupiedBySomethingElse(t *testing.T) {
	onEach(t, func(t *testing.T, chip *recorder) {
		d := open(t, chip, Options{})
		srk, err := d.SRK()
		if err != nil {
			t.Fatal(err)
		}
		defer closeAll(t, srk)
		if err := d.Persist(srk, HandleEK); err != nil {
			t.Fatal(err)
		}
		if _, err := d.EK(); !errors.Is(err, ErrOccupied) {
			t.Errorf("EK() = %v, want ErrOccupied", err)
		}
	})
}

func TestHierarchyPasswords(t *testing.T) {
	password := []byte("tpmdps-canary-endorsement")
	onEach(t, func(t *testing.T, chip *recorder) {
		change := tpm2.HierarchyChangeAuth{
			AuthHandle: tpm2.AuthHandle{Handle: tpm2.TPMRHEndorsement, Auth: tpm2.PasswordAuth(nil)},
			NewAuth:    tpm2.TPM2BAuth{Buffer: password},
		}
		if _, err := change.Execute(chip); err != nil {
			t.Fatal(err)
		}
		chip.bytes = nil
		if _, err := open(t, chip, Options{}).EK(); !errors.Is(err, ErrAuth) {
			t.Errorf("EK() without the password = %v, want ErrAuth", err)
		}
		if _, err := open(t, chip, Options{EndorsementAuth: []byte("wrong")}).EK(); !errors.Is(err, ErrAuth) {
			t.Errorf("EK() with a wrong password = %v, want ErrAuth", err)
		}
		d := open(t, chip, Options{EndorsementAuth: password})
		ek, srk := keys(t, d)
		defer closeAll(t, ek, srk)
		blob := wrap(t, ek, srk, testKey, "x/y")
		key, err := d.Activate(ek, srk, blob)
		if err != nil {
			t.Fatal(err)
		}
		closeAll(t, key)
		if bytes.Contains(chip.bytes, password) {
			t.Error("the password crossed the bus in the clear")
		}
		// Without it, the policy session is refused, and not left behind.
		d.opts.EndorsementAuth = nil
		if _, err := d.Activate(ek, srk, blob); !errors.Is(err, ErrAuth) {
			t.Errorf("Activate() without the password = %v, want ErrAuth", err)
		}
	})
}

func TestPropertiesAndCommands(t *testing.T) {
	onEach(t, func(t *testing.T, chip *recorder) {
		d := open(t, chip, Options{})
		p, err := d.properties()
		if err != nil {
			t.Fatal(err)
		}
		if p.manufacturer == "" || p.firmware == "" || p.spec[:3] != "2.0" || p.ownerAuthSet || p.inLockout {
			t.Errorf("properties() = %+v", p)
		}
		if err := d.CheckCommands(); err != nil {
			t.Errorf("CheckCommands() = %v", err)
		}
	})
}

func TestEKIsWhatIdentityAccepts(t *testing.T) {
	onEach(t, func(t *testing.T, chip *recorder) {
		d := open(t, chip, Options{})
		ek, err := d.EK()
		if err != nil {
			t.Fatal(err)
		}
		defer closeAll(t, ek)
		if err := identity.CheckEndorsementKey(ek.Public); err != nil {
			t.Error(err)
		}
	})
}
