package chain

import (
	"bytes"
	"crypto"
	"errors"
	"fmt"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"tpmdps/internal/text"
)

// MaxCRL bounds a list of revoked certificates, in bytes.
const MaxCRL = 16 << 20

// maxRevoked bounds the entries of one list.
const maxRevoked = 500_000

// CRL is a list of revoked certificates (RFC 5280, 5), read and not verified.
type CRL struct {
	// Name is for messages: the file that the list is from, fit for a terminal. Its
	// reader may set it.
	Name string
	// Issuer is the CA whose list it is.
	Issuer Name
	// ThisUpdate is when the list was made, NextUpdate when the next one is due; it
	// is zero where none is named.
	ThisUpdate, NextUpdate time.Time
	// AuthorityKey is the identifier of the key that signed it, empty where it is
	// missing.
	AuthorityKey []byte
	// OnlyLeaves and OnlyCAs: the list leaves out the certificates of CAs, or those of
	// all others.
	OnlyLeaves, OnlyCAs bool

	revoked   map[string]time.Time
	tbs       []byte
	algorithm []byte
	signature []byte
}

// ParseCRL reads a list in DER. One that is a difference to another list, that is
// for several CAs, or for certain reasons only, is an error: what it leaves out
// would look as if it were not revoked.
func ParseCRL(der []byte) (*CRL, error) {
	if len(der) > MaxCRL {
		return nil, fmt.Errorf("it has %d bytes, %d at most", len(der), MaxCRL)
	}
	input := cryptobyte.String(der)
	var outer, tbs, algorithm cryptobyte.String
	l := &CRL{revoked: map[string]time.Time{}}
	if !input.ReadASN1(&outer, asn1.SEQUENCE) || !input.Empty() || !outer.ReadASN1Element(&tbs, asn1.SEQUENCE) ||
		!outer.ReadASN1Element(&algorithm, asn1.SEQUENCE) || !outer.ReadASN1BitStringAsBytes(&l.signature) || !outer.Empty() {
		return nil, errors.New("it is not a list of revoked certificates, or cut short")
	}
	l.tbs, l.algorithm = bytes.Clone(tbs), bytes.Clone(algorithm)
	return l, l.readSigned(tbs)
}

// readSigned reads the TBSCertList.
func (l *CRL) readSigned(element cryptobyte.String) error {
	var tbs, algorithm, list, explicit cryptobyte.String
	var present bool
	if !element.ReadASN1(&tbs, asn1.SEQUENCE) || !tbs.SkipOptionalASN1(asn1.INTEGER) ||
		!tbs.ReadASN1Element(&algorithm, asn1.SEQUENCE) || !bytes.Equal(algorithm, l.algorithm) {
		return errors.New("its beginning cannot be read")
	}
	var err error
	if l.Issuer, err = readName(&tbs); err != nil {
		return fmt.Errorf("its issuer: %w", err)
	}
	hasTime := func() bool { return tbs.PeekASN1Tag(asn1.UTCTime) || tbs.PeekASN1Tag(asn1.GeneralizedTime) }
	if !readTime(&tbs, &l.ThisUpdate) || hasTime() && !readTime(&tbs, &l.NextUpdate) {
		return errors.New("its times cannot be read")
	}
	if tbs.PeekASN1Tag(asn1.SEQUENCE) {
		if !tbs.ReadASN1(&list, asn1.SEQUENCE) {
			return errors.New("its entries cannot be read")
		}
		if err := l.readEntries(list); err != nil {
			return err
		}
	}
	if !tbs.ReadOptionalASN1(&explicit, &present, contextTag(0)) || !tbs.Empty() {
		return errors.New("its extensions cannot be read")
	}
	if !present {
		return nil
	}
	return l.readExtensions(explicit)
}

func (l *CRL) readEntries(list cryptobyte.String) error {
	for !list.Empty() {
		var entry, serial, extensions cryptobyte.String
		var at time.Time
		if len(l.revoked) == maxRevoked {
			return fmt.Errorf("it has more than %d entries", maxRevoked)
		}
		if !list.ReadASN1(&entry, asn1.SEQUENCE) || !entry.ReadASN1(&serial, asn1.INTEGER) || !readTime(&entry, &at) {
			return errors.New("its entries cannot be read")
		}
		if !entry.Empty() && !entry.ReadASN1(&extensions, asn1.SEQUENCE) {
			return errors.New("its entries cannot be read")
		}
		for !extensions.Empty() {
			id, critical, _, ok := readExtension(&extensions)
			switch {
			case !ok:
				return errors.New("its entries cannot be read")
			case critical && id != "2.5.29.21": // the reason
				return fmt.Errorf("an entry has a critical extension that is not known here (%s)", text.Printable(id, maxShown))
			}
		}
		l.revoked[plainSerial(serial)] = at
	}
	return nil
}

