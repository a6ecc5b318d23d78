package examine

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"tpmdps/internal/ektrust"
	"tpmdps/internal/ektrust/rootfile"
)

// plantCA is a CA that is signed by itself and that no maker of TPMs has.
const plantCA = `-----BEGIN CERTIFICATE-----
MIIBfDCCASOgAwIBAgIUcVGoUdtwVQaFlPOmgaW5f751mn0wCgYIKoZIzj0EAwIw
EzERMA8GA1UEAwwIUGxhbnQgQ0EwIBcNMjYxMTI2MTMwMjI2WhgPMjA1MTA3MTgx
MzAyMjZaMBMxETAPBgNVBAMMCFBsYW50IENBMFkwEwYHKoZIzj0CAQYIKoZIzj0D
AQcDQgAEuiEZb7vzdwwYVRn7bW0F+DsoqUMxbYUY1eJnSh4o2ccSzYf5Te4ZcIba
v+4qZt20jcdiip7/+QkltbJEBgZ8/qNTMFEwHQYDVR0OBBYEFLpmh7tbqgAguQnv
ezUpUbohJlXkMB8GA1UdIwQYMBaAFLpmh7tbqgAguQnvezUpUbohJlXkMA8GA1Ud
EwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDRwAwRAIgHBZzyTpu233XDR3U0EA6N297
mM6JdUjD1vqRkzUSG2QCIERM9MSg5U0TmW1ZrNxezFvxBY9yF7hJW5Y8vWspsaU5
-----END CERTIFICATE-----
`

func sum(data []byte) []byte {
	h := sha256.Sum256(data)
	return h[:]
}

