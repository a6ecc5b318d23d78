package ektrust

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	mathrand "math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// weakPrime is a prime as the faulty library made them: k·M + 65537^a mod M, where M is
// the product of the first 126 primes.
func weakPrime(t testing.TB, random *mathrand.Rand) *big.Int {
	t.Helper()
	m, count := big.NewInt(1), 0
	for p := int64(2); count < 126; p++ {
		if big.NewInt(p).ProbablyPrime(0) {
			m.Mul(m, big.NewInt(p))
			count++
		}
	}
	// So large that the product of two has 2048 bits.
	low, high := new(big.Int).Lsh(big.NewInt(3), 1022), new(big.Int).Lsh(big.NewInt(1), 1024)
	low.Div(low, m)
	span := high.Div(high, m).Sub(high, low)
	for range 100_000 {
		k := new(big.Int).SetUint64(random.Uint64())
		k.Mod(k, span).Add(k, low)
		power := new(big.Int).Exp(big.NewInt(65537), big.NewInt(random.Int64()), m)
		if p := k.Mul(k, m).Add(k, power); p.BitLen() == 1024 && p.ProbablyPrime(5) {
			return p
		}
	}
	t.Fatal("no prime found")
	return nil
}

func TestROCA(t *testing.T) {
	random := mathrand.New(mathrand.NewChaCha8([32]byte{7}))
	var primes []*big.Int
	for range 7 {
		primes = append(primes, weakPrime(t, random))
	}
	found := 0
	for i, p := range primes {
		for _, q := range primes[:i] {
			n := new(big.Int).Mul(p, q)
			if !ROCA(n.Bytes()) {
				t.Errorf("a weak modulus of %d bits was not found", n.BitLen())
			}
			if n.Add(n, big.NewInt(2)); ROCA(n.Bytes()) {
				t.Error("its neighbour was")
			}
			found++
		}
	}
	if found != 21 {
		t.Errorf("%d moduli were made", found)
	}
	modulus := make([]byte, 256)
	stream := mathrand.NewChaCha8([32]byte{8})
	for i := range 100_000 {
		if _, err := stream.Read(modulus); err != nil {
			t.Fatal(err)
		}
		modulus[0] |= 0x80
		modulus[255] |= 1
		if ROCA(modulus) {
			t.Fatalf("random modulus %d counts as weak", i)
		}
	}
	if n := ekKey().N.Bytes(); ROCA(n) || ROCA(nil) || ROCA([]byte{1}) {
		t.Error("a key of crypto/rsa, none, or 1 counts as weak")
	}
	if len(rocaPrimes()) != 76 {
		t.Errorf("%d primes tell, want 76", len(rocaPrimes()))
	}
}

// A weak EK is vulnerable with any certificate, and with none.
func TestAssessWeak(t *testing.T) {
	random := mathrand.New(mathrand.NewChaCha8([32]byte{9}))
	n := new(big.Int).Mul(weakPrime(t, random), weakPrime(t, random))
	weak := publicOf(n.Bytes())
	for _, certificate := range [][]byte{nil, plain(t, nil).chip.der, []byte("rubbish")} {
		v := NewStore(nil, nil).Assess(Evidence{EK: weak, Certificate: certificate, Manufacturer: "IFX"}, now)
		if v.Verdict != Vulnerable || v.Reasons[0].Code != CodeWeakKey || len(v.Reasons) != 2 || v.Missing != nil {
			t.Errorf("%+v", v)
		}
	}
}

