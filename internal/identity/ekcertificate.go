package identity

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// maxCertificate bounds what is looked at. EK certificates take 1 to 2 KiB, and
// chips store at most 2 KiB under one NV index.
const maxCertificate = 8 << 10

// EKCertificate is the certificate in which a chip's maker says that an
// endorsement key is one of its own. It was parsed, not verified: whether the
// maker really signed it is for a check against the makers' roots.
type EKCertificate struct {
	// DER is the certificate alone, without what chips store before and after.
	DER []byte
	// Form names how it was stored, where that was not as DER: "PEM", "base64",
	// "gzip", "Intel's JSON answer".
	Form string

	facts EKCertificateFacts
	key   publicKey
}

// EKCertificateFacts are what an EK certificate says. Nothing of it is proven;
// foreign text in it is fit for a terminal.
type EKCertificateFacts struct {
	// Issuer is the signer's name as RFC 2253 writes it: "CN=…,O=…,C=…".
	Issuer string `json:"issuer"`
	// Serial is the serial number, the octets of its encoding in hex without
	// leading zeros. It stands as the certificate has it: makers issued
	// negative ones, over-long ones, and ones with needless zeros.
	Serial string `json:"serial"`
	// NotBefore and NotAfter bound the validity. The year 9999 means no end.
	NotBefore time.Time `json:"not_before"`
	NotAfter  time.Time `json:"not_after"`
	// TPMManufacturer is the vendor ID registered with the TCG, such as "IFX".
	TPMManufacturer string `json:"tpm_manufacturer"`
	// TPMModel and TPMVersion are the vendor's own words, such as "SLB9670"
	// and "id:0755".
	TPMModel   string `json:"tpm_model"`
	TPMVersion string `json:"tpm_version"`
	// KeyAlgorithm names the certified key: "RSA 2048", "ECC P-384".
	KeyAlgorithm string `json:"key_algorithm"`
	// KeyMatches: the certified key is the endorsement key of the record.
	KeyMatches bool `json:"key_matches"`
}

// EKCertificateIndex names a place in the chip's NV memory where the TCG has a
// certificate stored, and something is.
type EKCertificateIndex struct {
	// Index is the NV index, such as "0x01c00002".
	Index string `json:"index"`
	// Key names the kind of EK that belongs there, such as "RSA 2048".
	Key string `json:"key"`
}

// ParseEKCertificate reads a certificate as chips store it: X.509 in DER, maybe
// after the header of the TCG's PC client specification, maybe followed by
// padding up to the size of its NV index. PEM, base64, gzip and Intel's JSON
// answer, which tools stored instead, are taken apart.
//
// It accepts what Go's own parser refuses and makers nevertheless issued (serial
// numbers above all), because it reads for facts and not for trust. The error
// says what the bytes are instead.
func ParseEKCertificate(raw []byte) (EKCertificate, error) {
	if len(raw) > maxCertificate {
		return EKCertificate{}, fmt.Errorf("it has %d bytes, %d at most", len(raw), maxCertificate)
	}
	if len(bytes.Trim(raw, "\x00\xff")) == 0 {
		return EKCertificate{}, errors.New("it is nothing but padding")
	}
	inner, form, err := stored(raw)
	if err != nil {
		return EKCertificate{}, err
	}
	content := cryptobyte.String(inner)
	var der cryptobyte.String
	if other := otherContent(inner); other != "" {
		return EKCertificate{}, fmt.Errorf("it is %s, not a certificate", other)
	}
	if !content.ReadASN1Element(&der, asn1.SEQUENCE) {
		return EKCertificate{}, errors.New("it is not a certificate, or cut short")
	}
	c := EKCertificate{DER: bytes.Clone(der), Form: form}
	if err := c.read(der); err != nil {
		return EKCertificate{}, err
	}
	return c, nil
}

