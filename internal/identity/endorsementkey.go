package identity

import (
	"bytes"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// ekSize is the size of a marshalled TPM2B_PUBLIC of an RSA 2048 EK, and
// ekPrefix the bytes before its modulus: TCG EK Credential Profile 2.5, template
// L-1. The fields are size, TPM_ALG_RSA, TPM_ALG_SHA256, the object attributes,
// the policy digest of PolicySecret(TPM_RH_ENDORSEMENT), AES-128-CFB, no
// scheme, 2048 bits, exponent 0 (which means 65537), and the modulus' size.
const ekSize = 316

var ekPrefix = func() []byte {
	b, err := hex.DecodeString("013a" + "0001" + "000b" + "000300b2" + "0020" +
		"837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa" +
		"0006" + "0080" + "0043" + "0010" + "0800" + "00000000" + "0100")
	if err != nil {
		panic(err)
	}
	return b
}()

// publicSamples are EKs that stand in the samples of SDKs and command-line
// tools. An enrollment with one of them is a pasted example, and whoever knows
// the matching simulator can pose as the machine.
var publicSamples = map[string]string{
	"9232c2fa4b5c604e39fcb33bff357af2c1fd4652bb0bf47dc0368a1a63f4a841": "the C, C# and Node SDKs' samples",
	"9fa7a11bb56e6428fe78ef3c74fc5f6000c518c414e02ba84287b7fcf4355b5c": "the tests of the az command's IoT extension",
	"c76c8a944842848256ad905ea3e4403d99c11e99bfabc3b60d5c0b2d9525f46e": "the Node SDK's end-to-end test",
}

// ErrSample marks the [FormatError] of an EK that is a public sample.
var ErrSample = errors.New("public sample key")

// FormatError says what a text is that was given for an endorsement key.
type FormatError struct {
	// Is names what was recognised, such as "a TPMT_PUBLIC without its size".
	Is string
	// Convert is the same key in the form that DPS takes (base64 of the
	// TPM2B_PUBLIC), where that follows without a guess; otherwise empty.
	Convert string
	// Advice says what to do.
	Advice string

	cause error
}

// Unwrap returns [ErrSample] for a public sample, and nil otherwise.
func (e *FormatError) Unwrap() error { return e.cause }

// Error says what it is and what was expected.
func (e *FormatError) Error() string {
	if e.cause != nil {
		return "the endorsement key is " + e.Is + ", no machine's own"
	}
	return "the endorsement key is " + e.Is + ", DPS takes the base64 of a 316-byte TPM2B_PUBLIC"
}

// maxEKText bounds what is looked at: a PEM certificate is under 4 KiB.
const maxEKText = 16 << 10

const readAgain = "read it from the chip with: tpmdps read-ek"

// ParseEndorsementKey reads an EK as DPS takes it: standard base64 of the
// marshalled TPM2B_PUBLIC. White space around and inside is forgiven. Anything
// else is a [*FormatError] that names what it is instead.
func ParseEndorsementKey(text string) ([]byte, error) {
	if len(text) > maxEKText {
		return nil, &FormatError{Is: fmt.Sprintf("%d characters long", len(text)), Advice: readAgain}
	}
	if block, _ := pem.Decode([]byte(text)); block != nil {
		return nil, derError("PEM ("+Printable(block.Type, 30)+")", block.Bytes)
	}
	compact := strings.Join(strings.Fields(text), "")
	switch {
	case compact == "":
		return nil, &FormatError{Is: "empty", Advice: readAgain}
	case strings.EqualFold(compact, "14963E8F3BA5B3984110B3C1CA8E8B89"):
		return nil, &FormatError{Is: "the placeholder from the az command's help", Advice: readAgain}
	}
	if b, err := hex.DecodeString(compact); err == nil && CheckEndorsementKey(b) == nil {
		return nil, &FormatError{Is: "in hex", Convert: base64.StdEncoding.EncodeToString(b), Advice: "give it as base64"}
	}
	raw, err := base64.StdEncoding.DecodeString(compact)
	if err != nil {
		if b, rawErr := base64.RawStdEncoding.DecodeString(compact); rawErr == nil && CheckEndorsementKey(b) == nil {
			return nil, &FormatError{Is: "base64 that lost the = at its end", Convert: base64.StdEncoding.EncodeToString(b), Advice: "copy it whole"}
		}
		return nil, &FormatError{Is: "not base64 (" + err.Error() + ")", Advice: "copy it whole, or " + readAgain}
	}
	if err := CheckEndorsementKey(raw); err != nil {
		return nil, err
	}
	return raw, nil
}

// CheckEndorsementKey checks the bytes of a TPM2B_PUBLIC: an RSA 2048 EK of the
// TCG L-1 kind, the only one that DPS and its clients can use. It returns a
// [*FormatError], also for a well-known public sample.
func CheckEndorsementKey(ek []byte) error {
	if len(ek) != ekSize || !bytes.HasPrefix(ek, ekPrefix) {
		return recognise(ek)
	}
	modulus := ek[len(ekPrefix):]
	if modulus[0]&0x80 == 0 || modulus[len(modulus)-1]&1 == 0 {
		return &FormatError{Is: "no RSA 2048 key: its modulus is too short or even", Advice: readAgain}
	}
	if where, ok := publicSamples[hexSum(ek)]; ok {
		return &FormatError{Is: "a public sample from " + where, Advice: readAgain, cause: ErrSample}
	}
	return nil
}

func hexSum(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// recognise names bytes that are no L-1 TPM2B_PUBLIC. Order matters: the more
// telling beginnings come first.
func recognise(b []byte) error {
	switch {
	case len(b) == ekSize-2 && bytes.HasPrefix(b, ekPrefix[2:]):
		whole := append(bytes.Clone(ekPrefix[:2]), b...)
		return &FormatError{Is: "a TPMT_PUBLIC without its two-byte size", Convert: base64.StdEncoding.EncodeToString(whole), Advice: "put the two bytes 01 3a before it"}
	case bytes.HasPrefix(b, []byte{0x3a, 0x01, 0, 0, 0x01, 0, 0x0b, 0}):
		return &FormatError{Is: "the little-endian memory dump of an old tpm2-tools (before 4)", Advice: readAgain}
	case len(b) > 4 && bytes.HasPrefix(b[2:], []byte{0x00, 0x23}), bytes.HasPrefix(b, []byte{0x00, 0x23, 0x00, 0x0b}):
		return &FormatError{Is: "an ECC key", Advice: "DPS takes RSA 2048 endorsement keys only; " + readAgain}
	case len(b) > 20 && b[0] == 0x30: // an ASN.1 SEQUENCE
		return derError("DER", b)
	case bytes.HasPrefix(b, ekPrefix[:2]) && len(b) < ekSize, bytes.HasPrefix(ekPrefix, b):
		return &FormatError{Is: fmt.Sprintf("cut short: %d bytes of %d", len(b), ekSize), Advice: "copy it whole, or " + readAgain}
	case bytes.HasPrefix(b, ekPrefix):
		return &FormatError{Is: fmt.Sprintf("too long: %d bytes instead of %d", len(b), ekSize), Advice: "copy only the key"}
	case len(b) == ekSize && bytes.HasPrefix(b[2:], []byte{0x00, 0x01, 0x00, 0x0b}):
		return &FormatError{Is: "an RSA key that is no TCG L-1 endorsement key (other attributes, policy or cipher)", Advice: readAgain}
	case len(b) == 284:
		return &FormatError{Is: "a storage root key by its size", Advice: readAgain}
	}
	return &FormatError{Is: fmt.Sprintf("%d bytes of something else", len(b)), Advice: readAgain}
}

// derError names a DER structure: a public key or a certificate, RSA or not.
func derError(form string, der []byte) error {
	what := "neither a public key nor a certificate"
	key, err := x509.ParsePKIXPublicKey(der)
	if err == nil {
		what = "a SubjectPublicKeyInfo"
	} else if cert, certErr := x509.ParseCertificate(der); certErr == nil {
		what, key = "an X.509 certificate", cert.PublicKey
	} else if pk, rsaErr := x509.ParsePKCS1PublicKey(der); rsaErr == nil {
		what, key = "a PKCS #1 public key", pk
	}
	e := &FormatError{Is: what + " in " + form, Advice: readAgain}
	if pub, ok := key.(*rsa.PublicKey); !ok && key != nil {
		e.Is += ", of an algorithm other than RSA"
	} else if ok && pub.N.BitLen() == 2048 && pub.E == 65537 {
		e.Advice = "it names the modulus only; " + readAgain + ", which gives the whole public area"
	}
	return e
}
