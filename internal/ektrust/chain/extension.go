package chain

import (
	"bytes"
	encoding "encoding/asn1"
	"errors"
	"fmt"
	"net/url"
	"slices"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"tpmdps/internal/text"
)

// Object identifiers of purposes (extended key usage): TCG EK Credential Profile
// 2.5, 3.2.16 and TCG Credential Profiles 1.2.
var (
	PurposeEK  = encoding.ObjectIdentifier{2, 23, 133, 8, 1}
	PurposeAIK = encoding.ObjectIdentifier{2, 23, 133, 8, 3}
	purposeAny = encoding.ObjectIdentifier{2, 5, 29, 37, 0} // RFC 5280, 4.2.1.12
)

// KeyUsage has the bits of RFC 5280, 4.2.1.3, the first of them lowest.
type KeyUsage uint16

// Bits of [KeyUsage] that matter here.
const (
	UsageKeyEncipherment KeyUsage = 1 << 2
	UsageKeyAgreement    KeyUsage = 1 << 4
	UsageCertSign        KeyUsage = 1 << 5
	UsageCRLSign         KeyUsage = 1 << 6
)

// Extensions are what the extensions of a certificate say: RFC 5280, 4.2.
type Extensions struct {
	// Constrained: the certificate has BasicConstraints. CA and PathLength are
	// theirs; PathLength is -1 where no length is named.
	Constrained bool
	CA          bool
	PathLength  int
	// HasUsage: the certificate has keyUsage, which is Usage.
	HasUsage bool
	Usage    KeyUsage
	// Purposes are the object identifiers of extKeyUsage.
	Purposes []encoding.ObjectIdentifier
	// SubjectKey and AuthorityKey are the identifiers of the certified key and of
	// its signer's, empty where they are missing.
	SubjectKey, AuthorityKey []byte
	// IssuerURLs are where the issuer's certificate is to be had (authority
	// information access, caIssuers), web addresses only, fit for a terminal.
	IssuerURLs []string
	// CRLURLs are where the list of revoked certificates is to be had.
	CRLURLs []string
	// NameConstraints: the certificate bounds the names of those below it.
	NameConstraints bool
	// UnknownCritical are the identifiers of critical extensions that nothing here
	// understands.
	UnknownCritical []string
	// Manufacturer, Model and TPMVersion are what the subject's alternative name says of
	// the chip: TCG EK Credential Profile 2.5, 3.2.9.
	Manufacturer, Model, TPMVersion string
}

// handlers are the extensions that are understood, by identifier.
var handlers = map[string]func(*Extensions, cryptobyte.String) bool{
	"2.5.29.14":         (*Extensions).readSubjectKey,
	"2.5.29.15":         (*Extensions).readUsage,
	"2.5.29.17":         (*Extensions).readAlternativeName,
	"2.5.29.19":         (*Extensions).readBasicConstraints,
	"2.5.29.30":         func(e *Extensions, _ cryptobyte.String) bool { e.NameConstraints = true; return true },
	"2.5.29.31":         (*Extensions).readDistributionPoints,
	"2.5.29.32":         func(*Extensions, cryptobyte.String) bool { return true }, // policies restrict nothing where none is asked for
	"2.5.29.35":         (*Extensions).readAuthorityKey,
	"2.5.29.37":         (*Extensions).readPurposes,
	"1.3.6.1.5.5.7.1.1": (*Extensions).readInformationAccess,
}

// maxExtensions bounds their number; certificates of TPMs and their CAs have up to
// twelve.
const maxExtensions = 64

// read reads what stands after the key in a TBSCertificate.
func (e *Extensions) read(tbs cryptobyte.String) error {
	unreadable := errors.New("its extensions cannot be read")
	e.PathLength = -1
	var list, explicit cryptobyte.String
	var present bool
	issuerUniqueID, subjectUniqueID := asn1.Tag(1).ContextSpecific(), asn1.Tag(2).ContextSpecific()
	if !tbs.SkipOptionalASN1(issuerUniqueID) || !tbs.SkipOptionalASN1(subjectUniqueID) ||
		!tbs.ReadOptionalASN1(&explicit, &present, contextTag(3)) || !tbs.Empty() ||
		present && (!explicit.ReadASN1(&list, asn1.SEQUENCE) || !explicit.Empty()) {
		return unreadable
	}
	seen := map[string]bool{}
	for !list.Empty() {
		id, critical, value, ok := readExtension(&list)
		switch {
		case !ok || len(seen) == maxExtensions:
			return unreadable
		case seen[id]:
			return fmt.Errorf("its extension %s is there twice", text.Printable(id, maxShown))
		}
		seen[id] = true
		handle, known := handlers[id]
		switch {
		case known && !handle(e, value):
			return fmt.Errorf("its extension %s cannot be read", id)
		case !known && critical:
			e.UnknownCritical = append(e.UnknownCritical, text.Printable(id, maxShown))
		}
	}
	return nil
}

