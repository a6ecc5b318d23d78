package chain

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	_ "crypto/sha1" // of the makers' oldest certificates
	_ "crypto/sha256"
	_ "crypto/sha512"
	encoding "encoding/asn1"
	"errors"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"tpmdps/internal/text"
)

// ErrAlgorithm is wrapped by the error for a signature of a kind that is not
// checked here, such as MD5 or SM2, or by a key of another kind.
var ErrAlgorithm = errors.New("the algorithm of the signature is not supported")

// ErrSignature is wrapped by the error for a signature that is not the key's.
var ErrSignature = errors.New("the signature is wrong")

// scheme is how something was signed.
type scheme struct {
	hash crypto.Hash
	kind int // one of the three below
}

const (
	pkcs1 = iota
	pss
	ecc
)

// schemes are the algorithms of RFC 4055 and RFC 5758, by identifier.
var schemes = map[string]scheme{
	"1.2.840.113549.1.1.5":  {crypto.SHA1, pkcs1},
	"1.2.840.113549.1.1.14": {crypto.SHA224, pkcs1},
	"1.2.840.113549.1.1.11": {crypto.SHA256, pkcs1},
	"1.2.840.113549.1.1.12": {crypto.SHA384, pkcs1},
	"1.2.840.113549.1.1.13": {crypto.SHA512, pkcs1},
	"1.2.840.10045.4.1":     {crypto.SHA1, ecc},
	"1.2.840.10045.4.3.1":   {crypto.SHA224, ecc},
	"1.2.840.10045.4.3.2":   {crypto.SHA256, ecc},
	"1.2.840.10045.4.3.3":   {crypto.SHA384, ecc},
	"1.2.840.10045.4.3.4":   {crypto.SHA512, ecc},
}

var hashes = map[string]crypto.Hash{
	"1.3.14.3.2.26":          crypto.SHA1,
	"2.16.840.1.101.3.4.2.4": crypto.SHA224,
	"2.16.840.1.101.3.4.2.1": crypto.SHA256,
	"2.16.840.1.101.3.4.2.2": crypto.SHA384,
	"2.16.840.1.101.3.4.2.3": crypto.SHA512,
}

// SHA1: the certificate was signed with SHA-1, for which two texts with the same hash
// can be made since 2017.
func (c *Certificate) SHA1() bool {
	s, err := readScheme(c.algorithm)
	return err == nil && s.hash == crypto.SHA1
}

// CheckSignature compares the signature of c with a key. The error wraps
// [ErrAlgorithm] or [ErrSignature].
func (c *Certificate) CheckSignature(signer Key) error {
	return checkSignature(signer, c.algorithm, c.tbs, c.signature)
}

func checkSignature(signer Key, algorithm, signed, signature []byte) error {
	s, err := readScheme(algorithm)
	if err != nil {
		return err
	}
	h := s.hash.New()
	h.Write(signed)
	digest := h.Sum(nil)
	right := false
	switch {
	case s.kind == ecc && signer.ECC != nil:
		right = ecdsa.VerifyASN1(signer.ECC, digest, signature)
	case s.kind == ecc || signer.RSA == nil || signer.Encrypts:
		return fmt.Errorf("%w: the signer's key is %s", ErrAlgorithm, signer.Algorithm)
	case signer.RSA.N.BitLen() < minRSA:
		return fmt.Errorf("%w: the signer's key is %s, too short to prove anything", ErrAlgorithm, signer.Algorithm)
	case s.kind == pss:
		right = rsa.VerifyPSS(signer.RSA, s.hash, digest, signature, nil) == nil
	default:
		right = rsa.VerifyPKCS1v15(signer.RSA, s.hash, digest, signature) == nil
	}
	if !right {
		return ErrSignature
	}
	return nil
}

// readScheme reads an AlgorithmIdentifier of a signature.
func readScheme(der cryptobyte.String) (scheme, error) {
	var content cryptobyte.String
	var id encoding.ObjectIdentifier
	if !der.ReadASN1(&content, asn1.SEQUENCE) || !content.ReadASN1ObjectIdentifier(&id) {
		return scheme{}, fmt.Errorf("%w: it cannot be read", ErrAlgorithm)
	}
	if id.Equal(oidRSAPSS) {
		return readPSS(content)
	}
	s, ok := schemes[id.String()]
	if !ok {
		return s, fmt.Errorf("%w: %s", ErrAlgorithm, text.Printable(id.String(), maxShown))
	}
	return s, nil
}

// readPSS reads RSASSA-PSS-params: RFC 4055, 3.1. Both hashes have to be the same, as
// they are everywhere; the length of the salt shows by itself.
func readPSS(content cryptobyte.String) (scheme, error) {
	unreadable := fmt.Errorf("%w: the parameters of RSASSA-PSS cannot be read", ErrAlgorithm)
	var parameters cryptobyte.String
	if !content.ReadASN1(&parameters, asn1.SEQUENCE) {
		return scheme{}, unreadable
	}
	hash, masks := crypto.SHA1, crypto.SHA1 // the defaults
	var field, mask cryptobyte.String
	var present bool
	if !parameters.ReadOptionalASN1(&field, &present, contextTag(0)) || present && !readHash(&field, &hash) ||
		!parameters.ReadOptionalASN1(&field, &present, contextTag(1)) {
		return scheme{}, unreadable
	}
	var id encoding.ObjectIdentifier
	if present && (!field.ReadASN1(&mask, asn1.SEQUENCE) || !mask.ReadASN1ObjectIdentifier(&id) || !readHash(&mask, &masks)) {
		return scheme{}, unreadable
	}
	if hash != masks {
		return scheme{}, fmt.Errorf("%w: RSASSA-PSS with two hashes", ErrAlgorithm)
	}
	return scheme{hash, pss}, nil
}

func readHash(s *cryptobyte.String, hash *crypto.Hash) bool {
	var content cryptobyte.String
	var id encoding.ObjectIdentifier
	ok := false
	if s.ReadASN1(&content, asn1.SEQUENCE) && content.ReadASN1ObjectIdentifier(&id) {
		*hash, ok = hashes[id.String()]
	}
	return ok
}
