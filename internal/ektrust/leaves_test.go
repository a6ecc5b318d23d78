package ektrust

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tpmdps/internal/ektrust/chain"
	"tpmdps/internal/ektrust/rootfile"
)

// realLeaf is a maker's EK certificate, and what is said of it with all roots of the
// samples, and with none.
type realLeaf struct {
	file, manufacturer string
	with               Word
	code, text         string
	missing, url       string // without roots
}

var realLeaves = []realLeaf{
	{"stm.der", "STM", Trusted, "path", "2 links by the root CN=STM TPM EK Root CA", "CN=STM TPM EK Intermediate CA 02,O=STMicroelectronics NV,C=CH", ""},
	{"nuvoton.der", "NTC", Trusted, "path", "1 link by the root CN=Nuvoton TPM Root CA 2010", "CN=Nuvoton TPM Root CA 2010+O=Nuvoton Technology Corporation+C=TW", ""},
	{"intel-spt.der", "INTC", Trusted, "path", "TPM EK root cert signing", "CN=www.intel.com,OU=TPM EK intermediate for SPTH_EPID_PROD,O=Intel Corporation,L=Santa Clara,ST=CA,C=US",
		"http://upgrades.intel.com/content/CRL/ekcert/SPTHEPIDPROD_EK_Platform_Public_Key.cer"},
	{"infineon-oaep.der", "IFX", Trusted, "path", "2 links by the root CN=IFX TPM EK Root CA", "CN=IFX TPM EK Intermediate CA 08,OU=AIM,O=Infineon Technologies AG,ST=Saxony,C=DE", ""},
	{"google-vtpm.der", "GOOG", Unknown, chain.CodeIssuer, "pki.goog", "tpm_ek_v1_cloud_host-signer-0-2021-10-12T04:22:11-07:00", "https://pki.goog/cloud_integrity/tpm_ek_intermediate_3.crt"},
}

// evidence is a leaf of testdata with the EK that it is for.
func (l realLeaf) evidence(t testing.TB) Evidence {
	t.Helper()
	der := read(t, "../../testdata/certificates", l.file)
	c, err := chain.Parse(der)
	if err != nil {
		t.Fatalf("%s: %v", l.file, err)
	}
	return Evidence{EK: publicOf(c.Key.RSA.N.Bytes()), Certificate: der, Manufacturer: l.manufacturer}
}

// sampleStore has the certificates that EK_ROOTS_SAMPLES names, or none.
func sampleStore(t testing.TB) (*Store, bool) {
	t.Helper()
	folder := os.Getenv("EK_ROOTS_SAMPLES")
	if folder == "" {
		return NewStore(nil, nil), false
	}
	b, err := rootfile.Load(filepath.Join(folder, cabFile))
	if err != nil {
		t.Fatal(err)
	}
	return NewStore(b.Certificates, nil), true
}

// Makers' certificates: with the roots, with the wrong EK, without the roots, and with
// a byte changed anywhere.
func TestRealLeaves(t *testing.T) {
	store, complete := sampleStore(t)
	for _, l := range realLeaves {
		t.Run(l.file, func(t *testing.T) {
			e := l.evidence(t)
			if v := store.Assess(e, now); complete {
				t.Logf("%s; notes %q", v.Summary(), v.Notes)
				if v.Verdict != l.with || v.Reasons[0].Code != l.code || !strings.Contains(v.Reasons[0].Text, l.text) {
					t.Errorf("%+v, want %s, %s with %q", v, l.with, l.code, l.text)
				}
			}
			v := NewStore(nil, nil).Assess(e, now)
			if v.Verdict != Unknown || v.Missing == nil || !strings.Contains(v.Missing.Issuer, l.missing) || v.Missing.URL != l.url {
				t.Errorf("without roots: %s, %+v; want %q at %q", v.Summary(), v.Missing, l.missing, l.url)
			}
			wrong := e
			wrong.EK = ek()
			if v := store.Assess(wrong, now); v.Verdict != Mismatch {
				t.Errorf("with another EK: %s", v.Summary())
			}
			for i := range e.Certificate {
				altered := e
				altered.Certificate = slices.Clone(e.Certificate)
				altered.Certificate[i] ^= 0x10
				if v := store.Assess(altered, now); v.Verdict == Trusted {
					t.Errorf("byte %d altered: %s", i, v.Summary())
				}
			}
		})
	}
}

// distribution is where Debian's package ruby-tpm-key-attestation has roots of makers,
// below / or where make test unpacked it.
const distribution = "/usr/share/rubygems-integration/all/gems/tpm-key_attestation-*/lib/tpm/certificates"

// Roots that a distribution ships, or those of testdata where it is not installed, are
// all in the table.
func TestDistributionRoots(t *testing.T) {
	folder, want := "../../testdata/roots", 4
	for _, root := range []string{"", "../../bin/roots"} {
		if there, _ := filepath.Glob(root + distribution); len(there) > 0 {
			folder, want = there[0], 25
		}
	}
	b, err := rootfile.Load(folder)
	if err != nil {
		t.Fatal(err)
	}
	b.Ignored = slices.DeleteFunc(b.Ignored, func(i rootfile.Ignored) bool { return i.Name == "README.md" })
	s := NewStore(b.Certificates, nil)
	t.Logf("%s: %d certificates of CAs", folder, len(b.Certificates))
	if len(b.Certificates) < want || len(b.Ignored) > 0 {
		t.Errorf("%s: %d certificates of CAs, want %d; ignored: %v", folder, len(b.Certificates), want, b.Ignored)
	}
	for _, c := range b.Certificates {
		if _, known := byFingerprint()[c.Fingerprint]; !known {
			t.Errorf("%s (%x) is not in the table", c.Subject, c.Fingerprint)
		}
		if path, err := s.search(&Verdict{}, nil).Find(c); err != nil || len(path) == 0 {
			t.Errorf("%s: %v", c.Subject, err)
		}
	}
	nuvoton := realLeaves[1].evidence(t)
	if v := s.Assess(nuvoton, now); v.Verdict != Trusted || v.Vendor != "Nuvoton" {
		t.Errorf("a chip of Nuvoton's: %s", v.Summary())
	}
}

// A root of one maker does not vouch for the chips of another.
func TestVendorOfRoot(t *testing.T) {
	root, err := chain.Parse(read(t, "../../testdata/roots", "nuvoton-2010.cer"))
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := chain.Parse(realLeaves[1].evidence(t).Certificate)
	if err != nil {
		t.Fatal(err)
	}
	for maker, want := range map[string]Word{"NTC": Trusted, "STM": Untrusted, "": Untrusted, "IBM": Untrusted} {
		chip := *leaf
		chip.Manufacturer = maker
		var v Verdict
		NewStore([]*chain.Certificate{root}, nil).ended(&v, chain.Path{&chip, root}, now)
		if v.Verdict != want || want == Untrusted && v.Reasons[0].Code != CodeVendor {
			t.Errorf("%q: %s", maker, v.Summary())
		}
	}
}