// readExtensions reads those of the whole list: RFC 5280, 5.2.
func (l *CRL) readExtensions(explicit cryptobyte.String) error {
	var list cryptobyte.String
	if !explicit.ReadASN1(&list, asn1.SEQUENCE) || !explicit.Empty() {
		return errors.New("its extensions cannot be read")
	}
	for !list.Empty() {
		id, critical, value, ok := readExtension(&list)
		if !ok {
			return errors.New("its extensions cannot be read")
		}
		switch id {
		case "2.5.29.35":
			var e Extensions
			if !e.readAuthorityKey(value) {
				return errors.New("its extensions cannot be read")
			}
			l.AuthorityKey = e.AuthorityKey
		case "2.5.29.28":
			if err := l.readScope(value); err != nil {
				return err
			}
		case "2.5.29.27":
			return errors.New("it is a difference to another list; the whole list is needed")
		default:
			if critical {
				return fmt.Errorf("it has a critical extension that is not known here (%s)", text.Printable(id, maxShown))
			}
		}
	}
	return nil
}

// readScope reads IssuingDistributionPoint: RFC 5280, 5.2.5.
func (l *CRL) readScope(value cryptobyte.String) error {
	var content cryptobyte.String
	if !value.ReadASN1(&content, asn1.SEQUENCE) || !value.Empty() {
		return errors.New("its scope cannot be read")
	}
	for !content.Empty() {
		var field cryptobyte.String
		var tag asn1.Tag
		if !content.ReadAnyASN1(&field, &tag) {
			return errors.New("its scope cannot be read")
		}
		set := len(field) == 1 && field[0] != 0
		switch tag {
		case contextTag(0): // where it is published
		case asn1.Tag(1).ContextSpecific():
			l.OnlyLeaves = set
		case asn1.Tag(2).ContextSpecific():
			l.OnlyCAs = set
		default:
			if len(field) != 1 || set {
				return errors.New("it is a list for several CAs, or for a part of what is revoked; the whole list is needed")
			}
		}
	}
	return nil
}

// plainSerial is a serial number without needless zeros: a list need not write it as
// the certificate does.
func plainSerial(serial []byte) string { return string(bytes.TrimLeft(serial, "\x00")) }

// CheckSignature says why the list is not a CA's: another name, another key, a key
// that is not for lists. It is nil if it is. SHA-1 counts for a CA that is pinned.
func (l *CRL) CheckSignature(ca *Certificate, pinned bool) error {
	switch {
	case !l.Issuer.Equal(ca.Subject):
		return errors.New("it is another CA's")
	case ca.HasUsage && ca.Usage&UsageCRLSign == 0:
		return fmt.Errorf("the key of %s is not for signing such lists", ca.Subject)
	}
	if s, err := readScheme(l.algorithm); err == nil && s.hash == crypto.SHA1 && !pinned {
		return errors.New("it is signed with SHA-1, which counts only for CAs that are pinned by their own bytes")
	}
	return checkSignature(ca.Key, l.algorithm, l.tbs, l.signature)
}

// Revoked tells whether a certificate of this issuer is in the list, and since when.
func (l *CRL) Revoked(c *Certificate) (time.Time, bool) {
	if l.OnlyCAs && !c.CA || l.OnlyLeaves && c.CA {
		return time.Time{}, false
	}
	at, found := l.revoked[plainSerial(c.Serial)]
	return at, found
}

// Covers: the list says of this certificate whether it is revoked.
func (l *CRL) Covers(c *Certificate) bool {
	return l.Issuer.Equal(c.Issuer) && !(l.OnlyCAs && !c.CA) && !(l.OnlyLeaves && c.CA)
}

// Len is the number of revoked certificates in the list.
func (l *CRL) Len() int { return len(l.revoked) }

// Expired: the next list was due before now.
func (l *CRL) Expired(now time.Time) bool { return !l.NextUpdate.IsZero() && l.NextUpdate.Before(now) }
