package identity

import (
	"bytes"
	"crypto/x509/pkix"
	encoding "encoding/asn1"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"
	"unicode/utf16"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"tpmdps/internal/text"
)

// publicKey is an RSA key, both numbers without leading zeros. It is empty for
// a key of another kind.
type publicKey struct{ modulus, exponent []byte }

// What is shown of a text in a certificate.
const (
	maxIssuer = 200
	maxWord   = 64
)

// The object identifiers that are looked for: RFC 4055 for the two kinds of RSA
// keys (Infineon certified theirs for OAEP), RFC 5480 for ECC, RFC 5280 for the
// subject's alternative name, TCG EK Credential Profile 2.5, 3.1.2 for the rest.
var (
	oidRSA     = encoding.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}
	oidRSAOAEP = encoding.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 7}
	oidECC     = encoding.ObjectIdentifier{1, 2, 840, 10045, 2, 1}
	oidSAN     = encoding.ObjectIdentifier{2, 5, 29, 17}

	oidTPMManufacturer = encoding.ObjectIdentifier{2, 23, 133, 2, 1}
	oidTPMModel        = encoding.ObjectIdentifier{2, 23, 133, 2, 2}
	oidTPMVersion      = encoding.ObjectIdentifier{2, 23, 133, 2, 3}
)

var curves = map[string]string{
	"1.2.840.10045.3.1.7": "P-256", "1.3.132.0.34": "P-384", "1.3.132.0.35": "P-521", "1.2.156.10197.1.301": "SM2",
}

// read takes the facts from a certificate: RFC 5280, 4.1. The signature is not
// looked at, and neither is anything that no fact depends on.
func (c *EKCertificate) read(der cryptobyte.String) error {
	var certificate, tbs, serial, issuer, validity, subject, key cryptobyte.String
	switch {
	case !der.ReadASN1(&certificate, asn1.SEQUENCE) || !certificate.ReadASN1(&tbs, asn1.SEQUENCE),
		!certificate.SkipASN1(asn1.SEQUENCE) || !certificate.SkipASN1(asn1.BIT_STRING):
		return errors.New("it is not a certificate")
	case !tbs.SkipOptionalASN1(contextTag(0)):
		return errors.New("its version cannot be read")
	case !tbs.ReadASN1(&serial, asn1.INTEGER):
		return errors.New("its serial number cannot be read")
	case !tbs.SkipASN1(asn1.SEQUENCE) || !tbs.ReadASN1(&issuer, asn1.SEQUENCE):
		return errors.New("its issuer cannot be read")
	case !tbs.ReadASN1(&validity, asn1.SEQUENCE):
		return errors.New("its validity cannot be read")
	case !tbs.ReadASN1(&subject, asn1.SEQUENCE) || !tbs.ReadASN1(&key, asn1.SEQUENCE):
		return errors.New("its key cannot be read")
	}
	names, err := readName(issuer)
	if err != nil {
		return fmt.Errorf("its issuer: %w", err)
	}
	f := &c.facts
	f.Issuer = text.Printable(names.String(), maxIssuer)
	f.Serial = hex.EncodeToString(withoutZeros(serial))
	if f.NotBefore, err = readTime(&validity); err == nil {
		f.NotAfter, err = readTime(&validity)
	}
	if err != nil {
		return err
	}
	if f.KeyAlgorithm, c.key, err = readKey(key); err != nil {
		return err
	}
	return f.readExtensions(tbs)
}

// contextTag is the tag [n] of something constructed.
func contextTag(n uint8) asn1.Tag { return asn1.Tag(n).Constructed().ContextSpecific() }

// withoutZeros is a number's octets without needless ones; zero keeps one.
func withoutZeros(number []byte) []byte {
	trimmed := bytes.TrimLeft(number, "\x00")
	if len(trimmed) == 0 && len(number) > 0 {
		return number[:1]
	}
	return trimmed
}

// readTime reads UTCTime or GeneralizedTime. Only years that RFC 3339 can write
// pass, which a time zone can leave.
func readTime(s *cryptobyte.String) (time.Time, error) {
	var t time.Time
	read := s.ReadASN1GeneralizedTime
	if s.PeekASN1Tag(asn1.UTCTime) {
		read = s.ReadASN1UTCTime
	}
	if !read(&t) {
		return t, errors.New("its validity cannot be read")
	}
	t = t.UTC()
	if y := t.Year(); y < 1 || y > 9999 {
		return t, fmt.Errorf("its validity names the year %d", y)
	}
	return t, nil
}

// readKey reads a SubjectPublicKeyInfo's content.
func readKey(info cryptobyte.String) (string, publicKey, error) {
	var algorithm, bits cryptobyte.String
	var kind encoding.ObjectIdentifier
	var unused uint8
	if !info.ReadASN1(&algorithm, asn1.SEQUENCE) || !algorithm.ReadASN1ObjectIdentifier(&kind) ||
		!info.ReadASN1(&bits, asn1.BIT_STRING) || !bits.ReadUint8(&unused) || unused != 0 {
		return "", publicKey{}, errors.New("its key cannot be read")
	}
	switch {
	case kind.Equal(oidRSA) || kind.Equal(oidRSAOAEP):
		var numbers, modulus, exponent cryptobyte.String
		if !bits.ReadASN1(&numbers, asn1.SEQUENCE) || !numbers.ReadASN1(&modulus, asn1.INTEGER) || !numbers.ReadASN1(&exponent, asn1.INTEGER) {
			return "", publicKey{}, errors.New("its RSA key cannot be read")
		}
		k := publicKey{withoutZeros(modulus), withoutZeros(exponent)}
		return fmt.Sprintf("RSA %d", new(big.Int).SetBytes(k.modulus).BitLen()), k, nil
	case kind.Equal(oidECC):
		var curve encoding.ObjectIdentifier
		if !algorithm.ReadASN1ObjectIdentifier(&curve) {
			return "ECC", publicKey{}, nil
		}
		if name, ok := curves[curve.String()]; ok {
			return "ECC " + name, publicKey{}, nil
		}
		return text.Printable("ECC "+curve.String(), maxWord), publicKey{}, nil
	}
	return text.Printable(kind.String(), maxWord), publicKey{}, nil
}

