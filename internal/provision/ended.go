package provision

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"unicode"

	"tpmdps/internal/dictionary"
	"tpmdps/internal/dps"
	"tpmdps/internal/network"
	"tpmdps/internal/text"
)

// RegistrationError is a registration that DPS reports as failed.
type RegistrationError struct {
	Code    int    // its errorCode, such as 400207; 0 if it gave none
	Message string // its errorMessage
	At      string // lastUpdatedDateTimeUtc as it gave it
}

// Error says what DPS said, and that it said nothing.
func (e *RegistrationError) Error() string {
	if e.Code == 0 && e.Message == "" {
		return "DPS reports failed, without a reason" + parenthesised(e.At)
	}
	return fmt.Sprintf("error %d: %s%s", e.Code, e.Message, parenthesised(e.At))
}

// ended judges a status that is not "assigning". Only one of them is success,
// and only with everything in it that a device needs to go on.
func ended(op dps.Operation) error {
	s := op.State
	switch op.Status {
	case "assigned":
		switch {
		case s == nil || s.AssignedHub == "" || s.DeviceID == "":
			return fmt.Errorf("%w: DPS says assigned, but to no hub and device", ErrNotAssigned)
		case !isHost(s.AssignedHub):
			return fmt.Errorf("%w: DPS says assigned to %q, which is not a host name", ErrNotAssigned, text.Printable(s.AssignedHub, 140))
		case !isDeviceID(s.DeviceID):
			return fmt.Errorf("%w: DPS says assigned as %q, which is not a device ID", ErrNotAssigned, text.Printable(s.DeviceID, 140))
		case s.TPM == nil || len(s.TPM.AuthenticationKey) == 0:
			return fmt.Errorf("%w: DPS assigned %s, but sent no key for it; is the enrollment one for a TPM?", ErrNotAssigned, s.AssignedHub)
		}
		return nil
	case "disabled":
		return ErrDisabled
	case "failed":
		failed := &RegistrationError{}
		if s != nil {
			failed = &RegistrationError{s.ErrorCode, s.ErrorMessage, s.UpdatedAt}
		}
		return fmt.Errorf("%w: %w", failure(failed), failed)
	}
	return fmt.Errorf("%w: DPS answered with the status %q, which this version does not know", ErrNotAssigned, op.Status)
}

// isHost tells whether a text is a host name, with or without a port.
func isHost(s string) bool {
	u, err := url.Parse("https://" + s)
	return err == nil && u.Host == s && u.User == nil && len(s) <= 260 && u.Hostname() != "" &&
		!strings.HasPrefix(s, ".") && !strings.HasPrefix(s, "-") &&
		!strings.ContainsFunc(u.Hostname(), func(r rune) bool {
			return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune(".-:", r)
		})
}

// isDeviceID tells whether a hub could have a device of this name.
func isDeviceID(s string) bool {
	return len(s) <= 128 && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`/\"<>[]{}|^~&`+"`", r)
	})
}

// failure tells the failed registrations apart whose codes are known.
func failure(e *RegistrationError) error {
	if known, ok := failures[dictionary.JudgeFailed(e.Code, e.Message).Meaning]; ok {
		return known
	}
	return ErrNotAssigned
}

// failures are what a registration can fail of, beside [ErrNotAssigned].
var failures = map[dictionary.Meaning]error{
	dictionary.Allocation: ErrAllocation,
	dictionary.NoHub:      ErrNoHub,
	dictionary.HubLink:    ErrHubUnauthorized,
}

// meanings are the sentinels of refusals. What is not here is [ErrRefused].
var meanings = map[dictionary.Meaning]error{
	dictionary.ProxyLogin:     network.ErrProxyLogin,
	dictionary.Foreign:        dps.ErrMalformed,
	dictionary.Contradicted:   dps.ErrMalformed,
	dictionary.HubAnswered:    ErrHubAnswered,
	dictionary.EndorsementKey: ErrOtherEK,
	dictionary.NotEnrolled:    ErrNotEnrolled,
	dictionary.NoService:      ErrScope,
	dictionary.Disabled:       ErrDisabled,
	dictionary.Unavailable:    ErrUnavailable,
	dictionary.Allocation:     ErrAllocation,
	dictionary.NoHub:          ErrNoHub,
	dictionary.HubLink:        ErrHubUnauthorized,
}

// meaning gives a refusal of the service its sentinel. Errors that are not
// refusals pass: they are the network's.
func meaning(err error) error {
	var foreign *dps.AnswerError
	if errors.As(err, &foreign) && foreign.Status == http.StatusProxyAuthRequired {
		return fmt.Errorf("%w: %w", network.ErrProxyLogin, err)
	}
	var e *dps.Error
	if !errors.As(err, &e) {
		return network.AsBroken(err)
	}
	sentinel, known := meanings[dictionary.Judge(e.Details()).Meaning]
	if !known {
		sentinel = ErrRefused
	}
	return fmt.Errorf("%w: %w", sentinel, err)
}
