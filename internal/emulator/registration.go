package emulator

import (
	"crypto/rand"
	"time"

	"tpmdps/internal/challenge"
	"tpmdps/internal/emulator/hub"
	"tpmdps/internal/emulator/rest"
)

// registration is what the service remembers of a device that proved its
// identity: which hub it was given, and the key of its identity there.
type registration struct {
	RegistrationID string    `json:"registrationId"`
	Created        time.Time `json:"created"`
	Updated        time.Time `json:"updated"`
	ETag           string    `json:"etag"`
	Settles        time.Time `json:"settles"` // until then the status is "assigning"

	Status       string `json:"status"` // assigned, failed or disabled
	Substatus    string `json:"substatus,omitempty"`
	ErrorCode    int    `json:"errorCode,omitempty"`
	ErrorMessage string `json:"errorMessage,omitempty"`

	Hub      string    `json:"hub,omitempty"`
	DeviceID string    `json:"deviceId,omitempty"`
	HubKey   []byte    `json:"hubKey,omitempty"`
	EKName   []byte    `json:"ekName,omitempty"` // the chip that the key was made for
	Hubs     []string  `json:"hubs,omitempty"`   // all hubs the device has been on
	Twin     *hub.Twin `json:"twin,omitempty"`   // there whenever HubKey is

	Modules map[string]*hub.Module `json:"modules,omitempty"` // by ID
}

// registrationState is the service's DeviceRegistrationState, and the device
// API's DeviceRegistrationResult when TPM is there.
type registrationState struct {
	TPM                    *tpmResult `json:"tpm,omitempty"`
	RegistrationID         string     `json:"registrationId"`
	CreatedDateTimeUTC     string     `json:"createdDateTimeUtc,omitempty"`
	AssignedHub            string     `json:"assignedHub,omitempty"`
	DeviceID               string     `json:"deviceId,omitempty"`
	Status                 string     `json:"status"`
	Substatus              string     `json:"substatus,omitempty"`
	ErrorCode              int        `json:"errorCode,omitempty"`
	ErrorMessage           string     `json:"errorMessage,omitempty"`
	LastUpdatedDateTimeUTC string     `json:"lastUpdatedDateTimeUtc,omitempty"`
	ETag                   string     `json:"etag,omitempty"`
}

type tpmResult struct {
	AuthenticationKey string `json:"authenticationKey"`
}

func (r *registration) assigned() bool { return r.Status == "assigned" }

// pending reports whether the outcome is not to be told yet.
func (r *registration) pending(now time.Time) bool { return now.Before(r.Settles) }

// state returns what may be told at the time now. IoT Edge needs the
// registration ID in it while the status is "assigning".
func (r *registration) state(now time.Time) registrationState {
	st := registrationState{
		RegistrationID:         r.RegistrationID,
		CreatedDateTimeUTC:     rest.Timestamp(r.Created),
		Status:                 "assigning",
		LastUpdatedDateTimeUTC: rest.Timestamp(r.Updated),
		ETag:                   r.ETag,
	}
	if r.pending(now) {
		return st
	}
	st.Status, st.Substatus = r.Status, r.Substatus
	st.ErrorCode, st.ErrorMessage = r.ErrorCode, r.ErrorMessage
	if r.assigned() {
		st.AssignedHub, st.DeviceID = r.Hub, r.DeviceID
	}
	return st
}

// newHubKey draws the key of a hub identity.
func newHubKey() []byte {
	key := make([]byte, challenge.KeySize)
	rand.Read(key)
	return key
}
