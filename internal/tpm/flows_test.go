package tpm

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-tpm/tpm2"
)

// flow is something that the program does with a chip, on one that is prepared
// for it. It returns the notes of what it could do without.
type flow struct {
	name    string
	prepare func(t *testing.T, chip *recorder)
	do      func(t *testing.T, chip *recorder) (notes []string, err error)
	undo    func(t *testing.T, chip *recorder)
}

// flows are all ways through this package, so that each of its commands is in
// one of them.
func flows() []flow {
	const password = "tpmdps-canary-flow"
	secret := Options{EndorsementAuth: []byte(password), OwnerAuth: []byte(password)}
	nothing := func(*testing.T, *recorder) {}
	persistent := func(t *testing.T, chip *recorder) {
		withPersistentEK(t, chip)
		persistAs(t, open(t, chip, Options{}), tpm2.RSASRKTemplate, HandleSRK)
	}
	return []flow{
		{"derive the EK", func(t *testing.T, chip *recorder) { setPasswords(t, chip, password) }, func(t *testing.T, chip *recorder) ([]string, error) {
			d, err := newDevice(t.Context(), chip, secret)
			if err != nil {
				return nil, err
			}
			ek, err := d.EK()
			return nil, errors.Join(err, ek.Close())
		}, nothing},
		{"derive the SRK", func(t *testing.T, chip *recorder) { withPersistentEK(t, chip) }, func(t *testing.T, chip *recorder) ([]string, error) {
			return nil, use(chip, Options{}, func(*Device, *Key, *Key) error { return nil })
		}, nothing},
		{"activate and sign", persistent, func(t *testing.T, chip *recorder) ([]string, error) {
			return nil, trip(t.Context(), t, chip, Options{})
		}, nothing},
		{"the same on a plain bus", persistent, func(t *testing.T, chip *recorder) ([]string, error) {
			return nil, trip(t.Context(), t, chip, Options{PlainBus: true})
		}, nothing},
		{"read a record", func(t *testing.T, chip *recorder) {
			store(t, chip, indexCertificate, asMaker, certify(t, withPersistentEK(t, chip), 1))
		}, func(t *testing.T, chip *recorder) ([]string, error) {
			d, err := newDevice(t.Context(), chip, Options{})
			if err != nil {
				return nil, err
			}
			r, err := d.Record()
			return r.EKCertificateNotes, err
		}, nothing},
		{"check the chip", persistent, func(t *testing.T, chip *recorder) ([]string, error) {
			d, err := newDevice(t.Context(), chip, Options{})
			if err != nil {
				return nil, err
			}
			_, err = d.Occupant(HandleSRK)
			return nil, errors.Join(d.CheckCommands(), err)
		}, nothing},
		{"keep a key", func(t *testing.T, chip *recorder) {
			persistent(t, chip)
			setPasswords(t, chip, password)
		}, func(t *testing.T, chip *recorder) ([]string, error) {
			return nil, use(chip, secret, func(d *Device, ek, srk *Key) error {
				key, err := d.Activate(ek, srk, wrap(t, ek, srk, testKey, "x/y"))
				if err != nil {
					return err
				}
				err = d.PersistDPSKey(key, HandleDPSKey)
				if err == nil { // and replaced
					err = d.PersistDPSKey(key, HandleDPSKey)
				}
				return errors.Join(err, key.Close())
			})
		}, func(t *testing.T, chip *recorder) {
			d := open(t, chip, secret)
			if kept, err := d.find(HandleDPSKey); err != nil {
				t.Fatal(err)
			} else if kept != nil {
				if err := d.evict(kept.handle, kept.name, HandleDPSKey); err != nil {
					t.Fatal(err)
				}
			}
		}},
	}
}

func setPasswords(t *testing.T, chip *recorder, password string) {
	t.Helper()
	for _, hierarchy := range []tpm2.TPMHandle{tpm2.TPMRHEndorsement, tpm2.TPMRHOwner} {
		change := tpm2.HierarchyChangeAuth{
			AuthHandle: tpm2.AuthHandle{Handle: hierarchy, Auth: tpm2.PasswordAuth(nil)}, NewAuth: tpm2.TPM2BAuth{Buffer: []byte(password)},
		}
		if _, err := change.Execute(chip); err != nil {
			t.Fatal(err)
		}
	}
}

// A response code of each meaning, as the answer to each command of each flow in
// turn: the meaning comes out, nothing is left behind, and no refusal but that of
// the blob itself says that it is another chip's. (TestEveryCodeHasAMeaning has all
// codes, and so have the tests of the commands.)
//
// The flows run side by side, with a chip each. The simulator is one chip for
// the whole process, so there they follow one another.
func TestEveryResponseCodeOnEveryCommand(t *testing.T) {
	t.Parallel()
	for name, open := range implementations {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, f := range flows() {
				t.Run(f.name, func(t *testing.T) {
					if name == "swtpm" {
						t.Parallel()
					}
					onChip(t, open, func(t *testing.T, chip *recorder) { refuseEach(t, f, chip) })
				})
			}
		})
	}
}

