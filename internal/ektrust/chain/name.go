package chain

import (
	"crypto/x509/pkix"
	encoding "encoding/asn1"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"tpmdps/internal/text"
)

// maxShown bounds what is shown of a name.
const maxShown = 200

// Name is a distinguished name. Two are equal as RFC 5280, 7.1 has it: whatever kind
// of string a value is written in, in capitals or not, with one blank or more
// between its words. ST's roots are PrintableString where what they signed has
// UTF8String.
type Name struct {
	canonical string
	shown     string
}

// Equal compares two names.
func (n Name) Equal(other Name) bool { return n.canonical == other.canonical }

// Empty is a name without any part, as endorsement keys have for subject.
func (n Name) Empty() bool { return n.canonical == "" }

// String is the name as RFC 2253 writes it, fit for a terminal.
func (n Name) String() string { return n.shown }

func readName(s *cryptobyte.String) (Name, error) {
	unreadable := errors.New("it cannot be read")
	var content cryptobyte.String
	if !s.ReadASN1(&content, asn1.SEQUENCE) {
		return Name{}, unreadable
	}
	var canonical []byte
	var shown pkix.RDNSequence
	for !content.Empty() {
		var set cryptobyte.String
		if !content.ReadASN1(&set, asn1.SET) || set.Empty() {
			return Name{}, unreadable
		}
		var parts []string
		var rdn pkix.RelativeDistinguishedNameSET
		for !set.Empty() {
			part, attribute, ok := readAttribute(&set)
			if !ok {
				return Name{}, unreadable
			}
			parts, rdn = append(parts, part), append(rdn, attribute)
		}
		slices.Sort(parts) // a set has no order
		canonical = binary.BigEndian.AppendUint32(canonical, uint32(len(parts)))
		for _, part := range parts {
			canonical = append(binary.BigEndian.AppendUint32(canonical, uint32(len(part))), part...)
		}
		shown = append(shown, rdn)
	}
	return Name{string(canonical), text.Printable(shown.String(), maxShown)}, nil
}

// readAttribute reads one attribute: as it is compared, and as it is shown.
func readAttribute(set *cryptobyte.String) (string, pkix.AttributeTypeAndValue, bool) {
	var attribute, value cryptobyte.String
	var id encoding.ObjectIdentifier
	var tag asn1.Tag
	if !set.ReadASN1(&attribute, asn1.SEQUENCE) || !attribute.ReadASN1ObjectIdentifier(&id) ||
		!attribute.ReadAnyASN1(&value, &tag) || !attribute.Empty() {
		return "", pkix.AttributeTypeAndValue{}, false
	}
	plain, isText := stringValue(tag, value)
	if !isText {
		return id.String() + "\x00" + string(rune(tag)) + string(value), pkix.AttributeTypeAndValue{Type: id, Value: "?"}, true
	}
	folded := strings.ToLower(strings.ToUpper(strings.Join(strings.Fields(plain), " ")))
	return id.String() + "\x01" + folded, pkix.AttributeTypeAndValue{Type: id, Value: plain}, true
}

// Kinds of strings that cryptobyte has no name for.
const (
	numericString   = asn1.Tag(18)
	visibleString   = asn1.Tag(26)
	universalString = asn1.Tag(28)
	bmpString       = asn1.Tag(30)
)

// stringValue decodes any kind of string that names have. TeletexString is read as
// Latin-1, which is what issuers put there.
func stringValue(tag asn1.Tag, value []byte) (string, bool) {
	switch tag {
	case asn1.PrintableString, asn1.IA5String, numericString, visibleString, asn1.UTF8String:
		return strings.ToValidUTF8(string(value), "\ufffd"), true
	case asn1.T61String:
		runes := make([]rune, len(value))
		for i, octet := range value {
			runes[i] = rune(octet)
		}
		return string(runes), true
	case bmpString:
		units := make([]uint16, len(value)/2)
		for i := range units {
			units[i] = binary.BigEndian.Uint16(value[2*i:])
		}
		return string(utf16.Decode(units)), len(value)%2 == 0
	case universalString:
		var b strings.Builder
		for i := 0; i+4 <= len(value); i += 4 {
			r := rune(binary.BigEndian.Uint32(value[i:]))
			if !utf8.ValidRune(r) {
				return "", false
			}
			b.WriteRune(r)
		}
		return b.String(), len(value)%4 == 0
	}
	return "", false
}