func readExtension(list *cryptobyte.String) (id string, critical bool, value cryptobyte.String, ok bool) {
	var extension cryptobyte.String
	var oid encoding.ObjectIdentifier
	ok = list.ReadASN1(&extension, asn1.SEQUENCE) && extension.ReadASN1ObjectIdentifier(&oid) &&
		(!extension.PeekASN1Tag(asn1.BOOLEAN) || readBoolean(&extension, &critical)) &&
		extension.ReadASN1(&value, asn1.OCTET_STRING) && extension.Empty()
	return oid.String(), critical, value, ok
}

// readBoolean accepts for true any octet but zero, as BER has it.
func readBoolean(s *cryptobyte.String, b *bool) bool {
	var octet cryptobyte.String
	if !s.ReadASN1(&octet, asn1.BOOLEAN) || len(octet) != 1 {
		return false
	}
	*b = octet[0] != 0
	return true
}

func (e *Extensions) readBasicConstraints(value cryptobyte.String) bool {
	var content cryptobyte.String
	if !value.ReadASN1(&content, asn1.SEQUENCE) || !value.Empty() {
		return false
	}
	e.Constrained = true
	if content.PeekASN1Tag(asn1.BOOLEAN) && !readBoolean(&content, &e.CA) {
		return false
	}
	if content.PeekASN1Tag(asn1.INTEGER) && (!content.ReadASN1Integer(&e.PathLength) || e.PathLength < 0) {
		return false
	}
	return content.Empty()
}

func (e *Extensions) readUsage(value cryptobyte.String) bool {
	var bits encoding.BitString
	if !value.ReadASN1BitString(&bits) || !value.Empty() {
		return false
	}
	e.HasUsage = true
	for i := range 9 {
		e.Usage |= KeyUsage(bits.At(i)) << i
	}
	return true
}

func (e *Extensions) readPurposes(value cryptobyte.String) bool {
	var list cryptobyte.String
	if !value.ReadASN1(&list, asn1.SEQUENCE) || !value.Empty() {
		return false
	}
	for !list.Empty() {
		var id encoding.ObjectIdentifier
		if !list.ReadASN1ObjectIdentifier(&id) {
			return false
		}
		e.Purposes = append(e.Purposes, id)
	}
	return true
}

func (e *Extensions) readSubjectKey(value cryptobyte.String) bool {
	var id cryptobyte.String
	if !value.ReadASN1(&id, asn1.OCTET_STRING) || !value.Empty() {
		return false
	}
	e.SubjectKey = bytes.Clone(id)
	return true
}

// readAuthorityKey reads the key's identifier alone. Issuer and serial number, which
// may stand beside it, are not needed: names and signatures decide.
func (e *Extensions) readAuthorityKey(value cryptobyte.String) bool {
	var content, id cryptobyte.String
	var present bool
	if !value.ReadASN1(&content, asn1.SEQUENCE) || !value.Empty() ||
		!content.ReadOptionalASN1(&id, &present, asn1.Tag(0).ContextSpecific()) {
		return false
	}
	e.AuthorityKey = bytes.Clone(id)
	return true
}

var oidCAIssuers = encoding.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 48, 2}

func (e *Extensions) readInformationAccess(value cryptobyte.String) bool {
	var list cryptobyte.String
	if !value.ReadASN1(&list, asn1.SEQUENCE) || !value.Empty() {
		return false
	}
	for !list.Empty() {
		var one, location cryptobyte.String
		var method encoding.ObjectIdentifier
		var tag asn1.Tag
		if !list.ReadASN1(&one, asn1.SEQUENCE) || !one.ReadASN1ObjectIdentifier(&method) || !one.ReadAnyASN1(&location, &tag) {
			return false
		}
		if address, ok := webAddress(tag, location); ok && method.Equal(oidCAIssuers) {
			e.IssuerURLs = append(e.IssuerURLs, address)
		}
	}
	return true
}

// webAddress is a GeneralName that is a web address.
func webAddress(tag asn1.Tag, value []byte) (string, bool) {
	const longest = 500
	uri := asn1.Tag(6).ContextSpecific()
	if tag != uri || len(value) > longest {
		return "", false
	}
	u, err := url.Parse(string(value))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
		return "", false
	}
	return text.Printable(u.String(), longest), true
}

// Permits: the certificate names this purpose, or none at all.
func (e *Extensions) Permits(purpose encoding.ObjectIdentifier) bool {
	return len(e.Purposes) == 0 || slices.ContainsFunc(e.Purposes, func(id encoding.ObjectIdentifier) bool {
		return id.Equal(purpose) || id.Equal(purposeAny)
	})
}

// ForAttestationOnly: the certificate is for attestation keys and not for
// endorsement keys.
func (e *Extensions) ForAttestationOnly() bool {
	return len(e.Purposes) > 0 && e.Permits(PurposeAIK) && !e.Permits(PurposeEK)
}