// refuseEach runs a flow undisturbed, and then once with each refusal of each of
// its commands.
func refuseEach(t *testing.T, f flow, chip *recorder) {
	f.prepare(t, chip)
	chip.sent = nil
	if notes, err := f.do(t, chip); err != nil || len(notes) > 0 {
		t.Fatalf("undisturbed: %v, %q", err, notes)
	}
	commands := slices.Clone(chip.sent)
	f.undo(t, chip)
	tried := map[error]bool{}
	oneOfEach := slices.DeleteFunc(slices.Clone(meanings), func(m codeMeaning) bool {
		again := tried[m.sentinel]
		tried[m.sentinel] = true
		return again
	})
	for n, cc := range commands {
		for _, m := range oneOfEach {
			refuseOnce(t, f, chip, n+1, cc, m.rc, m.sentinel)
		}
	}
}

// refuseOnce runs a flow with one refusal, of command n.
func refuseOnce(t *testing.T, f flow, chip *recorder, n int, cc tpm2.TPMCC, rc tpm2.TPMRC, want error) {
	sent := 0
	chip.fault = func(int, tpm2.TPMCC) (tpm2.TPMRC, bool) { sent++; return rc, sent == n }
	notes, err := f.do(t, chip)
	chip.fault = nil
	f.undo(t, chip)
	what := fmt.Sprintf("%#x to command %d, %s", uint32(rc), n, commandName(cc))
	_, patient := asksForRepeat(rc)
	optional := cc == tpm2.TPMCCNVRead || cc == tpm2.TPMCCNVReadPublic || cc == tpm2.TPMCCGetCapability // of NV indices
	otherwise := cc == tpm2.TPMCCNVRead && want == ErrAuth                                              // the owner may read it, too
	switch {
	case cc == tpm2.TPMCCStartAuthSession && want == ErrResources && err == nil: // done with fewer at a time
	case doneWithout(cc, want):
		if err != nil {
			t.Errorf("%s: %v, want that it is done without", what, err)
		}
	case patient && err == nil: // asked again
	case optional && err == nil && len(notes) > 0:
	case otherwise && err == nil:
	case patient, !errors.Is(err, want):
		t.Errorf("%s: %v, %q, want %v", what, err, notes, want)
	}
	ofBlob := rc == tpm2.TPMRCFailure && (cc == tpm2.TPMCCActivateCredential || cc == tpm2.TPMCCImport)
	if !ofBlob && errors.Is(err, ErrOtherChip) {
		t.Errorf("%s counts as another chip's key: %v", what, err)
	}
	for _, handle := range leftovers(t, chip) {
		if cc != tpm2.TPMCCFlushContext { // what was not flushed is there
			t.Errorf("%s: left on the chip: %#x", what, handle)
		}
		if _, err := (tpm2.FlushContext{FlushHandle: tpm2.TPMHandle(handle)}).Execute(chip); err != nil {
			t.Fatal(err)
		}
	}
}

// The same for the two commands with which a derived EK is put away and brought
// back, which none of the flows has: deriving one each time would take too long.
func TestEveryResponseCodeOnContexts(t *testing.T) {
	onEach(t, func(t *testing.T, chip *recorder) {
		persistAs(t, open(t, chip, Options{}), tpm2.RSASRKTemplate, HandleSRK)
		d := open(t, chip, Options{})
		ek, srk := keys(t, d)
		defer closeAll(t, ek, srk)
		blob := wrap(t, ek, srk, testKey, "x/y")
		for _, cc := range []tpm2.TPMCC{tpm2.TPMCCContextSave, tpm2.TPMCCContextLoad} {
			for _, m := range meanings {
				ek.saved, d.noContexts, d.noSessionRoom = nil, false, false // as at first
				first := true
				chip.fault = func(_ int, sent tpm2.TPMCC) (tpm2.TPMRC, bool) {
					refuse := first && sent == cc
					first = first && !refuse
					return m.rc, refuse
				}
				var err error
				for range 2 {
					key, failed := d.Activate(ek, srk, blob)
					err = errors.Join(err, failed, key.Close())
				}
				chip.fault = nil
				want := m.sentinel
				if _, patient := asksForRepeat(m.rc); patient || doneWithout(cc, m.sentinel) {
					want = nil
				}
				if !errors.Is(err, want) || first || errors.Is(err, ErrOtherChip) {
					t.Errorf("%#x to %s: %v, want %v", uint32(m.rc), commandName(cc), err, want)
				}
				if err := d.swapIn(ek); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}

// doneWithout says which refusals change how a flow goes on, and do not end it: a
// key at the SRK's handle that has a password, or cannot be tried, and an EK that
// cannot be put away.
func doneWithout(cc tpm2.TPMCC, is error) bool {
	switch cc {
	case tpm2.TPMCCCertify:
		return is == ErrAuth || is == ErrUnsupported
	case tpm2.TPMCCContextSave, tpm2.TPMCCContextLoad:
		return is == ErrUnsupported
	}
	return false
}
