package examine

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tpmdps/internal/ektrust"
	"tpmdps/internal/ektrust/chain"
	"tpmdps/internal/ektrust/rootfile"
	"tpmdps/internal/identity"
	"tpmdps/internal/input"
)

var now = time.Date(2026, 5, 4, 0, 0, 0, 0, time.UTC)

func read(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("../../../testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// publicOf is the TPM2B_PUBLIC of an EK of template L-1: TCG EK Credential Profile
// 2.5, B.3.3.
func publicOf(t testing.TB, modulus []byte) []byte {
	t.Helper()
	head, err := hex.DecodeString("013a0001000b000300b20020837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa00060080004300100800000000000100")
	if err != nil || len(modulus) != 256 {
		t.Fatal("not an RSA 2048 key")
	}
	return append(head, modulus...)
}

// record is that of a chip of Nuvoton's, whose root is in testdata/roots.
func record(t testing.TB) identity.Record {
	t.Helper()
	der := read(t, "certificates/nuvoton.der")
	c, err := chain.Parse(der)
	if err != nil {
		t.Fatal(err)
	}
	stored := base64.StdEncoding.EncodeToString(der)
	ek := publicOf(t, c.Key.RSA.N.Bytes())
	return identity.Record{
		Schema: identity.Schema, RegistrationIDs: identity.RegistrationIDs(ek), RegistrationID: identity.RegistrationIDs(ek).Base32,
		EndorsementKey: base64.StdEncoding.EncodeToString(ek), EKCertificate: &stored,
		TPM: identity.Chip{Manufacturer: "NTC", Firmware: "7.2.5.0"}, Labels: map[string]string{},
	}
}

// chips are records by the verdict on them, with the roots of testdata and without.
func chips(t testing.TB) map[ektrust.Word]identity.Record {
	t.Helper()
	good := record(t)
	absent, other, liar := good, good, good
	absent.EKCertificate = nil
	modulus := sha256.Sum256([]byte("another chip"))
	modulus[31] |= 1
	key := publicOf(t, append([]byte(strings.Repeat("\xc1", 224)), modulus[:]...))
	other.EndorsementKey = base64.StdEncoding.EncodeToString(key)
	liar.TPM.Manufacturer = "IFX"
	unknown := good
	stm := read(t, "certificates/stm.der")
	c, err := chain.Parse(stm)
	if err != nil {
		t.Fatal(err)
	}
	stored := base64.StdEncoding.EncodeToString(stm)
	unknown.EKCertificate, unknown.EndorsementKey = &stored, base64.StdEncoding.EncodeToString(publicOf(t, c.Key.RSA.N.Bytes()))
	unknown.TPM = identity.Chip{Manufacturer: "STM", Firmware: "73.64"}
	return map[ektrust.Word]identity.Record{
		ektrust.Trusted: good, ektrust.Absent: absent, ektrust.Mismatch: other, ektrust.Untrusted: liar, ektrust.Unknown: unknown,
	}
}

func write(t testing.TB, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "given")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const rootsFolder = "../../../testdata/roots"

// Whatever is given to judge by is used, or refused with the name of what it is.
func TestSources(t *testing.T) {
	root := read(t, "roots/nuvoton-2010.cer")
	asPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root})
	large := filepath.Join(t.TempDir(), "large")
	if err := os.WriteFile(large, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(large, 2<<30); err != nil {
		t.Fatal(err)
	}
	missing, empty := filepath.Join(t.TempDir(), "missing"), t.TempDir()
	list := write(t, []byte(strings.Repeat("ab", 32)))
	tests := []struct {
		name string
		s    Sources
		is   error // nil: it is accepted
		says string
	}{
		{"DER", Sources{Roots: write(t, root)}, nil, ""},
		{"PEM", Sources{Roots: write(t, asPEM)}, nil, ""},
		{"a folder", Sources{Roots: rootsFolder}, nil, ""},
		{"no roots", Sources{}, nil, ""},
		{"extra", Sources{Extra: write(t, root)}, nil, ""},
		{"a list of keys", Sources{AllowList: list}, nil, ""},
		{"roots are missing", Sources{Roots: missing}, ErrSource, "missing"},
		{"extra ones are missing", Sources{Extra: missing}, os.ErrNotExist, "missing"},
		{"roots are empty", Sources{Roots: write(t, nil)}, rootfile.ErrNone, "no certificate of a CA in it"},
		{"the folder is empty", Sources{Roots: empty}, rootfile.ErrNone, "it is empty"},
		{"roots are garbage", Sources{Roots: write(t, []byte("\x00\x01\x02"))}, ErrSource, "no certificate of a CA"},
		{"roots are cut short", Sources{Roots: write(t, root[:200])}, ErrSource, "cut short"},
		{"a chip's certificate as roots", Sources{Roots: write(t, read(t, "certificates/stm.der"))}, ErrSource, "not a CA"},
		{"a damaged cabinet", Sources{Roots: write(t, []byte("MSCF\x00\x00\x00\x00"))}, ErrSource, "cabinet"},
		{"a damaged zip", Sources{Roots: write(t, []byte("PK\x03\x04"))}, ErrSource, "damaged"},
		{"roots of 2 GB", Sources{Roots: large}, ErrSource, "more than is read"},
		{"a device", Sources{Roots: os.DevNull}, ErrSource, "not an ordinary file"},
		{"lists of revoked ones are missing", Sources{CRLs: missing}, ErrSource, "missing"},
		{"an empty folder of lists", Sources{CRLs: empty}, ErrSource, "there is no list of revoked certificates"},
		{"a folder of other files", Sources{CRLs: rootsFolder}, ErrSource, "there is no list of revoked certificates"},
		{"a file of lists", Sources{CRLs: list}, ErrSource, list},
		{"keys are missing", Sources{AllowList: missing}, input.ErrUnreadable, "missing"},
		{"keys are a folder", Sources{AllowList: empty}, input.ErrUnreadable, "directory"},
		{"keys are none", Sources{AllowList: write(t, []byte("# none\n"))}, ErrSource, "there is no hash in it"},
		{"keys are garbage", Sources{AllowList: write(t, []byte("\x00\xff\xfe"))}, ErrSource, ""},
		{"keys of 2 GB", Sources{AllowList: large}, input.ErrUnreadable, "larger than"},
		{"a program that is not there", Sources{Program: missing}, ErrSource, "there is no program of that name"},
		{"a folder as program", Sources{Program: empty}, ErrSource, "there is no program of that name"},
		{"a file that is not a program", Sources{Program: list}, ErrSource, "there is no program of that name"},
	}
	for _, test := range tests {
		test.s.Policy.Mode = ektrust.Warn
		x, err := test.s.Open(t.Context())
		if test.is == nil && (err != nil || x == nil) || test.is != nil && (!errors.Is(err, test.is) || !strings.Contains(err.Error(), test.says)) {
			t.Errorf("%s: %v, want %v with %q", test.name, err, test.is, test.says)
		}
		test.s.Policy.Mode = ektrust.Off
		if x, err := test.s.Open(t.Context()); err != nil || x.Rootless() {
			t.Errorf("%s, with the policy off: %v", test.name, err)
		}
	}
}

// Files in a folder that are not certificates are named, and not all of thousands.
func TestNotes(t *testing.T) {
	folder := t.TempDir()
	for n := range 30 {
		if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("n%02d", n)), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(folder, "root"), read(t, "roots/nuvoton-2010.cer"), 0o600); err != nil {
		t.Fatal(err)
	}
	x, err := Sources{Roots: folder, Policy: ektrust.Policy{Mode: ektrust.Warn}}.Open(t.Context())
	if err != nil || len(x.Notes) != maxNotes+1 || !strings.Contains(x.Notes[maxNotes], "25 more files") {
		t.Errorf("%q, %v", x.Notes, err)
	}
}

