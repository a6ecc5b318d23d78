package dps

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"tpmdps/internal/text"
)

// Challenge is the service's first answer to a machine that gave a TPM's keys:
// a key that only this TPM can unwrap, to sign the next request with.
type Challenge struct {
	// AuthenticationKey is the wrapped key: 1 to 4096 bytes, not looked into.
	AuthenticationKey []byte
	// KeyName is the policy to name in the token: "registration" so far.
	KeyName string
	// Message is the service's words, printable.
	Message string
	// Date is the service's clock, zero if it did not say.
	Date time.Time
}

// maxAuthenticationKey bounds a wrapped key in bytes; real ones have under
// 1000.
const maxAuthenticationKey = 4096

// readChallenge tells the two kinds of 401 apart: with an authenticationKey it
// is the expected challenge, without one it is a refusal.
func readChallenge(a answer) (*Challenge, error) {
	var body struct {
		Message           json.RawMessage `json:"message"`
		AuthenticationKey json.RawMessage `json:"authenticationKey"`
		KeyName           json.RawMessage `json:"keyName"`
		ErrorCode         json.RawMessage `json:"errorCode"`
	}
	// It names no identity, so another case is accepted, as before; a member that
	// appears twice under any is not.
	unclear := text.DecodeJSON(a.body, &struct{}{})
	if json.Unmarshal(a.body, &body) != nil || isBlank(body.AuthenticationKey) {
		return nil, refusal(a)
	}
	if unclear != nil {
		return nil, a.malformed(a.jsonFault(unclear))
	}
	if errorCode(body.ErrorCode) != 0 || errorCode([]byte(a.header.Get("x-ms-error-code"))) != 0 {
		return nil, a.malformed("it has both a challenge (authenticationKey) and a refusal (errorCode)")
	}
	key, err := decodeKey(body.AuthenticationKey)
	if err != nil {
		return nil, a.malformed("authenticationKey " + err.Error())
	}
	// The C# SDK assumes this name and ignores the given one.
	c := &Challenge{AuthenticationKey: key, KeyName: "registration", Date: a.date()}
	if !isBlank(body.KeyName) {
		if json.Unmarshal(body.KeyName, &c.KeyName) != nil || c.KeyName != show(c.KeyName, 64) {
			return nil, a.malformed("keyName is not a short printable string")
		}
	}
	var message string
	if json.Unmarshal(body.Message, &message) == nil {
		c.Message = show(message, 200)
	}
	return c, nil
}

// isBlank reports whether a member is absent, null or an empty string.
func isBlank(raw json.RawMessage) bool {
	return len(raw) == 0 || string(raw) == "null" || string(raw) == `""`
}

// decodeKey reads a wrapped key from its JSON string.
func decodeKey(raw json.RawMessage) ([]byte, error) {
	var encoded string
	if err := json.Unmarshal(raw, &encoded); err != nil {
		return nil, errors.New("is not a string")
	}
	key, err := base64.StdEncoding.DecodeString(encoded)
	switch {
	case err != nil:
		return nil, errors.New("is not base64")
	case len(key) == 0:
		return nil, errors.New("is empty")
	case len(key) > maxAuthenticationKey:
		return nil, fmt.Errorf("is too long: %d bytes, at most %d", len(key), maxAuthenticationKey)
	}
	return key, nil
}
