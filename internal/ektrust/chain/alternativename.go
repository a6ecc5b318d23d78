package chain

import (
	encoding "encoding/asn1"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"tpmdps/internal/identity"
	"tpmdps/internal/text"
)

// Attributes of the chip in the directory name: TCG EK Credential Profile 2.5, 3.1.2.
var (
	oidManufacturer = encoding.ObjectIdentifier{2, 23, 133, 2, 1}
	oidModel        = encoding.ObjectIdentifier{2, 23, 133, 2, 2}
	oidVersion      = encoding.ObjectIdentifier{2, 23, 133, 2, 3}
)

// readAlternativeName reads the subject's alternative name, which is critical in
// certificates of endorsement keys since their subject is empty.
func (e *Extensions) readAlternativeName(value cryptobyte.String) bool {
	var list cryptobyte.String
	if !value.ReadASN1(&list, asn1.SEQUENCE) || !value.Empty() {
		return false
	}
	for !list.Empty() {
		var one, name cryptobyte.String
		var tag asn1.Tag
		if !list.ReadAnyASN1(&one, &tag) {
			return false
		}
		if tag != contextTag(4) {
			continue
		}
		if !one.ReadASN1(&name, asn1.SEQUENCE) || !one.Empty() || !e.readDirectoryName(name) {
			return false
		}
	}
	return true
}

func (e *Extensions) readDirectoryName(name cryptobyte.String) bool {
	const longest = 64
	for !name.Empty() {
		var set cryptobyte.String
		if !name.ReadASN1(&set, asn1.SET) {
			return false
		}
		for !set.Empty() {
			_, attribute, ok := readAttribute(&set)
			if !ok {
				return false
			}
			value := text.Printable(attribute.Value.(string), longest)
			switch {
			case attribute.Type.Equal(oidManufacturer):
				e.Manufacturer = identity.VendorID(value)
			case attribute.Type.Equal(oidModel):
				e.Model = value
			case attribute.Type.Equal(oidVersion):
				e.TPMVersion = value
			}
		}
	}
	return true
}

// readDistributionPoints reads the web addresses of lists of revoked certificates:
// RFC 5280, 4.2.1.13. Anything else in it is not needed.
func (e *Extensions) readDistributionPoints(value cryptobyte.String) bool {
	var list cryptobyte.String
	if !value.ReadASN1(&list, asn1.SEQUENCE) || !value.Empty() {
		return false
	}
	for !list.Empty() {
		var point, where, full cryptobyte.String
		var named, whole bool
		if !list.ReadASN1(&point, asn1.SEQUENCE) || !point.ReadOptionalASN1(&where, &named, contextTag(0)) ||
			named && !where.ReadOptionalASN1(&full, &whole, contextTag(0)) {
			return false
		}
		for !full.Empty() {
			var name cryptobyte.String
			var tag asn1.Tag
			if !full.ReadAnyASN1(&name, &tag) {
				return false
			}
			if address, ok := webAddress(tag, name); ok {
				e.CRLURLs = append(e.CRLURLs, address)
			}
		}
	}
	return true
}