// withoutHeader cuts what the TCG PC Client Implementation Specification (1.21,
// 7.3.2) puts before a certificate: the tag 0x1001, a type (0 for a whole
// certificate), two octets of size; and before some certificates the tag
// 0x1002. The size is not looked at: DER says where it ends.
func withoutHeader(raw []byte) []byte {
	const header = 5
	if len(raw) < header || !bytes.HasPrefix(raw, []byte{0x10, 0x01, 0x00}) {
		return raw
	}
	return bytes.TrimPrefix(raw[header:], []byte{0x10, 0x02})
}

// SplitCertificates takes apart the certificates of a chain, which chips store
// one after the other, over several NV indices when one is too small (TCG EK
// Credential Profile 2.5, 2.2.1.5.2). Padding between them is skipped, and what
// [ParseEKCertificate] takes apart is taken apart. Where something stands that is not
// a certificate it ends with an error, and what was found until there.
func SplitCertificates(raw []byte) ([][]byte, error) {
	var chain [][]byte
	for {
		raw = bytes.TrimLeft(raw, "\x00\xff")
		if len(raw) == 0 {
			return chain, nil
		}
		first, after, err := storedFirst(withoutHeader(raw))
		if err != nil {
			return chain, fmt.Errorf("number %d: %w", len(chain)+1, err)
		}
		rest := cryptobyte.String(first)
		var der cryptobyte.String
		if !rest.ReadASN1Element(&der, asn1.SEQUENCE) || len(der) > maxCertificate {
			return chain, fmt.Errorf("no certificate follows number %d", len(chain))
		}
		var c EKCertificate
		if err := c.read(der); err != nil {
			return chain, fmt.Errorf("number %d: %w", len(chain)+1, err)
		}
		chain = append(chain, bytes.Clone(der))
		raw = slices.Concat(rest, after)
	}
}

// Facts returns what the certificate says, compared with a key: a marshalled
// TPM2B_PUBLIC, which need not be an endorsement key that DPS can use. The keys
// are the same when modulus and exponent are, whatever the rest of the public
// area says.
func (c EKCertificate) Facts(ek []byte) EKCertificateFacts {
	facts := c.facts
	key, ok := rsaKey(ek)
	facts.KeyMatches = ok && len(c.key.modulus) > 0 &&
		bytes.Equal(c.key.modulus, key.modulus) && bytes.Equal(c.key.exponent, key.exponent)
	return facts
}

// RSANumbers takes modulus and exponent out of a marshalled TPM2B_PUBLIC of an RSA
// key, both without leading zeros. ok is false for anything else.
func RSANumbers(public []byte) (modulus, exponent []byte, ok bool) {
	key, ok := rsaKey(public)
	return key.modulus, key.exponent, ok
}

// rsaKey takes modulus and exponent out of a marshalled TPM2B_PUBLIC of an RSA
// key: TPM 2.0 Part 2, 12.2.
func rsaKey(public []byte) (publicKey, bool) {
	const rsa, null, xor, rsaes = 0x0001, 0x0010, 0x000a, 0x0015
	var area, policy, modulus cryptobyte.String
	var kind, nameAlg, symmetric, scheme, ignored, bits uint16
	var attributes, exponent uint32
	s := cryptobyte.String(public)
	if !s.ReadUint16LengthPrefixed(&area) || !s.Empty() || !area.ReadUint16(&kind) || kind != rsa ||
		!area.ReadUint16(&nameAlg) || !area.ReadUint32(&attributes) || !area.ReadUint16LengthPrefixed(&policy) ||
		!area.ReadUint16(&symmetric) {
		return publicKey{}, false
	}
	if symmetric != null && !area.ReadUint16(&ignored) || symmetric != null && symmetric != xor && !area.ReadUint16(&ignored) {
		return publicKey{}, false // bits and mode; xor has a hash only
	}
	if !area.ReadUint16(&scheme) || scheme != null && scheme != rsaes && !area.ReadUint16(&ignored) ||
		!area.ReadUint16(&bits) || !area.ReadUint32(&exponent) || !area.ReadUint16LengthPrefixed(&modulus) || !area.Empty() {
		return publicKey{}, false
	}
	if exponent == 0 {
		exponent = 65537
	}
	return publicKey{withoutZeros(modulus), withoutZeros(binary.BigEndian.AppendUint32(nil, exponent))}, true
}
