// Package chain reads certificates of CAs and of endorsement keys for trust, and
// looks for a path of signatures from one to a certificate that the caller trusts.
//
// crypto/x509 refuses certificates that makers of TPMs have issued: serial numbers
// with needless zeros or of negative value, names whose kinds of strings differ
// between issuer and subject, signatures with SHA-1, keys declared for OAEP. Its
// Verify is for servers in the first place and cannot be given other rules, so this
// package has its own. They are those of RFC 5280, and where they are milder it is
// said at the place.
package chain

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// MaxCertificate bounds a certificate, in bytes. Those of CAs for TPMs take up to
// 3 KiB.
const MaxCertificate = 16 << 10

// Certificate is an X.509 certificate (RFC 5280, 4.1), read and not verified. It
// does not change once it was parsed.
type Certificate struct {
	// DER is the certificate alone.
	DER []byte
	// Fingerprint is the SHA-256 of DER.
	Fingerprint [sha256.Size]byte
	// Version is 1, 2 or 3.
	Version int
	// Serial has the octets of the serial number's encoding, whatever they are.
	Serial []byte
	// Issuer and Subject are the two names.
	Issuer, Subject Name
	// NotBefore and NotAfter bound the validity, both included.
	NotBefore, NotAfter time.Time
	// Key is the certified key.
	Key Key
	// Extensions are what the extensions say that are known here.
	Extensions

	tbs       []byte // what was signed
	algorithm []byte // the AlgorithmIdentifier of the signature, whole
	signature []byte
}

// Parse reads one certificate in DER. What follows it is an error.
func Parse(der []byte) (*Certificate, error) {
	if len(der) > MaxCertificate {
		return nil, fmt.Errorf("it has %d bytes, %d at most", len(der), MaxCertificate)
	}
	input := cryptobyte.String(der)
	var outer, tbs, algorithm cryptobyte.String
	if !input.ReadASN1(&outer, asn1.SEQUENCE) || !outer.ReadASN1Element(&tbs, asn1.SEQUENCE) {
		return nil, errors.New("it is not a certificate, or cut short")
	}
	if !input.Empty() {
		return nil, errors.New("something follows the certificate")
	}
	c := &Certificate{DER: bytes.Clone(der), Fingerprint: sha256.Sum256(der), tbs: bytes.Clone(tbs)}
	if !outer.ReadASN1Element(&algorithm, asn1.SEQUENCE) || !outer.ReadASN1BitStringAsBytes(&c.signature) || !outer.Empty() {
		return nil, errors.New("its signature cannot be read")
	}
	c.algorithm = bytes.Clone(algorithm)
	if err := c.readSigned(tbs); err != nil {
		return nil, err
	}
	return c, nil
}

// readSigned reads the TBSCertificate.
func (c *Certificate) readSigned(element cryptobyte.String) error {
	var tbs, serial, algorithm, validity, key cryptobyte.String
	if !element.ReadASN1(&tbs, asn1.SEQUENCE) {
		return errors.New("it is not a certificate")
	}
	if !readVersion(&tbs, &c.Version) {
		return errors.New("its version cannot be read")
	}
	if !tbs.ReadASN1(&serial, asn1.INTEGER) {
		return errors.New("its serial number cannot be read")
	}
	c.Serial = bytes.Clone(serial)
	if !tbs.ReadASN1Element(&algorithm, asn1.SEQUENCE) || !bytes.Equal(algorithm, c.algorithm) {
		return errors.New("it names two different algorithms for its signature")
	}
	var err error
	if c.Issuer, err = readName(&tbs); err != nil {
		return fmt.Errorf("its issuer: %w", err)
	}
	if !tbs.ReadASN1(&validity, asn1.SEQUENCE) || !readTime(&validity, &c.NotBefore) || !readTime(&validity, &c.NotAfter) || !validity.Empty() {
		return errors.New("its validity cannot be read")
	}
	if c.Subject, err = readName(&tbs); err != nil {
		return fmt.Errorf("its subject: %w", err)
	}
	if !tbs.ReadASN1Element(&key, asn1.SEQUENCE) {
		return errors.New("its key cannot be read")
	}
	if c.Key, err = readKey(key); err != nil {
		return fmt.Errorf("its key: %w", err)
	}
	return c.Extensions.read(tbs)
}

func readVersion(tbs *cryptobyte.String, version *int) bool {
	var explicit cryptobyte.String
	var present bool
	number := 0
	if !tbs.ReadOptionalASN1(&explicit, &present, contextTag(0)) ||
		present && (!explicit.ReadASN1Integer(&number) || !explicit.Empty()) {
		return false
	}
	*version = number + 1
	return number >= 0 && number <= 2
}

// contextTag is the tag [n] of something constructed.
func contextTag(n uint8) asn1.Tag { return asn1.Tag(n).Constructed().ContextSpecific() }

// readTime reads UTCTime or GeneralizedTime. Only years that RFC 3339 can write
// pass, which a time zone can leave.
func readTime(s *cryptobyte.String, t *time.Time) bool {
	read := s.ReadASN1GeneralizedTime
	if s.PeekASN1Tag(asn1.UTCTime) {
		read = s.ReadASN1UTCTime
	}
	if !read(t) {
		return false
	}
	*t = t.UTC()
	return t.Year() >= 1 && t.Year() <= 9999
}

// SelfIssued: issuer and subject are the same name. Whether it is also signed with
// its own key, only [Certificate.CheckSignature] tells.
func (c *Certificate) SelfIssued() bool { return c.Issuer.Equal(c.Subject) }

// MayBeFrom: issuer bears the name of c's issuer, and where both name the key they
// do not differ in it.
func (c *Certificate) MayBeFrom(issuer *Certificate) (name, key bool) {
	name = !c.Issuer.Empty() && c.Issuer.Equal(issuer.Subject)
	key = len(c.AuthorityKey) == 0 || len(issuer.SubjectKey) == 0 || bytes.Equal(c.AuthorityKey, issuer.SubjectKey)
	return name, key
}
