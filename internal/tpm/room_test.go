package tpm

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-tpm/tpm2"

	"tpmdps/internal/softtpm/softtpmtest"
)

// twoKeys is what a registration does with the chip: two keys from DPS, one after
// the other, the second of which may be kept.
func twoKeys(t *testing.T, chip *recorder, o Options, persist bool) error {
	t.Helper()
	return use(chip, o, func(d *Device, ek, srk *Key) error {
		nonce, err := d.Activate(ek, srk, wrap(t, ek, srk, testKey, "x/y"))
		if err != nil {
			return err
		}
		_, err = nonce.Sign([]byte("text"))
		if err := errors.Join(err, nonce.Close()); err != nil {
			return err
		}
		hub, err := d.Activate(ek, srk, wrap(t, ek, srk, testKey, "x/y"))
		if err != nil {
			return err
		}
		err = srk.Close()
		if persist {
			err = errors.Join(err, d.PersistDPSKey(hub, HandleDPSKey))
		}
		_, signErr := hub.Sign([]byte("text"))
		return errors.Join(err, ek.Close(), signErr, hub.Close())
	})
}

// A registration needs five private operations of the chip's RSA keys: two for
// each key from DPS, and one for the session that encrypts for all. A password
// adds one. No more than two objects are in the chip's memory at a time.
func TestCostOfARegistration(t *testing.T) {
	const password = "tpmdps-canary-cost"
	secret := Options{EndorsementAuth: []byte(password), OwnerAuth: []byte(password)}
	for _, tt := range []struct {
		name      string
		prepare   func(t *testing.T, chip *recorder)
		o         Options
		persist   bool
		operation int
	}{
		{"nothing persistent", nil, Options{}, false, 5},
		{"EK persistent", func(t *testing.T, chip *recorder) { withPersistentEK(t, chip) }, Options{}, false, 5},
		{"both persistent", func(t *testing.T, chip *recorder) { foreignSRK{noDA: true}.put(t, chip, "") }, Options{}, false, 5},
		{"SRK with a password", func(t *testing.T, chip *recorder) { foreignSRK{password: "x"}.put(t, chip, "") }, Options{}, false, 5},
		{"plain bus", nil, Options{PlainBus: true}, false, 4},
		{"kept", nil, Options{}, true, 5},
		// EK and SRK made with a session each, the EK's salted to an ECC key.
		{"passwords", func(t *testing.T, chip *recorder) { setPasswords(t, chip, password) }, secret, false, 5 + 1 + 1},
		{"passwords, kept", func(t *testing.T, chip *recorder) { setPasswords(t, chip, password) }, secret, true, 5 + 1 + 1 + 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			onEach(t, func(t *testing.T, chip *recorder) {
				if tt.prepare != nil {
					tt.prepare(t, chip)
				}
				chip.bytes = nil
				if err := twoKeys(t, chip, tt.o, tt.persist); err != nil {
					t.Fatal(err)
				}
				cost := softtpmtest.Count(chip.bytes)
				if cost.PrivateOperations != tt.operation || cost.Transients > 2 {
					t.Errorf("%+v, want %d private operations and two objects at most", cost, tt.operation)
				}
			})
		})
	}
}

// One object that somebody forgot does not matter on a chip with room for three,
// whatever is persistent, with a password and without; two leave too little, which
// is told as that.
func TestLeftoverObjects(t *testing.T) {
	const password = "tpmdps-canary-leftover"
	secret := Options{EndorsementAuth: []byte(password), OwnerAuth: []byte(password)}
	for _, tt := range []struct {
		name     string
		ek, srk  bool // persistent
		o        Options
		kept     bool
		leftover int
		want     error
	}{
		{"nothing persistent", false, false, Options{}, false, 1, nil},
		{"nothing persistent, plain bus", false, false, Options{PlainBus: true}, false, 1, nil},
		{"nothing persistent, kept", false, false, Options{}, true, 1, nil},
		{"nothing persistent, passwords, kept", false, false, secret, true, 1, nil},
		{"EK persistent", true, false, Options{}, false, 1, nil},
		{"EK persistent, passwords, kept", true, false, secret, true, 1, nil},
		{"SRK persistent", false, true, Options{}, false, 1, nil},
		{"SRK persistent, passwords, kept", false, true, secret, true, 1, nil},
		{"both persistent", true, true, Options{}, false, 1, nil},
		{"both persistent, passwords, kept", true, true, secret, true, 1, nil},
		{"nothing persistent, two", false, false, Options{}, false, 2, ErrResources},
		{"EK persistent, two", true, false, Options{}, false, 2, ErrResources},
		{"both persistent, two", true, true, Options{}, false, 2, ErrResources},
	} {
		t.Run(tt.name, func(t *testing.T) {
			onEachUnclean(t, func(t *testing.T, chip *recorder) {
				if tt.ek {
					withPersistentEK(t, chip)
				}
				if tt.srk {
					persistAs(t, open(t, chip, Options{}), tpm2.RSASRKTemplate, HandleSRK)
				}
				if tt.o.OwnerAuth != nil {
					setPasswords(t, chip, password)
				}
				if err := softtpmtest.LeaveObjects(chip, tt.leftover); err != nil {
					t.Fatal(err)
				}
				times := 1
				if tt.kept {
					times = 2 // the second time a kept key is replaced
				}
				for range times {
					if err := twoKeys(t, chip, tt.o, tt.kept); !errors.Is(err, tt.want) {
						t.Errorf("%v, want %v", err, tt.want)
					}
				}
				if left := leftovers(t, chip); len(left) != tt.leftover {
					t.Errorf("left on the chip: %#x, want %d", left, tt.leftover)
				}
			})
		})
	}
}

