package identity

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/binary"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"
)

// A certificate is for the key with its modulus and exponent, whatever the rest
// of the public area says, and however the certificate declares the key.
func TestCertificateIsForAKey(t *testing.T) {
	dir := filepath.Join("..", "..", "testdata", "certificates")
	files, err := filepath.Glob(filepath.Join(dir, "*.der"))
	if err != nil || len(files) < 5 {
		t.Fatalf("%d certificates, %v", len(files), err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		c, err := ParseEKCertificate(raw)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		modulus := c.key.modulus
		if parsed, err := x509.ParseCertificate(raw); err == nil {
			if key, ok := parsed.PublicKey.(*rsa.PublicKey); ok && !bytes.Equal(key.N.Bytes(), modulus) {
				t.Errorf("%s: another modulus than Go's parser reads", file)
			}
		}
		other := bytes.Clone(modulus)
		other[100] ^= 1
		for name, template := range publicTemplates {
			if !c.Facts(publicOf(t, template, 0, modulus)).KeyMatches || !c.Facts(publicOf(t, template, 65537, modulus)).KeyMatches {
				t.Errorf("%s is not for its key of %s", filepath.Base(file), name)
			}
			if c.Facts(publicOf(t, template, 0, other)).KeyMatches || c.Facts(publicOf(t, template, 3, modulus)).KeyMatches {
				t.Errorf("%s is for another key of %s", filepath.Base(file), name)
			}
		}
	}
}

// What is not an RSA key is no certificate's; a certificate for an ECC key is
// none for it.
func TestCertificateIsForNothing(t *testing.T) {
	c, err := ParseEKCertificate(certificateSample(t))
	if err != nil {
		t.Fatal(err)
	}
	good := publicOf(t, publicTemplates["L-1"], 0, c.key.modulus)
	for n := range good {
		if c.Facts(good[:n]).KeyMatches {
			t.Errorf("the first %d bytes of %d match", n, len(good))
		}
	}
	for name, key := range map[string][]byte{
		"more bytes": append(bytes.Clone(good), 0), "nothing": nil, "zeros": make([]byte, 316), "ECC": {0, 6, 0, 0x23, 0, 0x0b, 0, 0},
	} {
		if c.Facts(key).KeyMatches {
			t.Errorf("%s: matches", name)
		}
	}
	c.key = publicKey{} // as of an ECC certificate
	if c.Facts(good).KeyMatches || c.Facts(nil).KeyMatches {
		t.Error("a certificate for a key of another kind matches")
	}
}

// publicTemplates are the parts of a public area before the exponent: type to
// key bits (TPM 2.0 Part 2, 12.2.4).
var publicTemplates = map[string]string{
	"L-1":                        "0001000b000300b20020837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa00060080004300100800",
	"H-1":                        "0001000b000300f20020ca3d0a99a2b93906f7a3342414efcfb3a385d44cd1fd459089d19b5071c0b7a000060080004300100800",
	"an SRK":                     "0001000b00030472000000060080004300100800",
	"AES-256, SHA-384":           "0001000c000300b2000000060100004300100800",
	"an attestation key, RSASSA": "0001000b00050072000000100014000b0800",
	"RSAES":                      "0001000b000200720000001000150800",
	"no cipher":                  "0001000b000600b20000001000100800",
}

func publicOf(tb testing.TB, template string, exponent uint32, modulus []byte) []byte {
	tb.Helper()
	b, err := hex.DecodeString(template)
	if err != nil {
		tb.Fatal(err)
	}
	b = binary.BigEndian.AppendUint32(b, exponent)
	b = append(binary.BigEndian.AppendUint16(b, uint16(len(modulus))), modulus...)
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...)
}