// Each verdict under each policy.
func TestRecord(t *testing.T) {
	all := chips(t)
	sum := sha256.Sum256(mustEK(t, all[ektrust.Trusted]))
	listed, other := write(t, []byte(hex.EncodeToString(sum[:]))), write(t, []byte(strings.Repeat("ab", 32)))
	for word, r := range all {
		for _, test := range []struct {
			name    string
			s       Sources
			refused bool
			codes   []string
		}{
			{"warn", Sources{Policy: ektrust.Policy{Mode: ektrust.Warn}}, false, nil},
			{"require", Sources{Policy: ektrust.Policy{Mode: ektrust.Require}}, word != ektrust.Trusted, nil},
			{"require another maker", Sources{Policy: ektrust.Policy{Mode: ektrust.Require, Vendors: []string{"AMD"}}}, true, []string{ektrust.CodeNotWanted}},
			{"warn of another maker", Sources{Policy: ektrust.Policy{Mode: ektrust.Warn, Vendors: []string{"AMD"}}}, false, []string{ektrust.CodeNotWanted}},
			{"require what is not listed", Sources{AllowList: other, Policy: ektrust.Policy{Mode: ektrust.Require}}, true, []string{ektrust.CodeNotListed}},
		} {
			test.s.Roots = rootsFolder
			x, err := test.s.Open(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			result, err := x.Record(t.Context(), r, now)
			if err != nil || result.Verdict.Verdict != word || result.Decision.Refused != test.refused {
				t.Errorf("%s, %s: %v, %+v, %+v", word, test.name, err, result.Verdict, result.Decision)
				continue
			}
			codes := test.codes
			if word != ektrust.Trusted {
				codes = append([]string{ektrust.CodeVerdict}, codes...)
			}
			if got := codesOf(result.Decision); fmt.Sprint(got) != fmt.Sprint(codes) && len(got)+len(codes) > 0 {
				t.Errorf("%s, %s: reasons %q, want %q", word, test.name, got, codes)
			}
			if line, warn := result.Line(false); warn != (len(codes) > 0) || !strings.Contains(line, string(word)) && test.codes == nil {
				t.Errorf("%s, %s: %q, %t", word, test.name, line, warn)
			}
		}
	}
	x, err := Sources{Roots: rootsFolder, AllowList: listed, Policy: ektrust.Policy{Mode: ektrust.Require, Vendors: []string{"NTC"}}}.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if result, err := x.Record(t.Context(), all[ektrust.Trusted], now); err != nil || result.Decision.Err() != nil {
		t.Errorf("a chip that is all that is asked for: %v, %v", err, result.Decision)
	}
}

func mustEK(t testing.TB, r identity.Record) []byte {
	t.Helper()
	ek, err := r.EK()
	if err != nil {
		t.Fatal(err)
	}
	return ek
}

func codesOf(d ektrust.Decision) (codes []string) {
	for _, r := range d.Reasons {
		codes = append(codes, r.Code)
	}
	return codes
}

// Without roots nobody is warned of what is not known; of what is wrong, everybody is.
func TestWarningsWithoutRoots(t *testing.T) {
	x, err := Sources{Policy: ektrust.Policy{Mode: ektrust.Warn}}.Open(t.Context())
	if err != nil || !x.Rootless() {
		t.Fatal(err)
	}
	for word, r := range chips(t) {
		result, err := x.Record(t.Context(), r, now)
		if err != nil {
			t.Fatal(err)
		}
		wrong := word == ektrust.Mismatch || word == ektrust.Untrusted
		if got := result.Warnings(true); (len(got) > 0) != wrong {
			t.Errorf("%s: %q", word, got)
		}
	}
	for _, x := range []*Examiner{nil, {}, {policy: ektrust.Policy{Mode: ektrust.Off}}} {
		if result, err := x.Record(t.Context(), record(t), now); err != nil || result.Verdict != nil || result.Decision.Refused || x.Rootless() || x.Policy().Mode == ektrust.Warn {
			t.Errorf("the policy is off: %+v, %v", result, err)
		}
	}
}

// A record whose fields cannot be read is an error, not a verdict.
func TestRecordUnreadable(t *testing.T) {
	x, err := Sources{Policy: ektrust.Policy{Mode: ektrust.Warn}}.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	bad := "%%%"
	for name, change := range map[string]func(*identity.Record){
		"no key": func(r *identity.Record) { r.EndorsementKey = "" }, "a certificate": func(r *identity.Record) { r.EKCertificate = &bad },
		"a chain": func(r *identity.Record) { r.EKCertificateChain = []string{"MII", "*"} },
	} {
		r := record(t)
		change(&r)
		if _, err := x.Record(t.Context(), r, now); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	large := base64.StdEncoding.EncodeToString(append(read(t, "certificates/nuvoton.der"), make([]byte, 64<<10)...))
	r := record(t)
	r.EKCertificate = &large // padded, as NV memory pads it
	if result, err := x.Record(t.Context(), r, now); err != nil || result.Verdict.Verdict == ektrust.Trusted {
		t.Errorf("64 KB: %+v, %v", result.Verdict, err)
	}
}

// The end of the run ends the wait for a source.
func TestRunThatIsOver(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, s := range map[string]Sources{"roots": {Roots: rootsFolder}, "keys": {AllowList: write(t, nil)}, "lists": {CRLs: rootsFolder}} {
		s.Policy.Mode = ektrust.Require
		if _, err := s.Open(ctx); !errors.Is(err, input.ErrTimeOver) || !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
