package identity

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
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
// tools. An enrollment with one of them is a pasted example, and anyone who knows
// the matching simulator can pose as the machine.
var publicSamples = map[string]string{
	"9232c2fa4b5c604e39fcb33bff357af2c1fd4652bb0bf47dc0368a1a63f4a841": "the C, C# and Node SDKs' samples",
	"9fa7a11bb56e6428fe78ef3c74fc5f6000c518c414e02ba84287b7fcf4355b5c": "the tests of the az command's IoT extension",
	"c76c8a944842848256ad905ea3e4403d99c11e99bfabc3b60d5c0b2d9525f46e": "the Node SDK's end-to-end test",
}

// ErrSample marks the [FormatError] of an EK that is a public sample.
var ErrSample = errors.New("public sample key")

// FormatError says what it is that was given for an endorsement key.
type FormatError struct {
	// Is names what was recognised, such as "a TPMT_PUBLIC without its size".
	Is string
	// Differs lists the fields of a TPM's key that are not those of the TCG's L-1
	// template, with both values, such as "its size is 3072 bits instead of 2048
	// bits"; empty for what is not a TPM's key, or is the right one in another
	// form.
	Differs string
	// Convert is the same key in the form that DPS accepts (base64 of the
	// TPM2B_PUBLIC), where that follows without a guess; otherwise empty.
	Convert string
	// Advice says what to do.
	Advice string

	cause error
	// cut: more, or fewer, bytes than a key has. Only who knows the text that the
	// bytes were can say how many characters that is.
	cut bool
	// unknown: these bytes tell nothing.
	unknown bool
}

// Unwrap returns [ErrSample] for a public sample, and nil otherwise.
func (e *FormatError) Unwrap() error { return e.cause }

// Error says what it is and what was expected.
func (e *FormatError) Error() string {
	text := "the endorsement key is " + e.Is
	switch {
	case e.cause != nil:
		return text + ", not a machine's own"
	case e.Differs != "":
		return text + ": " + e.Differs + "; DPS and its clients use keys of the L-1 template only"
	}
	return text + "; DPS accepts the base64 of an RSA 2048 key of the TCG's L-1 template, which begins with AToA"
}

const (
	readAgain = "read it from the chip with: tpmdps read-ek"
	copyWhole = "copy it whole, or " + readAgain
)

// CheckEndorsementKey is the one judge of whether DPS and its clients can use a
// key: the bytes have to be the TPM2B_PUBLIC of an RSA 2048 EK of the TCG L-1
// kind. Otherwise it returns a [*FormatError], which names the fields of a TPM's
// key that differ; also for a well-known public sample.
func CheckEndorsementKey(ek []byte) error {
	if !isL1(ek) {
		return recognise(ek)
	}
	modulus := ek[len(ekPrefix):]
	if modulus[0]&0x80 == 0 || modulus[len(modulus)-1]&1 == 0 {
		return &FormatError{Is: "not an RSA 2048 key: its modulus is too short or even", Advice: readAgain}
	}
	if where, ok := publicSamples[hexSum(ek)]; ok {
		return &FormatError{Is: "a public sample from " + where, Advice: readAgain, cause: ErrSample}
	}
	return nil
}

// isL1 tells whether everything but the modulus is that of the L-1 template.
func isL1(ek []byte) bool { return len(ek) == ekSize && bytes.HasPrefix(ek, ekPrefix) }

func hexSum(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// converted is the error for the right key in another form, with the key as DPS
// accepts it; or what is wrong with that key.
func converted(ek []byte, is, advice string) error {
	if err := CheckEndorsementKey(ek); err != nil {
		return err
	}
	return &FormatError{Is: is, Convert: base64.StdEncoding.EncodeToString(ek), Advice: advice}
}

// recognise names bytes that are not an L-1 TPM2B_PUBLIC. Order matters: the more
// telling beginnings come first.
func recognise(b []byte) error {
	if p, ok := parsePublic(b); ok {
		return p.named()
	}
	if p, ok := parsePublicArea(b); ok {
		if whole := p.marshal(); p.differs() == "" {
			return converted(whole, "a TPMT_PUBLIC without its two-byte size", "put the two bytes 01 3a before it")
		}
		return p.named()
	}
	if err := blobError(b); err != nil {
		return err
	}
	switch {
	case len(b) > 4 && bytes.HasPrefix(b[2:], []byte{0x00, 0x23}), bytes.HasPrefix(b, []byte{0x00, 0x23, 0x00, 0x0b}):
		return &FormatError{Is: "an ECC key", Advice: "DPS accepts RSA 2048 endorsement keys only; " + readAgain}
	case len(b) > 20 && withoutHeader(b)[0] == 0x30: // an ASN.1 SEQUENCE
		return derError("DER", b)
	case bytes.HasPrefix(b, ekPrefix[:2]) && len(b) < ekSize, bytes.HasPrefix(ekPrefix, b):
		return &FormatError{Is: "cut short", Advice: copyWhole, cut: true}
	case bytes.HasPrefix(b, ekPrefix):
		return &FormatError{Is: "too long", Advice: "copy only the key", cut: true}
	case isModulus(b):
		return &FormatError{Is: "as long as the modulus of an RSA 2048 key, with nothing else of a key", Advice: readAgain}
	case len(b) == 284:
		return &FormatError{Is: "a storage root key by its size", Advice: readAgain}
	}
	return &FormatError{Is: "something else, not the public area of a TPM's key", Advice: readAgain, unknown: true}
}

// isModulus tells whether it can be the modulus of an RSA 2048 key and nothing else.
func isModulus(b []byte) bool {
	b = withoutZeros(b)
	return len(b) == ekSize-len(ekPrefix) && b[0]&0x80 != 0 && b[len(b)-1]&1 == 1
}

// named says what is wrong with a key of a TPM's.
func (p publicArea) named() error {
	const f4 = 65537
	if p.exponent == f4 {
		short := p
		short.exponent = 0
		if short.kind == algRSA && short.differs() == "" {
			return converted(short.marshal(), "a key with its exponent written out (65537 instead of 0, which means the same)",
				"some libraries write it so; the chip itself does not")
		}
	}
	e := &FormatError{Is: p.name(), Differs: p.differs(), Advice: readAgain}
	if p.kind == algECC {
		e.Is, e.Advice = p.name(), "DPS accepts RSA 2048 endorsement keys only; "+readAgain
	}
	return e
}