// A chip that does not save contexts, or does not load them, holds the EK as long
// as it is needed: the registration goes through, and leaves nothing.
func TestChipWithoutContexts(t *testing.T) {
	const password = "tpmdps-canary-contexts"
	for _, o := range []Options{{}, {EndorsementAuth: []byte(password), OwnerAuth: []byte(password)}} {
		for _, without := range []tpm2.TPMCC{tpm2.TPMCCContextSave, tpm2.TPMCCContextLoad} {
			codes := []tpm2.TPMRC{tpm2.TPMRCCommandCode, tpm2.TPMRCIntegrity + 0x1c0, tbsCommandBlocked}
			if o.OwnerAuth != nil {
				codes = codes[:1]
			}
			for _, rc := range codes {
				onEach(t, func(t *testing.T, chip *recorder) {
					if o.OwnerAuth != nil {
						setPasswords(t, chip, password)
					}
					chip.fault = func(_ int, cc tpm2.TPMCC) (tpm2.TPMRC, bool) { return rc, cc == without }
					for _, persist := range []bool{false, true} {
						if err := twoKeys(t, chip, o, persist); err != nil {
							t.Errorf("without %s, %#x: %v", commandName(without), uint32(rc), err)
						}
					}
				})
			}
		}
	}
}

// Sessions that somebody forgot: a chip has room for three. Where those that are
// held do not fit beside them, each ends with its command, as long as one fits, or
// two where a password is proved; nothing secret crosses the bus then either.
func TestLeftoverSessions(t *testing.T) {
	const password = "tpmdps-canary-sessions"
	secret := Options{EndorsementAuth: []byte(password), OwnerAuth: []byte(password)}
	for _, tt := range []struct {
		o        Options
		kept     bool
		leftover int
		want     error
	}{
		{Options{}, false, 1, nil}, {Options{}, true, 2, nil}, {Options{}, false, 3, ErrResources},
		{secret, false, 1, nil}, {secret, true, 1, nil}, {secret, false, 2, ErrResources},
		{Options{PlainBus: true}, true, 2, nil},
	} {
		onEachUnclean(t, func(t *testing.T, chip *recorder) {
			withPersistentEK(t, chip)
			persistAs(t, open(t, chip, Options{}), tpm2.RSASRKTemplate, HandleSRK)
			if tt.o.OwnerAuth != nil {
				setPasswords(t, chip, password)
			}
			if err := softtpmtest.LeaveSessions(chip, tt.leftover); err != nil {
				t.Fatal(err)
			}
			chip.bytes = nil
			if err := twoKeys(t, chip, tt.o, tt.kept); !errors.Is(err, tt.want) {
				t.Errorf("%d sessions left, passwords %v: %v, want %v", tt.leftover, tt.o.OwnerAuth != nil, err, tt.want)
			}
			if bytes.Contains(chip.bytes, []byte(password)) {
				t.Error("a password crossed the bus")
			}
			if left := leftovers(t, chip); len(left) != tt.leftover {
				t.Errorf("left on the chip: %#x, want %d", left, tt.leftover)
			}
		})
	}
}

// With sessions that end with each command, too, the inner key stays off the bus.
func TestChipWithoutSessionRoomKeepsTheInnerKey(t *testing.T) {
	onEachUnclean(t, func(t *testing.T, chip *recorder) {
		d := open(t, chip, Options{})
		ek, srk := keys(t, d)
		defer closeAll(t, ek, srk)
		if err := softtpmtest.LeaveSessions(chip, 2); err != nil {
			t.Fatal(err)
		}
		blob := wrap(t, ek, srk, testKey, "localhost/box-7")
		chip.bytes = nil
		key, err := d.Activate(ek, srk, blob)
		if err != nil {
			t.Fatal(err)
		}
		closeAll(t, key)
		if !d.noSessionRoom || showsInnerKey(t, chip.bytes, blob) {
			t.Errorf("no room for sessions %v; the inner key crossed the bus: %v", d.noSessionRoom, showsInnerKey(t, chip.bytes, blob))
		}
	})
}
