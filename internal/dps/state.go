package dps

import (
	"encoding/json"

	"tpmdps/internal/text"
)

// RegistrationState is DeviceRegistrationResult of the device API and
// DeviceRegistrationState of the service API: what became of a machine's last
// registration. All texts are the service's, made printable; times are RFC
// 3339 with seven digits.
type RegistrationState struct {
	RegistrationID string          `json:"registrationId,omitempty"`
	AssignedHub    string          `json:"assignedHub,omitempty"`
	DeviceID       string          `json:"deviceId,omitempty"`
	Status         string          `json:"status,omitempty"`
	Substatus      string          `json:"substatus,omitempty"`
	ErrorCode      int             `json:"errorCode,omitempty"`
	ErrorMessage   string          `json:"errorMessage,omitempty"`
	ETag           string          `json:"etag,omitempty"`
	CreatedAt      string          `json:"createdDateTimeUtc,omitempty"`
	UpdatedAt      string          `json:"lastUpdatedDateTimeUtc,omitempty"`
	Payload        json.RawMessage `json:"payload,omitempty"` // from a custom allocation policy
	// TPM holds the wrapped key of the hub; nil in the service API, and until
	// the machine is assigned.
	TPM *TPMResult `json:"tpm,omitempty"`
}

// TPMResult is the part of a registration's result that is for the TPM.
type TPMResult struct {
	// AuthenticationKey is the wrapped key that signs the machine's tokens for
	// its hub: 1 to 4096 bytes, not looked into.
	AuthenticationKey []byte `json:"authenticationKey"`
}

// fault is what is wrong with an answer, found while its JSON was read.
type fault string

func (f fault) Error() string { return string(f) }

// UnmarshalJSON bounds the key before it is decoded.
func (t *TPMResult) UnmarshalJSON(data []byte) error {
	var body struct {
		AuthenticationKey json.RawMessage `json:"authenticationKey"`
	}
	if err := json.Unmarshal(data, &body); err != nil {
		return fault("tpm is not an object")
	}
	*t = TPMResult{}
	if isBlank(body.AuthenticationKey) {
		return nil // whether it has to be there depends on the status
	}
	key, err := decodeKey(body.AuthenticationKey)
	if err != nil {
		return fault("tpm.authenticationKey " + err.Error())
	}
	t.AuthenticationKey = key
	return nil
}

// UnmarshalJSON makes the service's texts printable.
func (s *RegistrationState) UnmarshalJSON(data []byte) error {
	type plain RegistrationState
	if err := json.Unmarshal(data, (*plain)(s)); err != nil {
		return err
	}
	for _, field := range []*string{&s.RegistrationID, &s.AssignedHub, &s.DeviceID, &s.Status,
		&s.Substatus, &s.ETag, &s.CreatedAt, &s.UpdatedAt} {
		*field = text.Printable(*field, 260)
	}
	s.ErrorMessage = show(s.ErrorMessage, 500)
	return nil
}
