package tpm

import (
	"errors"
	"fmt"
	"strings"

	"github.com/google/go-tpm/tpm2"
)

// ErrAnswer: the chip's answer to a command cannot be used. Something stands
// between program and chip that changes answers, the bus loses bits, or the chip's
// firmware is at fault. Which command it was, [answerError] says.
var ErrAnswer = errors.New("the TPM's answer cannot be used")

// answerError is an answer that cannot be what a working chip says to the command.
// It is an [ErrAnswer].
type answerError struct {
	// command is what was answered, as the specification calls it without TPM2_.
	command string
	// why says what is wrong with the answer.
	why string
	// framing: the answer was not delivered as one whole message, so what comes
	// next on the connection cannot be told from the rest of it.
	framing bool

	lie bool // it can be read, and does not agree with what else the chip said
}

// Error names the command and what is wrong with its answer.
func (e *answerError) Error() string {
	if e.lie {
		return fmt.Sprintf("the chip's answer to TPM2_%s contradicts itself: %s", e.command, e.why)
	}
	return fmt.Sprintf("the chip answered TPM2_%s with something that cannot be read: %s", e.command, e.why)
}

// Unwrap makes it an [ErrAnswer].
func (e *answerError) Unwrap() error { return ErrAnswer }

// unreadable is for an answer that cannot be taken apart.
func unreadable(cc tpm2.TPMCC, format string, args ...any) error {
	return &answerError{command: commandName(cc), why: fmt.Sprintf(format, args...)}
}

// contradicts is for an answer that does not agree with the question, or with
// another answer.
func contradicts(cc tpm2.TPMCC, format string, args ...any) error {
	return &answerError{command: commandName(cc), why: fmt.Sprintf(format, args...), lie: true}
}

// framingFault is for an answer that did not come as one whole message.
func framingFault(cc tpm2.TPMCC, format string, args ...any) error {
	return &answerError{command: commandName(cc), why: fmt.Sprintf(format, args...), framing: true}
}

// unusable names what go-tpm says of an answer that is not the one to its
// command: it cannot be taken apart, or was not made by who holds the session's
// key. What failed on the way to the chip has its meaning from the guard.
func (d *Device) unusable(cc tpm2.TPMCC, err error) error {
	if d.t == nil || d.t.dead != nil || errors.Is(err, ErrAnswer) || errors.Is(err, ErrNoDevice) {
		return err
	}
	if d.t.answered != 0 {
		cc = d.t.answered
	}
	if strings.Contains(err.Error(), "validating auth session") { // go-tpm has no error value for it
		return contradicts(cc, "the proof of its session is wrong (%v); the answer was changed on its way, or is of another session", err)
	}
	return unreadable(cc, "%v", err)
}

// contents takes the public area out of an answer. What go-tpm cannot take apart
// is an error instead of a panic.
func contents[T any](cc tpm2.TPMCC, area interface{ Contents() (*T, error) }) (public *T, err error) {
	defer func() {
		if r := recover(); r != nil {
			public, err = nil, unreadable(cc, "its public area (%v)", r)
		}
	}()
	if public, err = area.Contents(); err != nil {
		return nil, unreadable(cc, "its public area: %v", err)
	}
	return public, nil
}
