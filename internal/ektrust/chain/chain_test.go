package chain

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// nameOf is a Name of one attribute.
func nameOf(t testing.TB, tag asn1.Tag, value string) Name {
	t.Helper()
	b := cryptobyte.NewBuilder(nil)
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.SET, func(b *cryptobyte.Builder) {
			b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1ObjectIdentifier([]int{2, 5, 4, 3})
				b.AddASN1(tag, func(b *cryptobyte.Builder) { b.AddBytes([]byte(value)) })
			})
		})
	})
	s := cryptobyte.String(b.BytesOrPanic())
	n, err := readName(&s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestNames(t *testing.T) {
	want := nameOf(t, asn1.UTF8String, "ST Root é")
	for _, same := range []Name{
		nameOf(t, asn1.UTF8String, " st  ROOT\té "), nameOf(t, asn1.T61String, "ST Root \xe9"),
		nameOf(t, bmpString, "\x00S\x00T\x00 \x00R\x00o\x00o\x00t\x00 \x00\xe9"), nameOf(t, universalString, "\x00\x00\x00S\x00\x00\x00T\x00\x00\x00 \x00\x00\x00R\x00\x00\x00o\x00\x00\x00o\x00\x00\x00t\x00\x00\x00 \x00\x00\x00\xe9"),
	} {
		if !same.Equal(want) {
			t.Errorf("%s and %s differ", same, want)
		}
	}
	for _, other := range []Name{{}, nameOf(t, asn1.UTF8String, "STRoot é"), nameOf(t, asn1.UTF8String, "ST Root e"), nameOf(t, asn1.OCTET_STRING, "ST Root é")} {
		if other.Equal(want) {
			t.Errorf("%q and %s are the same", other, want)
		}
	}
}

// RSA with each hash and padding, checked with the right key and with another.
func TestCheckSignature(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for _, algorithm := range []x509.SignatureAlgorithm{x509.SHA256WithRSA, x509.SHA384WithRSA, x509.SHA512WithRSA, x509.SHA256WithRSAPSS, x509.SHA384WithRSAPSS, x509.SHA512WithRSAPSS} {
		template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "CA"}, NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1e9, 0),
			SignatureAlgorithm: algorithm, IsCA: true, BasicConstraintsValid: true}
		der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
		if err != nil {
			t.Fatalf("%v: %v", algorithm, err)
		}
		c, err := Parse(der)
		if err != nil {
			t.Fatalf("%v: %v", algorithm, err)
		}
		if err := c.CheckSignature(c.Key); err != nil {
			t.Errorf("%v: %v", algorithm, err)
		}
		if err := c.CheckSignature(Key{RSA: &other.PublicKey}); !errors.Is(err, ErrSignature) {
			t.Errorf("%v, another key: %v", algorithm, err)
		}
		encrypts := c.Key
		encrypts.Encrypts = true
		for _, k := range []Key{{}, encrypts} {
			if err := c.CheckSignature(k); !errors.Is(err, ErrAlgorithm) {
				t.Errorf("%v, a key that does not sign: %v", algorithm, err)
			}
		}
	}
}

// MD5 and what nobody knows is refused by name.
func TestReadSchemeRefuses(t *testing.T) {
	for _, id := range [][]int{{1, 2, 840, 113549, 1, 1, 4}, {1, 2, 156, 10197, 1, 501}, {1, 2, 3}} {
		b := cryptobyte.NewBuilder(nil)
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(id) })
		if s, err := readScheme(b.BytesOrPanic()); !errors.Is(err, ErrAlgorithm) || s.hash != crypto.Hash(0) {
			t.Errorf("%v: %v, %v", id, s, err)
		}
	}
}

// files are real certificates.
func files(t testing.TB) (list [][]byte) {
	t.Helper()
	for _, pattern := range []string{"roots/*.c*", "certificates/*.der"} {
		names, err := filepath.Glob(filepath.Join("../../../testdata", pattern))
		if err != nil || len(names) == 0 {
			t.Fatalf("%s: %v", pattern, err)
		}
		for _, name := range names {
			der, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, der)
		}
	}
	return list
}

// Where Go's parser reads a certificate, both read the same.
func TestParseAsX509(t *testing.T) {
	both := 0
	for _, der := range files(t) {
		c, err := Parse(der)
		if err != nil {
			t.Fatal(err)
		}
		other, err := x509.ParseCertificate(der)
		if err != nil {
			continue
		}
		both++
		if c.Version != other.Version || !c.NotAfter.Equal(other.NotAfter) || c.CA != other.IsCA || string(c.SubjectKey) != string(other.SubjectKeyId) ||
			string(c.AuthorityKey) != string(other.AuthorityKeyId) ||
			c.HasUsage != (other.KeyUsage != 0) || len(c.IssuerURLs) != len(other.IssuingCertificateURL) || len(c.CRLURLs) != len(other.CRLDistributionPoints) {
			t.Errorf("%s: differs from crypto/x509", c.Subject)
		}
		if c.SelfIssued() && c.CheckSignature(c.Key) != nil {
			t.Errorf("%s: its own signature is wrong", c.Subject)
		}
	}
	if both < 8 {
		t.Errorf("only %d certificates were compared", both)
	}
}

// FuzzFind builds paths from anything to anything.
func FuzzFind(f *testing.F) {
	all := files(f)
	for i := range all {
		f.Add(all[i], all[(i+1)%len(all)], all[0])
	}
	f.Fuzz(func(t *testing.T, leaf, first, second []byte) {
		c, err := Parse(leaf)
		if err != nil {
			return
		}
		var pool []*Certificate
		for _, der := range [][]byte{first, second, leaf} {
			if ca, err := Parse(der); err == nil {
				pool = append(pool, ca)
			}
		}
		never := func(*Certificate) bool { return false }
		path, err := Search{Pools: []*Pool{NewPool(pool...)}, Anchor: never, Pinned: never}.Find(c)
		var none *NoPath
		if path != nil || !errors.As(err, &none) || len(none.Path) == 0 || none.Text == "" || none.Code == "" {
			t.Errorf("path of %d, %v", len(path), err)
		}
	})
}