func TestWeaknesses(t *testing.T) {
	const roca, fail, crash, reads = "CVE-2017-15361", "CVE-2019-16863", "CVE-2023-1017, CVE-2023-1018", "CVE-2025-2884"
	tests := []struct {
		manufacturer, firmware string
		want, fixed            []string
	}{
		{"IFX", "4.33.1.0", []string{roca}, []string{"4.34"}},
		{"IFX", "4.34.1.0", nil, nil},
		{"IFX", "4.40.119.0", []string{roca}, []string{"4.43"}},
		{"IFX", "4.43.1.0", nil, nil},
		{"IFX", "5.61.0.0", []string{roca}, []string{"5.62"}},
		{"IFX", "5.62.0.0", nil, nil},
		{"IFX", "6.42.0.0", []string{roca}, []string{"6.43"}},
		{"IFX", "7.39.0.0", []string{roca}, []string{"7.62"}},
		{"IFX", "7.61.2785.0", []string{roca, reads}, []string{"7.62", "7.66"}},
		{"IFX", "7.63.3353.0", []string{reads}, []string{"7.66"}},
		{"IFX", "7.66.19374.2", nil, nil},
		{"IFX", "7.85.4555.0", []string{reads}, []string{"7.86"}},
		{"IFX", "7.86.0.0", nil, nil},
		{"IFX", "15.21.16430.0", []string{reads}, []string{"15.23"}},
		{"IFX", "15.23.0.0", nil, nil},
		{"IFX", "133.32.0.0", []string{roca}, []string{"133.33"}},
		{"IFX", "133.33.0.0", nil, nil},
		{"STM", "73.8.17568.8192", []string{fail}, []string{"73.64"}},
		{"STM ", "73.4.0.0", []string{fail}, []string{"73.20"}},
		{"STM", "73.64.0.0", nil, nil},
		{"STM", "74.16.0.0", []string{fail}, []string{"74.64"}},
		{"STM", "1.258.0.0", nil, nil},
		{"NTC", "1.3.2.8", []string{crash}, []string{"1.3.2.20"}},
		{"NTC", "1.3.2.20", nil, nil},
		{"NTC", "7.2.3.1", []string{reads}, []string{"7.2.4.1"}},
		{"NTC", "7.2.4.1", nil, nil},
		{"NTC", "7.2", nil, nil},
		{"INTC", "7.61.0.0", nil, nil},
		{"IFX", "", nil, nil},
		{"IFX", "7", nil, nil},
		{"IFX", "7.x.1", nil, nil},
		{"IFX", "7.99999.0.0", nil, nil},
	}
	for _, test := range tests {
		var got, fixed []string
		for _, w := range Weaknesses(test.manufacturer, test.firmware) {
			got, fixed = append(got, w.CVE), append(fixed, w.Fixed)
			if w.Meaning == "" || w.Update == "" || !strings.Contains(w.String(), w.Fixed) {
				t.Errorf("%s: %+v", w.CVE, w)
			}
		}
		if !slices.Equal(got, test.want) || !slices.Equal(fixed, test.fixed) {
			t.Errorf("Weaknesses(%s, %s) = %q fixed in %q, want %q in %q", test.manufacturer, test.firmware, got, fixed, test.want, test.fixed)
		}
	}
}

// Keys of which the makers' servers are known to have the certificate.
func TestCertificateURL(t *testing.T) {
	const intel = `-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAwyDi8kSoYBqs8+AdJsZl
JJk1Vi3h2hl+nn8HbEaWE8+2U+mOwsOG/B0TPyyMbMM4tzLwsgi9g4qHej5bvD4d
QIToNcfIkGocBbTS0w/b68HbrZUPprFlvUtqhkYDFGFkwMT1nUiQEe8fko3upukA
YfPTdeVkYnMVHvYiJSCYvhpKsB3AoSInxgn9rOsRWvQI1Gk6b0mRl3RpWwwSvBih
/3EgpzN7L7XxlR2Lt/CU1bVUwRyVI7MHKf5keH0KE7nmMEiNq039hmNKUnDscvzF
pE3GeajzKTjdgZfina6Dn1tMoPXeJ8lSLCPFThws5XhZUlEYvURwsYGA7veK5CZ7
zQIDAQAB
-----END PUBLIC KEY-----`
	const amd = `-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAo8ID3MRLZQWgq2WIK1qT
e2HQxzZgiDWn6Tzw6uQOoXI1iyO9pxIailRxll2NeK1lRVP/dEKCV+mGwv75T+y2
MmzpFhUY/O5RtEG8TiocDw6WkHRAJ9A9h1OMP+vD3mPClNoA9/ssB36/0ScmVtYR
0gRkL+cZkAT6qro7xz4eRKLt8KfX6OG/Y9kCfJsKDCtYbc4OavHSf11VgbBLtxm7
jSVE+pnO+x/om6qwACjZbU4qrq4PUbAxD1S9dJ2cZzKaYSsCA8wMIho0umYa3jGv
eptunXDcE993BlsUGjLNbXC4aWVEtgo9yu98gKqhYGFEx7Mtk5NYOvWoNvcUBe2L
2QIDAQAB
-----END PUBLIC KEY-----`
	tests := []struct{ manufacturer, key, want string }{
		{"INTC", intel, "https://ekop.intel.com/ekcertservice/WVEG2rRwkQ7m3RpXlUphgo6Y2HLxl18h6ZZkkOAdnBE%3D"},
		{"AMD", amd, "https://ftpm.amd.com/pki/aia/D027B3CE6A9B6B56846D2B9935884A88"},
		{"AMD ", amd, "https://ftpm.amd.com/pki/aia/D027B3CE6A9B6B56846D2B9935884A88"},
		{"IFX", amd, ""},
		{"", amd, ""},
	}
	for _, test := range tests {
		block, _ := pem.Decode([]byte(test.key))
		key, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		public := publicOf(key.(*rsa.PublicKey).N.Bytes())
		if got := CertificateURL(test.manufacturer, public); got != test.want {
			t.Errorf("CertificateURL(%q) = %s, want %s", test.manufacturer, got, test.want)
		}
		v := NewStore(nil, nil).Assess(Evidence{EK: public, Manufacturer: test.manufacturer}, now)
		if test.want == "" && (v.Verdict != Absent || v.Missing != nil) || test.want != "" && (v.Verdict != Unknown || v.Missing == nil || v.Missing.URL != test.want) {
			t.Errorf("without certificate, %q: %+v", test.manufacturer, v)
		}
	}
	if got := CertificateURL("INTC", []byte("not a key")); got != "" {
		t.Errorf("of something else: %s", got)
	}
}
