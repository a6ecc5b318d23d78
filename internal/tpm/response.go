package tpm

import (
	"fmt"
	"slices"
	"strings"

	"github.com/google/go-tpm/tpm2"
)

// ResponseError is a command that was answered with a code instead of a result.
// Every error of a refusal has one in it, for errors.As; it wraps one of this
// package's sentinels.
type ResponseError struct {
	// Code is what was answered, without the layer of a resource manager: a
	// response code (TPM 2.0 Part 2, 6.6), or a code of the software around the
	// chip, with its layer.
	Code uint32
	// Original is the code as it arrived.
	Original uint32
	// Command is what was refused, as the specification calls it without TPM2_:
	// "Import".
	Command string

	sentinel error
	rc       error // go-tpm's word for a code of the chip
	text     string
}

// Error says what the answer means, in the specification's words, and the code.
func (e *ResponseError) Error() string { return e.text }

// Unwrap returns the sentinel, and the code as go-tpm has it.
func (e *ResponseError) Unwrap() []error {
	if e.rc == nil {
		return []error{e.sentinel}
	}
	return []error{e.sentinel, e.rc}
}

// MayMeanOtherChip tells whether chips use the code for a key that was wrapped for
// another chip, too: what there is to do about that is wrong where no key from
// the service was handed to the chip.
func (e *ResponseError) MayMeanOtherChip() bool {
	return e.rc != nil && slices.ContainsFunc(otherChipCodes, func(rc tpm2.TPMRC) bool { return tpm2.TPMRC(e.Code).Is(rc) })
}

// errTPM12 is for the answer of a TPM 1.2, whose code is always the same.
func errTPM12() error {
	return &ResponseError{Code: badTag, Original: badTag, sentinel: ErrUnsupported, text: ErrUnsupported.Error() + ": it is a TPM 1.2"}
}

// codeText is a code of the chip in words: its name, the number as it arrived,
// and what the specification says about it, which may be long.
func codeText(code, original uint32) string {
	name, means, _ := strings.Cut(tpm2.TPMRC(code).Error(), ": ")
	name = strings.Replace(name, " RC_FMT1", "", 1)
	for _, none := range []string{" (handle 0)", " (parameter 0)", " (session 0)"} {
		name = strings.Replace(name, none, "", 1)
	}
	text := fmt.Sprintf("%s (%#x)", name, original)
	if means != "" {
		text += ": " + means
	}
	return text
}

// responseError gives a code its meaning; original is the same as it arrived.
func (d *Device) responseError(rc tpm2.TPMRC, original uint32, command string) *ResponseError {
	e := &ResponseError{Code: uint32(rc), Original: original, Command: command}
	if base, ok := stackCode(e.Code); ok {
		var text string
		text, e.sentinel = stackError(base)
		e.text = fmt.Sprintf("%v: %s (%#x)", e.sentinel, text, original)
		return e
	}
	e.rc, e.sentinel = rc, meaning(rc)
	explicit := rc.Is(tpm2.TPMRCCommandCode) || rc.Is(tpm2.TPMRCDisabled) // in so many words
	switch words := codeText(e.Code, original); {
	case e.sentinel == ErrAuth:
		e.sentinel = d.authError(rc)
		e.text = fmt.Sprintf("%v: %s", e.sentinel, words)
	case e.sentinel == ErrLockout:
		e.text = fmt.Sprintf("%v%s: %s", e.sentinel, d.lockoutDetail(), words)
	case e.sentinel == ErrUnsupported && !explicit && d.refusesSession(rc):
		e.sentinel = ErrNoEncryption
		e.text = fmt.Sprintf("%v: %s", e.sentinel, words)
	case e.sentinel == ErrUnsupported && !explicit:
		e.text = fmt.Sprintf("the TPM refuses TPM2_%s: %s", command, words)
	default:
		e.text = fmt.Sprintf("%v: %s", e.sentinel, words)
	}
	return e
}
