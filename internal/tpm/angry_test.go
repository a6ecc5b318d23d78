package tpm

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

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
		if p, err := d.Properties(); err != nil || !p.InLockout || p.LockoutInterval != 4711 {
			t.Errorf("Properties() = %+v, %v", p, err)
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
			d, err := New(t.Context(), chip, secret)
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
			d, err := New(t.Context(), chip, Options{})
			if err != nil {
				return nil, err
			}
			r, err := d.Record()
			return r.EKCertificateNotes, err
		}, nothing},
		{"check the chip", persistent, func(t *testing.T, chip *recorder) ([]string, error) {
			d, err := New(t.Context(), chip, Options{})
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

// Every response code that has a meaning here, as the answer to each command of
// each flow in turn: the meaning comes out, nothing is left behind, and no
// refusal but that of the blob itself says that it is another chip's.
func TestEveryResponseCodeOnEveryCommand(t *testing.T) {
	for _, f := range flows() {
		t.Run(f.name, func(t *testing.T) {
			onEach(t, func(t *testing.T, chip *recorder) {
				f.prepare(t, chip)
				chip.sent = nil
				if notes, err := f.do(t, chip); err != nil || len(notes) > 0 {
					t.Fatalf("undisturbed: %v, %q", err, notes)
				}
				commands := slices.Clone(chip.sent)
				f.undo(t, chip)
				for n, cc := range commands {
					for _, m := range meanings {
						refuseOnce(t, f, chip, n+1, cc, m.rc, m.is)
					}
				}
			})
		})
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
	patient := rc == tpm2.TPMRCYielded || rc == tpm2.TPMRCTesting
	optional := cc == tpm2.TPMCCNVRead || cc == tpm2.TPMCCNVReadPublic
	switch {
	case cc == tpm2.TPMCCStartAuthSession && want == ErrResources && err == nil: // done with fewer at a time
	case doneWithout(cc, want):
		if err != nil {
			t.Errorf("%s: %v, want that it is done without", what, err)
		}
	case patient && err == nil: // asked again
	case optional && err == nil && len(notes) > 0:
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
				ek.saved, d.noContexts, d.frugal = nil, false, false // as at first
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
				want := m.is
				if m.rc == tpm2.TPMRCYielded || m.rc == tpm2.TPMRCTesting || doneWithout(cc, m.is) {
					want = nil
				}
				if !errors.Is(err, want) || first || errors.Is(err, ErrOtherChip) {
					t.Errorf("%#x to %s: %v, want %v", uint32(m.rc), commandName(cc), err, want)
				}
				if err := d.bringBack(ek); err != nil {
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

// A chip that says again and again that it has to be asked again is busy.
func TestYieldedForEver(t *testing.T) {
	onEach(t, func(t *testing.T, chip *recorder) {
		chip.fault = func(int, tpm2.TPMCC) (tpm2.TPMRC, bool) { return tpm2.TPMRCYielded, true }
		if _, err := New(t.Context(), chip, Options{}); !errors.Is(err, ErrBusy) {
			t.Errorf("New() = %v, want ErrBusy", err)
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
		if _, err := New(t.Context(), chip, Options{}); err != nil {
			t.Errorf("New() = %v", err)
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

// A thousand activations, half of them failing: no session, no object, no file
// descriptor and no memory is lost.
func TestThousandActivations(t *testing.T) {
	chip := &recorder{t: implementations["swtpm"](t)}
	d := open(t, chip, Options{})
	ek, srk := keys(t, d)
	good := wrap(t, ek, srk, testKey, "x/y")
	bad := wrap(t, altered(ek), srk, testKey, "x/y")
	round := func(n int) {
		for i := range n {
			blob, want := good, error(nil)
			if i%2 == 1 {
				blob, want = bad, ErrOtherChip
			}
			key, err := d.Activate(ek, srk, blob)
			if !errors.Is(err, want) {
				t.Fatalf("activation %d: %v, want %v", i, err, want)
			}
			if key != nil {
				closeAll(t, key)
			}
		}
		chip.sent, chip.bytes = nil, nil
	}
	round(100) // what is kept for good is kept by now
	files, memory := openFiles(t), liveMemory()
	round(900)
	if now := openFiles(t); now != files {
		t.Errorf("%d files are open, there were %d", now, files)
	}
	if now := liveMemory(); now > memory+256<<10 {
		t.Errorf("%d bytes are live, there were %d", now, memory)
	}
	closeAll(t, ek, srk)
	if left := leftovers(t, chip); len(left) > 0 {
		t.Errorf("left on the chip: %#x", left)
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func liveMemory() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
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
