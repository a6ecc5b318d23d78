package identity

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/big"
	"strings"

	"golang.org/x/crypto/cryptobyte"
)

// publicArea is what a TPMT_PUBLIC says (TPM 2.0 Part 2, 12.2.4), for keys of the
// kinds RSA and ECC. It is parsed by hand, since this package is under all others
// and knows no TPM library.
type publicArea struct {
	kind       uint16 // TPM_ALG_RSA or TPM_ALG_ECC
	nameHash   uint16
	attributes uint32
	policy     []byte
	cipher     symmetric
	scheme     uint16
	bits       uint16 // RSA
	exponent   uint32 // RSA; 0 means 65537
	curve      uint16 // ECC
	unique     []byte // RSA: the modulus
}

// symmetric is a TPMT_SYM_DEF_OBJECT: how a storage key protects its children.
type symmetric struct{ algorithm, bits, mode uint16 }

// Numbers of TPM 2.0 Part 2, 6.3 (TPM_ALG_ID).
const (
	algRSA     = 0x0001
	algKeyed   = 0x0008
	algSHA256  = 0x000b
	algNull    = 0x0010
	algECC     = 0x0023
	algSymmetr = 0x0025
)

var algorithms = map[uint16]string{
	algRSA: "RSA", 0x0004: "SHA-1", 0x0006: "AES", algKeyed: "a keyed hash", algSHA256: "SHA-256", 0x000c: "SHA-384", 0x000d: "SHA-512",
	algNull: "none", 0x0012: "SM3", 0x0013: "SM4", 0x0014: "RSASSA", 0x0015: "RSAES", 0x0016: "RSAPSS", 0x0017: "OAEP", 0x0018: "ECDSA",
	0x001a: "ECDAA", algECC: "ECC", algSymmetr: "a symmetric cipher", 0x0026: "Camellia", 0x0040: "CTR", 0x0041: "OFB", 0x0042: "CBC", 0x0043: "CFB", 0x0044: "ECB",
}

var tpmCurves = map[uint16]string{0x0003: "P-256", 0x0004: "P-384", 0x0005: "P-521", 0x0010: "BN P-256", 0x0020: "SM2"}

func algorithm(id uint16) string {
	if name, ok := algorithms[id]; ok {
		return name
	}
	return fmt.Sprintf("algorithm %#04x", id)
}

// Object attributes: TPM 2.0 Part 2, 8.3 (TPMA_OBJECT), in the order of their
// bits, as the specification spells them.
const (
	attrUserWithAuth = 1 << 6
	attrNoDA         = 1 << 10
	attrRestricted   = 1 << 16
	attrDecrypt      = 1 << 17
	attrSign         = 1 << 18
)

var attributeNames = []struct {
	bit  uint32
	name string
}{
	{1 << 1, "fixedTPM"}, {1 << 2, "stClear"}, {1 << 4, "fixedParent"}, {1 << 5, "sensitiveDataOrigin"}, {attrUserWithAuth, "userWithAuth"},
	{1 << 7, "adminWithPolicy"}, {1 << 8, "firmwareLimited"}, {1 << 9, "svnLimited"}, {attrNoDA, "noDA"}, {1 << 11, "encryptedDuplication"},
	{attrRestricted, "restricted"}, {attrDecrypt, "decrypt"}, {attrSign, "sign"}, {1 << 19, "x509sign"},
}

// highRangePolicy is PolicyB of the TCG EK Credential Profile 2.5, B.6.5, with
// SHA-256: PolicyOR of PolicySecret(TPM_RH_ENDORSEMENT), which is L-1's policy,
// and a policy of the owner's in NV.
const highRangePolicy = "ca3d0a99a2b93906f7a3342414efcfb3a385d44cd1fd459089d19b5071c0b7a0"

// l1 is the L-1 template itself, read from [ekPrefix].
var l1 = func() publicArea {
	p, ok := parsePublicArea(append(bytes.Clone(ekPrefix[2:]), make([]byte, 256)...))
	if !ok {
		panic("the L-1 template cannot be read")
	}
	return p
}()

// parsePublic reads a TPM2B_PUBLIC, whose size must be right.
func parsePublic(b []byte) (publicArea, bool) {
	if len(b) < 2 || int(binary.BigEndian.Uint16(b)) != len(b)-2 {
		return publicArea{}, false
	}
	return parsePublicArea(b[2:])
}

// parsePublicArea reads a whole TPMT_PUBLIC of an RSA or ECC key.
func parsePublicArea(b []byte) (p publicArea, ok bool) {
	s := cryptobyte.String(b)
	var policy, x, y cryptobyte.String
	if !s.ReadUint16(&p.kind) || p.kind != algRSA && p.kind != algECC || !s.ReadUint16(&p.nameHash) || !s.ReadUint32(&p.attributes) ||
		!s.ReadUint16LengthPrefixed(&policy) || !p.cipher.read(&s) || !readScheme(&s, &p.scheme) {
		return p, false
	}
	p.policy = policy
	if p.kind == algRSA {
		ok = s.ReadUint16(&p.bits) && s.ReadUint32(&p.exponent) && s.ReadUint16LengthPrefixed(&x)
	} else {
		var kdf uint16
		ok = s.ReadUint16(&p.curve) && readScheme(&s, &kdf) && s.ReadUint16LengthPrefixed(&x) && s.ReadUint16LengthPrefixed(&y)
	}
	p.unique = x
	return p, ok && s.Empty() && len(p.policy) <= 64
}

func (c *symmetric) read(s *cryptobyte.String) bool {
	if !s.ReadUint16(&c.algorithm) {
		return false
	}
	return c.algorithm == algNull || s.ReadUint16(&c.bits) && s.ReadUint16(&c.mode)
}