// given writes files below a folder of its own, and returns it.
func given(t *testing.T, files map[string][]byte) string {
	t.Helper()
	folder := t.TempDir()
	for name, data := range files {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

func zipped(t *testing.T, files map[string][]byte) []byte {
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

// altered is a certificate with another byte in its signature: nobody's root.
func altered(der []byte) []byte {
	other := bytes.Clone(der)
	other[len(other)-1] ^= 1
	return other
}

// A survey counts what is there, however it is packed, and agrees with what is judged by.
func TestInspect(t *testing.T) {
	nuvoton, amd, infineon := read(t, "roots/nuvoton-2010.cer"), read(t, "roots/amd-ftpm-rsa.crt"), read(t, "roots/infineon-optiga-ecc.crt")
	inPEM := func(der []byte) []byte {
		if der[0] != 0x30 {
			return der
		}
		return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	}
	leaf := read(t, "certificates/nuvoton.der")
	three := map[string][]byte{"n.cer": nuvoton, "a/a.crt": amd, "i.crt": infineon}
	for name, test := range map[string]struct {
		files                             map[string][]byte
		cas, roots, nuvoton, amd, ignored int
	}{
		"one in DER":           {map[string][]byte{"n.cer": nuvoton}, 1, 1, 1, 0, 0},
		"the same one twice":   {map[string][]byte{"n.cer": nuvoton, "again.pem": inPEM(nuvoton)}, 1, 1, 1, 0, 0},
		"three makers":         {three, 3, 3, 1, 1, 0},
		"three in a zip":       {map[string][]byte{"all.zip": zipped(t, three)}, 3, 3, 1, 1, 0},
		"two in one text":      {map[string][]byte{"all.pem": append(inPEM(nuvoton), inPEM(amd)...)}, 2, 2, 1, 1, 0},
		"and a readme":         {map[string][]byte{"n.cer": nuvoton, "README": []byte("roots")}, 1, 1, 1, 0, 1},
		"and a chip's":         {map[string][]byte{"n.cer": nuvoton, "leaf.der": leaf}, 1, 1, 1, 0, 1},
		"and half of one":      {map[string][]byte{"n.cer": nuvoton, "half.cer": nuvoton[:300]}, 1, 1, 1, 0, 1},
		"and a damaged zip":    {map[string][]byte{"n.cer": nuvoton, "z.zip": []byte("PK\x03\x04")}, 1, 1, 1, 0, 1},
		"and an empty file":    {map[string][]byte{"n.cer": nuvoton, "empty": nil}, 1, 1, 1, 0, 1},
		"one altered":          {map[string][]byte{"n.cer": altered(nuvoton)}, 1, 0, 0, 0, 0},
		"one altered, and one": {map[string][]byte{"n.cer": altered(nuvoton), "m.cer": nuvoton}, 2, 1, 1, 0, 0},
	} {
		folder := given(t, test.files)
		s, err := Inspect(t.Context(), folder)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		of := map[string]VendorSurvey{}
		sum := 0
		for _, v := range s.Vendors {
			of[v.Vendor] = v
			sum += v.Roots
		}
		if s.CAs != test.cas || s.Roots != test.roots || sum != test.roots || of["Nuvoton"].Roots != test.nuvoton || of["AMD"].Roots != test.amd || len(s.Ignored) != test.ignored {
			t.Errorf("%s: %+v", name, s)
		}
		if len(s.Unknown) != 0 {
			t.Errorf("%s: a certificate with a wrong signature of its own counts as a root: %+v", name, s.Unknown)
		}
		x, err := Sources{Roots: folder, Policy: ektrust.Policy{Mode: ektrust.Warn}}.Open(t.Context())
		if err != nil || x.store.Len() != s.CAs {
			t.Errorf("%s: chips are judged by %d CAs, the survey counts %d (%v)", name, x.store.Len(), s.CAs, err)
		}
	}
}

// Each maker of the table is named, with the number of its roots.
func TestInspectNamesEveryMaker(t *testing.T) {
	s, err := Inspect(t.Context(), given(t, map[string][]byte{"n.cer": read(t, "roots/nuvoton-2010.cer")}))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]int{}
	for _, r := range ektrust.Roots() {
		if r.Anchor {
			want[r.Vendor]++
		}
	}
	for _, v := range s.Vendors {
		if v.Known != want[v.Vendor] {
			t.Errorf("%s: %d roots are known, the table has %d", v.Vendor, v.Known, want[v.Vendor])
		}
		delete(want, v.Vendor)
	}
	if len(want) > 0 {
		t.Errorf("not named: %v", want)
	}
}

// A root that is not in the table is named with the fingerprint that others show of it.
func TestInspectNamesUnknownRoots(t *testing.T) {
	block, _ := pem.Decode([]byte(plantCA))
	s, err := Inspect(t.Context(), given(t, map[string][]byte{"own.pem": []byte(plantCA)}))
	if err != nil || s.CAs != 1 || s.Roots != 0 || len(s.Unknown) != 1 {
		t.Fatalf("%+v, %v", s, err)
	}
	if got := s.Unknown[0]; got.Subject != "CN=Plant CA" || got.Fingerprint != hex.EncodeToString(sum(block.Bytes)) {
		t.Errorf("%+v", got)
	}
}

// What --ek-roots refuses is refused in the same words.
func TestInspectRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		files map[string][]byte
		path  string
		is    error
	}{
		"nothing there":        {nil, "nowhere", fs.ErrNotExist},
		"an empty folder":      {nil, "", rootfile.ErrNone},
		"an empty file":        {map[string][]byte{"f": nil}, "f", rootfile.ErrNone},
		"a text":               {map[string][]byte{"f": []byte("IFX,STM")}, "f", rootfile.ErrNone},
		"a chip's certificate": {map[string][]byte{"f": read(t, "certificates/nuvoton.der")}, "f", rootfile.ErrNone},
		"half a certificate":   {map[string][]byte{"f": read(t, "roots/nuvoton-2010.cer")[:200]}, "f", rootfile.ErrNone},
		"a damaged cabinet":    {map[string][]byte{"f": []byte("MSCF\x00\x00\x00\x00")}, "f", ErrSource},
	} {
		path := filepath.Join(given(t, test.files), test.path)
		_, err := Inspect(t.Context(), path)
		_, other := Sources{Roots: path, Policy: ektrust.Policy{Mode: ektrust.Warn}}.Open(t.Context())
		if !errors.Is(err, test.is) || !errors.Is(err, ErrSource) || other == nil || err.Error() != other.Error() {
			t.Errorf("%s: %v, want %v; --ek-roots says %v", name, err, test.is, other)
		}
	}
}