// readExtensions looks for the chip's maker, model and version: they stand as a
// directory name in the subject's alternative name, which is critical since the
// subject itself is empty. A certificate without it has no such facts.
func (f *EKCertificateFacts) readExtensions(tbs cryptobyte.String) error {
	var list, explicit cryptobyte.String
	var present bool
	issuerUniqueID, subjectUniqueID := asn1.Tag(1).ContextSpecific(), asn1.Tag(2).ContextSpecific()
	if !tbs.SkipOptionalASN1(issuerUniqueID) || !tbs.SkipOptionalASN1(subjectUniqueID) ||
		!tbs.ReadOptionalASN1(&explicit, &present, contextTag(3)) || present && !explicit.ReadASN1(&list, asn1.SEQUENCE) {
		return errors.New("its extensions cannot be read")
	}
	for !list.Empty() {
		var extension, value cryptobyte.String
		var id encoding.ObjectIdentifier
		if !list.ReadASN1(&extension, asn1.SEQUENCE) || !extension.ReadASN1ObjectIdentifier(&id) ||
			!extension.SkipOptionalASN1(asn1.BOOLEAN) || !extension.ReadASN1(&value, asn1.OCTET_STRING) {
			return errors.New("its extensions cannot be read")
		}
		if id.Equal(oidSAN) {
			if err := f.readAlternativeNames(value); err != nil {
				return fmt.Errorf("its alternative name: %w", err)
			}
		}
	}
	return nil
}

func (f *EKCertificateFacts) readAlternativeNames(value cryptobyte.String) error {
	directoryName := contextTag(4)
	var list cryptobyte.String
	if !value.ReadASN1(&list, asn1.SEQUENCE) {
		return errors.New("it cannot be read")
	}
	for !list.Empty() {
		var one, name cryptobyte.String
		var tag asn1.Tag
		if !list.ReadAnyASN1(&one, &tag) || tag == directoryName && !one.ReadASN1(&name, asn1.SEQUENCE) {
			return errors.New("it cannot be read")
		}
		if tag != directoryName {
			continue
		}
		rdns, err := readName(name)
		if err != nil {
			return err
		}
		for _, set := range rdns {
			for _, attribute := range set {
				f.setTPM(attribute)
			}
		}
	}
	return nil
}

func (f *EKCertificateFacts) setTPM(attribute pkix.AttributeTypeAndValue) {
	text := text.Printable(attribute.Value.(string), maxWord) // readName makes strings only
	switch {
	case attribute.Type.Equal(oidTPMManufacturer):
		f.TPMManufacturer = VendorID(text)
	case attribute.Type.Equal(oidTPMModel):
		f.TPMModel = text
	case attribute.Type.Equal(oidTPMVersion):
		f.TPMVersion = text
	}
}

// VendorID decodes "id:49424D00" to "IBM": TCG Vendor ID Registry, as
// TPM_PT_MANUFACTURER has it. What is not of this form stays as it is.
func VendorID(text string) string {
	digits, found := strings.CutPrefix(text, "id:")
	id, err := hex.DecodeString(digits)
	if !found || err != nil || len(id) != 4 {
		return text
	}
	word := strings.TrimSpace(strings.TrimRight(string(id), "\x00"))
	if word == "" || strings.Trim(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 ") != "" {
		return text
	}
	return word
}

// readName reads a Name's content. It is more lenient than encoding/asn1, which
// refuses a character that its kind of string does not have, and sets that are
// not in order: for a name that is only shown, neither matters.
func readName(s cryptobyte.String) (pkix.RDNSequence, error) {
	var name pkix.RDNSequence
	for !s.Empty() {
		var set cryptobyte.String
		if !s.ReadASN1(&set, asn1.SET) {
			return nil, errors.New("it cannot be read")
		}
		var rdn pkix.RelativeDistinguishedNameSET
		for !set.Empty() {
			var attribute, value cryptobyte.String
			var id encoding.ObjectIdentifier
			var tag asn1.Tag
			if !set.ReadASN1(&attribute, asn1.SEQUENCE) || !attribute.ReadASN1ObjectIdentifier(&id) || !attribute.ReadAnyASN1(&value, &tag) {
				return nil, errors.New("it cannot be read")
			}
			rdn = append(rdn, pkix.AttributeTypeAndValue{Type: id, Value: nameText(tag, value)})
		}
		name = append(name, rdn)
	}
	return name, nil
}

// nameText reads any of the kinds of strings that names are made of. BMPString
// has two octets a character; the others are read as UTF-8, which is right for
// all that occur.
func nameText(tag asn1.Tag, value []byte) string {
	const bmpString = asn1.Tag(30)
	if tag != bmpString {
		return strings.ToValidUTF8(string(value), "?")
	}
	units := make([]uint16, len(value)/2)
	for i := range units {
		units[i] = uint16(value[2*i])<<8 | uint16(value[2*i+1])
	}
	return string(utf16.Decode(units))
}
