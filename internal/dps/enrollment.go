package dps

import "encoding/json"

// Enrollment is IndividualEnrollment of the service API 2021-10-01: which
// machine may register under a registration ID, and what it gets. Members that
// are not known here survive being read and written back.
type Enrollment struct {
	RegistrationID string      `json:"registrationId"`
	DeviceID       string      `json:"deviceId,omitempty"` // in the hub; "" means the registration ID
	Attestation    Attestation `json:"attestation"`
	// Capabilities nil means a device that is not an IoT Edge.
	Capabilities *Capabilities `json:"capabilities,omitempty"`
	// IoTHubHostName is an older way to name a single hub.
	IoTHubHostName     string             `json:"iotHubHostName,omitempty"`
	InitialTwin        *InitialTwin       `json:"initialTwin,omitempty"`
	ETag               string             `json:"etag,omitempty"`
	ProvisioningStatus string             `json:"provisioningStatus,omitempty"` // enabled or disabled; "" means enabled
	ReprovisionPolicy  *ReprovisionPolicy `json:"reprovisionPolicy,omitempty"`  // nil means both true
	AllocationPolicy   string             `json:"allocationPolicy,omitempty"`   // hashed, geoLatency, static, custom; "" means the service's
	IoTHubs            []string           `json:"iotHubs,omitempty"`            // host names; none means all that are linked
	CustomAllocation   *CustomAllocation  `json:"customAllocationDefinition,omitempty"`
	DeviceInformation  json.RawMessage    `json:"optionalDeviceInformation,omitempty"` // a JSON object

	// The service's own; not written back.
	RegistrationState *RegistrationState `json:"registrationState,omitempty"`
	CreatedAt         string             `json:"createdDateTimeUtc,omitempty"`
	UpdatedAt         string             `json:"lastUpdatedDateTimeUtc,omitempty"`

	// RequestID is the x-ms-request-id of the answer that this came with.
	RequestID string `json:"-"`

	rest
}

// Attestation says how the machine proves itself. TPM is nil for the other
// kinds, whose members survive unread.
type Attestation struct {
	Type string          `json:"type,omitempty"` // tpm, x509, symmetricKey or none
	TPM  *TPMAttestation `json:"tpm,omitempty"`

	rest
}

// TPMAttestation holds base64 texts of TPM2B_PUBLICs.
type TPMAttestation struct {
	EndorsementKey string `json:"endorsementKey"`
	StorageRootKey string `json:"storageRootKey,omitempty"`

	rest
}

// Capabilities are what a device is made as in the hub.
type Capabilities struct {
	IoTEdge bool `json:"iotEdge"`

	rest
}

// InitialTwin is what a new device's twin starts with. The collections are JSON
// objects as the service has them, its metadata included.
type InitialTwin struct {
	Tags       json.RawMessage        `json:"tags,omitempty"`
	Properties *InitialTwinProperties `json:"properties,omitempty"`

	rest
}

// InitialTwinProperties are the desired properties of an [InitialTwin].
type InitialTwinProperties struct {
	Desired json.RawMessage `json:"desired,omitempty"`

	rest
}

// ReprovisionPolicy says what happens when a machine registers again:
// (true, true) moves it and its data, (true, false) moves it and starts its
// data again, (false, false) leaves it where it is.
type ReprovisionPolicy struct {
	UpdateHubAssignment bool `json:"updateHubAssignment"`
	MigrateDeviceData   bool `json:"migrateDeviceData"`

	rest
}

// CustomAllocation names the web hook that chooses a hub. The URL may have a
// function's key in its query: it is a secret.
type CustomAllocation struct {
	WebhookURL string `json:"webhookUrl"`
	APIVersion string `json:"apiVersion"`

	rest
}

// writable is e without what the service alone writes.
func (e Enrollment) writable() Enrollment {
	e.RegistrationState, e.CreatedAt, e.UpdatedAt = nil, "", ""
	return e
}
