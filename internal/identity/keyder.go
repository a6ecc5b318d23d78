package identity

import (
	"bytes"
	"fmt"
	"math/big"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// derError names a DER structure: a public key or a certificate, RSA or not. The
// right key is put together from the modulus: everything else in the L-1 template
// is the same for all.
func derError(form string, der []byte) error {
	what, algorithm, key := readDER(der)
	e := &FormatError{Is: what + " in " + form, Advice: readAgain}
	switch {
	case algorithm == "":
		return e
	case key.modulus == nil:
		e.Is += ", of an algorithm other than RSA (" + algorithm + ")"
	case !bytes.Equal(key.exponent, []byte{1, 0, 1}):
		e.Is += fmt.Sprintf(", of an RSA key with the exponent %s instead of 65537", shortNumber(key.exponent))
	case len(key.modulus) != ekSize-len(ekPrefix):
		e.Is += fmt.Sprintf(", of an %s key instead of RSA 2048", algorithm)
	default:
		return fromModulus(key.modulus, e.Is)
	}
	return e
}

// fromModulus is the error for a key of which only the modulus was given.
func fromModulus(modulus []byte, is string) error {
	return converted(append(bytes.Clone(ekPrefix), modulus...), is,
		"it has the modulus only, and the rest is filled in from the TCG's L-1 template; compare with tpmdps read-ek where the chip is at hand")
}

func shortNumber(b []byte) string {
	if len(b) > 8 {
		return "of many digits"
	}
	return new(big.Int).SetBytes(b).String()
}

// readDER reads the key in a SubjectPublicKeyInfo, a PKCS #1 RSAPublicKey or a
// certificate, and says which it was. The algorithm is empty where there is no
// public key.
func readDER(der []byte) (what, algorithm string, key publicKey) {
	whole := cryptobyte.String(der)
	var content cryptobyte.String
	if whole.ReadASN1(&content, asn1.SEQUENCE) {
		if name, k, err := readKey(content); err == nil {
			return "a SubjectPublicKeyInfo", name, k
		}
		if k, ok := readPKCS1(content); ok {
			return "a PKCS #1 public key", fmt.Sprintf("RSA %d", new(big.Int).SetBytes(k.modulus).BitLen()), k
		}
		if isPrivate(content) {
			return "a private key, which must be kept secret,", "", key
		}
	}
	if c, err := ParseEKCertificate(der); err == nil {
		return "an X.509 certificate", c.facts.KeyAlgorithm, c.key
	}
	return "neither a public key nor a certificate", "", key
}

// readPKCS1 reads the content of an RSAPublicKey: RFC 8017, A.1.1.
func readPKCS1(s cryptobyte.String) (publicKey, bool) {
	var modulus, exponent cryptobyte.String
	if !s.ReadASN1(&modulus, asn1.INTEGER) || !s.ReadASN1(&exponent, asn1.INTEGER) || !s.Empty() || len(modulus) < 64 {
		return publicKey{}, false
	}
	return publicKey{withoutZeros(modulus), withoutZeros(exponent)}, true
}

// isPrivate recognises PKCS #8, PKCS #1 and SEC 1 private keys: each begins with
// a small number, its version.
func isPrivate(s cryptobyte.String) bool {
	var version uint64
	return s.ReadASN1Integer(&version) && version <= 1 && !s.Empty() &&
		(s.PeekASN1Tag(asn1.SEQUENCE) || s.PeekASN1Tag(asn1.OCTET_STRING) || s.PeekASN1Tag(asn1.INTEGER))
}