// readScheme reads a scheme and the hash that all but a few have.
func readScheme(s *cryptobyte.String, scheme *uint16) bool {
	const rsaes, ecdaa = 0x0015, 0x001a
	var hash, count uint16
	switch {
	case !s.ReadUint16(scheme):
		return false
	case *scheme == algNull || *scheme == rsaes:
		return true
	case *scheme == ecdaa:
		return s.ReadUint16(&hash) && s.ReadUint16(&count)
	}
	return s.ReadUint16(&hash)
}

func (c symmetric) String() string {
	if c.algorithm == algNull {
		return "no cipher"
	}
	text := fmt.Sprintf("%s-%d", algorithm(c.algorithm), c.bits)
	if c.mode != l1.cipher.mode {
		text += "-" + algorithm(c.mode)
	}
	return text
}

// marshal writes the TPM2B_PUBLIC of an RSA key.
func (p publicArea) marshal() []byte {
	var b []byte
	put := binary.BigEndian.AppendUint16
	b = put(put(b, p.kind), p.nameHash)
	b = binary.BigEndian.AppendUint32(b, p.attributes)
	b = append(put(b, uint16(len(p.policy))), p.policy...)
	if b = put(b, p.cipher.algorithm); p.cipher.algorithm != algNull {
		b = put(put(b, p.cipher.bits), p.cipher.mode)
	}
	b = put(put(b, p.scheme), p.bits)
	b = binary.BigEndian.AppendUint32(b, p.exponent)
	b = append(put(b, uint16(len(p.unique))), p.unique...)
	return append(put(nil, uint16(len(b))), b...)
}

// name says what kind of key it is, as a person would.
func (p publicArea) name() string {
	kind := fmt.Sprintf("RSA %d", p.bits)
	if p.kind == algECC {
		kind = fmt.Sprintf("ECC of curve %#04x", p.curve)
		if curve, ok := tpmCurves[p.curve]; ok {
			kind = "ECC " + curve
		}
	}
	has := func(bits uint32) bool { return p.attributes&bits == bits }
	switch {
	case has(attrRestricted|attrSign) && !has(attrDecrypt):
		return "an attestation key (" + kind + ")"
	case has(attrRestricted|attrDecrypt|attrUserWithAuth) && len(p.policy) == 0:
		return "a storage root key (" + kind + ")"
	case p.kind == algECC:
		return "an ECC key (" + kind + ")"
	}
	return "an " + kind + " key that is not a TCG L-1 endorsement key"
}

// differs lists the fields in which the key is not of the L-1 template, each with
// both values: "its type is ECC instead of RSA; …". It is empty for a key that is.
func (p publicArea) differs() string { return p.differsFrom(l1) }

// DiffersFrom lists the fields in which a TPM's key, a TPM2B_PUBLIC, is not of a
// template, with both values, such as "its cipher is AES-256 instead of AES-128"; ""
// for a key that is, and for bytes that cannot be read.
func DiffersFrom(public, template []byte) string {
	p, ok := parsePublic(public)
	want, wantOK := parsePublic(template)
	if !ok || !wantOK {
		return ""
	}
	return p.differsFrom(want)
}

func (p publicArea) differsFrom(want publicArea) string {
	if p.kind != want.kind {
		return fmt.Sprintf("its type is %s instead of %s", algorithm(p.kind), algorithm(want.kind))
	}
	var list []string
	field := func(name, is, wanted string) {
		if is != wanted {
			list = append(list, fmt.Sprintf("its %s is %s instead of %s", name, is, wanted))
		}
	}
	field("size", fmt.Sprintf("%d bits", p.bits), fmt.Sprintf("%d bits", want.bits))
	field("name algorithm", algorithm(p.nameHash), algorithm(want.nameHash))
	list = append(list, p.attributesDiffer(want)...)
	field("policy", p.policyName(), want.policyName())
	field("cipher", p.cipher.String(), want.cipher.String())
	field("scheme", algorithm(p.scheme), algorithm(want.scheme))
	field("exponent", p.exponentText(), want.exponentText())
	if p.bits == want.bits {
		field("modulus", fmt.Sprintf("%d bits long", new(big.Int).SetBytes(p.unique).BitLen()), "2048 bits long")
	}
	return strings.Join(list, "; ")
}

func (p publicArea) exponentText() string {
	if p.exponent == 0 {
		return "0 (which means 65537)"
	}
	return fmt.Sprint(p.exponent)
}

// attributesDiffer says which attributes are set and must not be, and the other
// way round.
func (p publicArea) attributesDiffer(want publicArea) []string {
	var list []string
	rest := p.attributes ^ want.attributes
	for _, a := range attributeNames {
		switch {
		case rest&a.bit == 0:
		case p.attributes&a.bit != 0:
			list = append(list, fmt.Sprintf("its attribute %s is set instead of clear", a.name))
		default:
			list = append(list, fmt.Sprintf("its attribute %s is clear instead of set", a.name))
		}
		rest &^= a.bit
	}
	if rest != 0 {
		list = append(list, fmt.Sprintf("its attributes are %#08x instead of %#08x", p.attributes, want.attributes))
	}
	return list
}

// policyName names the policies that the TCG's profile gives to endorsement keys.
func (p publicArea) policyName() string {
	switch text := fmt.Sprintf("%x", p.policy); text {
	case "":
		return "empty"
	case fmt.Sprintf("%x", ekPrefix[12:44]):
		return "the one of L-1 (PolicySecret of the endorsement hierarchy)"
	case highRangePolicy:
		return "the one of the high-range templates (H-1: PolicyOR of two policies)"
	default:
		return text[:min(len(text), 16)] + "…"
	}
}
