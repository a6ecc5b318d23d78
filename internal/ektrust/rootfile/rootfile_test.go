package rootfile

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"
)

const roots = "../../../testdata/roots"

func rootDER(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(roots, name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func asPEM(ders ...[]byte) (text []byte) {
	for _, der := range ders {
		text = append(text, "# a comment\r\n"...)
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	return text
}

func zipped(t testing.TB, files map[string][]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for name, data := range files {
		f, err := w.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// The same certificates in any dress.
func TestParse(t *testing.T) {
	a, b := rootDER(t, "nuvoton-2010.cer"), rootDER(t, "infineon-optiga-ecc.crt")
	wide := []byte{0xff, 0xfe}
	for _, unit := range utf16.Encode([]rune(string(asPEM(a, b)))) {
		wide = append(wide, byte(unit), byte(unit>>8))
	}
	inner := zipped(t, map[string][]byte{"x/b.crt": b, "readme.txt": []byte("hello")})
	tests := []struct {
		name  string
		data  []byte
		count int
	}{
		{"DER", a, 1},
		{"PEM of two", asPEM(a, b), 2},
		{"PEM of one, twice", asPEM(a, a), 1},
		{"PEM in UTF-16", wide, 2},
		{"zip", zipped(t, map[string][]byte{"a.cer": a, "b.pem": asPEM(b), "setup.cmd": []byte("rem")}), 2},
		{"zip in a zip", zipped(t, map[string][]byte{"a.cer": a, "inner.zip": inner}), 2},
	}
	for _, test := range tests {
		bundle, err := Parse(test.name, test.data)
		if err != nil || len(bundle.Certificates) != test.count {
			t.Errorf("%s: %d certificates, %v; want %d", test.name, len(bundle.Certificates), err, test.count)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	leaf, err := os.ReadFile("../../../testdata/certificates/stm.der")
	if err != nil {
		t.Fatal(err)
	}
	whole := rootDER(t, "nuvoton-2010.cer")
	tests := []struct {
		name string
		data []byte
		want string
	}{
		{"empty", nil, "there is no certificate in it"},
		{"text", []byte("hello"), "there is no certificate in it"},
		{"binary", []byte{0, 1, 2, 0xff, 0xfe, 0x80}, ""},
		{"cut short", whole[:len(whole)-9], "cut short"},
		{"more behind", append(bytes.Clone(whole), 0), "something follows"},
		{"a chip's", leaf, "not a CA"},
		{"a zip of nothing", zipped(t, nil), ""},
		{"a zip that is damaged", []byte("PK\x03\x04rubbish"), "damaged or cut short"},
		{"base64 without its markers", []byte(base64.StdEncoding.EncodeToString(whole)), "there is no certificate in it"},
	}
	for _, test := range tests {
		if _, err := Parse(test.name, test.data); !errors.Is(err, ErrNone) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", test.name, err, test.want)
		}
	}
	if _, err := Parse("x.cab", []byte("MSCF\x00\x00\x00\x00rubbish")); err == nil {
		t.Error("a damaged cabinet is no error")
	}
}

// A zip that unpacks to more than the bound is an error, not a full memory.
func TestParseBounds(t *testing.T) {
	large := make([]byte, MaxFile)
	for name, data := range map[string][]byte{
		"one large file": zipped(t, map[string][]byte{"a": append(large, 0)}),
		"three of them":  zipped(t, map[string][]byte{"a": large, "b": large, "c": large}),
	} {
		if _, err := Parse(name, data); !errors.Is(err, errBounds) {
			t.Errorf("%s: %v, want %v", name, err, errBounds)
		}
	}
}

func TestLoad(t *testing.T) {
	b, err := Load(roots)
	if err != nil || len(b.Certificates) != 4 || len(b.Ignored) != 1 || b.Ignored[0].Name != "README.md" {
		t.Errorf("%d certificates, ignored %v, %v", len(b.Certificates), b.Ignored, err)
	}
	if b, err = Load(filepath.Join(roots, "nuvoton-2010.cer")); err != nil || len(b.Certificates) != 1 {
		t.Errorf("%d certificates, %v", len(b.Certificates), err)
	}
	folder := t.TempDir()
	if _, err := Load(folder); !errors.Is(err, ErrNone) {
		t.Errorf("an empty folder: %v", err)
	}
	if _, err := Load(filepath.Join(folder, "missing")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no such file: %v", err)
	}
	lists, ignored, err := LoadCRLs(roots)
	if err != nil || len(lists) != 0 || len(ignored) != 5 {
		t.Errorf("lists: %d, ignored %v, %v", len(lists), ignored, err)
	}
}

func FuzzParse(f *testing.F) {
	a := rootDER(f, "infineon-optiga-ecc.crt")
	f.Add(a)
	f.Add(asPEM(a))
	f.Add(zipped(f, map[string][]byte{"a": a}))
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := Parse("fuzz", data)
		if err == nil && len(b.Certificates) == 0 {
			t.Error("neither a certificate nor an error")
		}
	})
}
