package tpm

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/google/go-tpm/tpm2"

	"tpmdps/internal/challenge"
)

// The codes with which chips say that a key is not for them. TPM_RC_FAILURE is
// libtpms' word for an OAEP decryption that fails; it goes on working after.
var otherChipCodes = []tpm2.TPMRC{
	tpm2.TPMRCValue, tpm2.TPMRCFailure, tpm2.TPMRCIntegrity, tpm2.TPMRCBinding, tpm2.TPMRCSize, tpm2.TPMRCInsufficient,
}

// refusesBlob tells a refusal of the key itself from everything else: of one of
// the two commands that are given it, with a code that chips have for it, or that
// has no other meaning. The sessions around them are refused with the same codes,
// for other reasons.
func refusesBlob(err error) bool {
	var refused *ResponseError
	if !errors.As(err, &refused) || refused.Command != "ActivateCredential" && refused.Command != "Import" {
		return false
	}
	rc := tpm2.TPMRC(refused.Code)
	lacks := rc.Is(tpm2.TPMRCCommandCode) || rc.Is(tpm2.TPMRCDisabled)
	return refused.MayMeanOtherChip() || refused.sentinel == ErrUnsupported && !lacks
}

// compareWithOwn finds out why a chip refuses a key from the service, by having
// it open one that was wrapped here, for its own EK and SRK. Where it does, and
// refuses the service's again, that is for another chip, or was altered on its way.
// Where it refuses its own, too, it cannot do what DPS asks of it. The code alone
// tells neither.
func (d *Device) compareWithOwn(ek, srk *Key, b Blob, refused error) error {
	err := d.openOwnChallenge(ek, srk)
	if err == nil {
		return d.askAgain(ek, srk, b, refused)
	}
	if errors.Is(err, ErrFailure) {
		// TPM_RC_FAILURE may come from a chip that has failed for good: that
		// one answers the next command with it, too.
		if _, again := run(d, "ask again", tpm2.ReadPublic{ObjectHandle: srk.handle}); again != nil {
			return refused
		}
	}
	if errors.Is(err, errSignsWrongly) || refusesBlob(err) {
		var first *ResponseError
		errors.As(refused, &first)
		return fmt.Errorf("%w: TPM2_%s refuses the key from the service with %s; and the chip does not open one that was made for it here: %s",
			ErrUnsupported, first.Command, codeText(first.Code, first.Original), err.Error())
	}
	return fmt.Errorf("%w; and with a key that was made for this chip here: %w", refused, err)
}

// askAgain has a chip that opens keys open the service's a second time: one that is
// for another chip is refused every time.
func (d *Device) askAgain(ek, srk *Key, b Blob, refused error) error {
	key, err := d.open(ek, srk, b)
	var first *ResponseError
	switch {
	case err == nil && errors.As(refused, &first):
		inconsistent := &answerError{command: first.Command, lie: true, why: "it refused a key, and opened it the second time"}
		return errors.Join(fmt.Errorf("%w: %w", inconsistent, refused), key.Close())
	case refusesBlob(err):
		return fmt.Errorf("%w: %w", ErrOtherChip, refused)
	}
	return fmt.Errorf("and the second time: %w", err)
}

// errSignsWrongly: a chip that says that it opened a key, and did not.
var errSignsWrongly = errors.New("its signature is wrong")

// openOwnChallenge wraps a key for the chip as DPS does, and sees whether the chip signs
// with it.
func (d *Device) openOwnChallenge(ek, srk *Key) error {
	secret := make([]byte, challenge.KeySize)
	rand.Read(secret)
	blob, err := challenge.Wrap(ek.Public, srk.Public, secret, "")
	if err != nil {
		return err
	}
	b, err := ParseBlob(blob)
	if err != nil {
		return err
	}
	key, err := d.open(ek, srk, b)
	if err != nil {
		return err
	}
	text := bytes.Repeat([]byte("tpmdps"), 4)
	signed, err := key.Sign(text)
	if err := errors.Join(err, key.Close()); err != nil {
		return err
	}
	mac := hmac.New(sha256.New, secret)
	mac.Write(text)
	if !hmac.Equal(signed, mac.Sum(nil)) {
		return errSignsWrongly
	}
	return nil
}
