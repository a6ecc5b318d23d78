package enroll

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"tpmdps/internal/dps"
	"tpmdps/internal/identity"
	"tpmdps/internal/text"
)

// Other is an enrollment of a key under another registration ID than the one that
// was asked for. DPS allows any number of them.
type Other struct {
	RegistrationID string `json:"registration_id"`
	Disabled       bool   `json:"disabled"`
}

// ErrSecond is for a key that is enrolled already, under the other form of the ID
// that is derived from it. With two enrollments one chip can become two devices.
var ErrSecond = errors.New("this key is enrolled already")

// SecondError is an [ErrSecond] with both IDs.
type SecondError struct {
	ID    string
	Other Other
	// Searched tells that it was found among all enrollments of the DPS, under any ID:
	// see [PlanKnown].
	Searched bool
}

// Error names the enrollment that is there.
func (e *SecondError) Error() string {
	state := ""
	if e.Other.Disabled {
		state = ", disabled"
	}
	return fmt.Sprintf("%v: as %s%s; %s would be a second enrollment of the same key", ErrSecond, e.Other.RegistrationID, state, e.ID)
}

// Unwrap makes it an ErrSecond.
func (e *SecondError) Unwrap() error { return ErrSecond }

// base32Length is how long a derived ID in base32 is.
const base32Length = 52

// Hint names the form to choose.
func (e *SecondError) Hint() string {
	if e.Searched {
		return "if it is a cloned or copied key, find out which machine has it; if it is the same machine, delete the enrollment that is not used; if there must be two: add --no-remote-check"
	}
	const wanted, other = "base32", "hex"
	forms := [2]string{wanted, other}
	if len(e.ID) != base32Length {
		forms = [2]string{other, wanted}
	}
	return fmt.Sprintf("to use the existing enrollment: add --id-format %s; if there must be two: add --id-format %s and --no-remote-check", forms[1], forms[0])
}

// Others finds enrollments of the key of a registration ID under the other IDs that
// are made of that key: hex for base32, and the reverse. ek is a TPM2B_PUBLIC; nil
// stands for the key that id is made of. Names are not looked for: see [Named].
func Others(ctx context.Context, svc *dps.ServiceClient, id string, ek []byte) ([]Other, error) {
	found := []Other{}
	for _, form := range identity.Forms(id, ek) {
		e, err := svc.Enrollment(ctx, form)
		switch {
		case missing(err):
			continue
		case err != nil:
			return found, fmt.Errorf("look for an enrollment of the same key: %w", err)
		}
		if ofKey(e, form, ek) {
			found = append(found, Other{form, isDisabled(e)})
		}
	}
	return found, nil
}

// Named finds enrollments of a key among the first most of all enrollments, in
// which it may have any ID but one. all is false when there are more.
func Named(ctx context.Context, svc *dps.ServiceClient, id string, ek []byte, most int) (found []Other, all bool, err error) {
	n := 0
	for e, err := range svc.Enrollments(ctx, dps.AllEnrollments, 0) {
		if err != nil {
			return found, false, fmt.Errorf("look through all enrollments: %w", err)
		}
		if n++; n > most {
			return found, false, nil
		}
		if !strings.EqualFold(e.RegistrationID, id) && ofKey(e, id, ek) {
			found = append(found, Other{text.Printable(e.RegistrationID, 128), isDisabled(e)})
		}
	}
	return found, true, nil
}

// ofKey tells whether an enrollment is for a key, or without one for the key that
// an ID is made of.
func ofKey(e dps.Enrollment, id string, ek []byte) bool {
	if e.Attestation.TPM == nil {
		return false
	}
	theirs, err := base64.StdEncoding.DecodeString(e.Attestation.TPM.EndorsementKey)
	switch {
	case err != nil || len(theirs) == 0:
		return false
	case ek != nil:
		return bytes.Equal(theirs, ek)
	}
	return identity.MadeOf(id, theirs) != ""
}

func isDisabled(e dps.Enrollment) bool { return strings.EqualFold(e.ProvisioningStatus, "disabled") }
