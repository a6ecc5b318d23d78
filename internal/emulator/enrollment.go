package emulator

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"

	"tpmdps/internal/challenge"
)

// enrollment is an individual enrollment. The members are kept as they came, so
// that what this emulator does not know survives a read and a write; the fields
// beside them are what it acts on.
type enrollment struct {
	members map[string]json.RawMessage
	enrollmentView
	ek *challenge.Key
}

// enrollmentView is the part of an enrollment that the emulator acts on.
type enrollmentView struct {
	RegistrationID string `json:"registrationId"`
	DeviceID       string `json:"deviceId"`
	ETag           string `json:"etag"`

	Attestation struct {
		Type string `json:"type"`
		TPM  *struct {
			EndorsementKey string `json:"endorsementKey"`
		} `json:"tpm"`
		X509         json.RawMessage `json:"x509"`
		SymmetricKey json.RawMessage `json:"symmetricKey"`
	} `json:"attestation"`

	ProvisioningStatus string `json:"provisioningStatus"`
	AllocationPolicy   string `json:"allocationPolicy"`

	IoTHubs        []string `json:"iotHubs"`
	IoTHubHostName string   `json:"iotHubHostName"` // the older way to name one hub

	ReprovisionPolicy *struct {
		UpdateHubAssignment *bool `json:"updateHubAssignment"`
		MigrateDeviceData   *bool `json:"migrateDeviceData"`
	} `json:"reprovisionPolicy"`

	Capabilities *struct {
		IoTEdge *bool `json:"iotEdge"`
	} `json:"capabilities"`

	CustomAllocationDefinition *struct {
		WebhookURL string `json:"webhookUrl"`
		APIVersion string `json:"apiVersion"`
	} `json:"customAllocationDefinition"`

	InitialTwin               *initialTwin               `json:"initialTwin"`
	OptionalDeviceInformation map[string]json.RawMessage `json:"optionalDeviceInformation"`
}

// initialTwin is the twin that a device gets when it is new on its hub.
type initialTwin struct {
	Tags       map[string]json.RawMessage `json:"tags"`
	Properties *struct {
		Desired map[string]json.RawMessage `json:"desired"`
	} `json:"properties"`
}

// hubs returns the hubs that the enrollment names, if any.
func (e *enrollment) hubs() []string {
	if len(e.IoTHubs) == 0 && e.IoTHubHostName != "" {
		return []string{e.IoTHubHostName}
	}
	return e.IoTHubs
}

func (e *enrollment) disabled() bool { return e.ProvisioningStatus == "disabled" }

// parseEnrollment reads and checks an enrollment. Errors are refusals, ready to
// be sent.
func parseEnrollment(body []byte) (*enrollment, error) {
	e := &enrollment{}
	if err := json.Unmarshal(body, &e.members); err != nil || e.members == nil {
		return nil, refuse(codeBadRequest, "The enrollment is not a JSON object.")
	}
	maps.DeleteFunc(e.members, func(_ string, v json.RawMessage) bool { return string(v) == "null" })
	if err := json.Unmarshal(body, &e.enrollmentView); err != nil {
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) {
			return nil, refuse(codeBadRequest, "The enrollment's member %q cannot be a %s.", wrong.Field, wrong.Value)
		}
		return nil, refuse(codeBadRequest, "The enrollment is not valid JSON.")
	}
	if err := e.check(); err != nil {
		return nil, err
	}
	ek, err := parseKey(e.Attestation.TPM.EndorsementKey)
	if err != nil {
		return nil, errEndorsementKey
	}
	e.ek = ek
	return e, nil
}

// errEndorsementKey is the service's one answer to every bad endorsement key.
var errEndorsementKey = refuse(codeEndorsementKey, "Endorsement key is invalid, or does not match the Enrollment.")

// stamp makes e the current version of the enrollment, after old (nil for a new
// one): it sets the members that only the service writes.
func (e *enrollment) stamp(old *enrollment, now time.Time) {
	created := json.RawMessage(jsonString(timestamp(now)))
	if old != nil {
		created = old.members["createdDateTimeUtc"]
	}
	e.ETag = newETag()
	e.members["etag"] = jsonString(e.ETag)
	e.members["createdDateTimeUtc"] = created
	e.members["lastUpdatedDateTimeUtc"] = jsonString(timestamp(now))
	delete(e.members, "registrationState")
	e.setDefault("provisioningStatus", `"enabled"`)
	e.setDefault("capabilities", `{"iotEdge":false}`)
}

func (e *enrollment) setDefault(name, value string) {
	if _, ok := e.members[name]; !ok {
		e.members[name] = json.RawMessage(value)
	}
}

// withState returns the enrollment's members and its registration, as GET has it.
func (e *enrollment) withState(r *registration, now time.Time) map[string]json.RawMessage {
	if r == nil {
		return e.members
	}
	members := maps.Clone(e.members)
	members["registrationState"], _ = json.Marshal(r.state(now)) // plain strings: cannot fail
	return members
}

// MarshalJSON writes the enrollment as it is kept and sent.
func (e *enrollment) MarshalJSON() ([]byte, error) { return json.Marshal(e.members) }

// UnmarshalJSON reads what MarshalJSON wrote.
func (e *enrollment) UnmarshalJSON(data []byte) error {
	parsed, err := parseEnrollment(slices.Clone(data))
	if err != nil {
		return err
	}
	*e = *parsed
	return nil
}

func jsonString(text string) json.RawMessage {
	data, _ := json.Marshal(text) // a string cannot fail
	return data
}
