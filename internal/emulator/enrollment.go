package emulator

import (
	"encoding/json"
	"errors"
	"maps"
	"time"

	"tpmdps/internal/challenge"
	"tpmdps/internal/emulator/hub"
	"tpmdps/internal/emulator/object"
	"tpmdps/internal/emulator/rest"
)

// enrollment is an individual enrollment or a group. The members are kept as
// they came, so that what this emulator does not know survives a read and a
// write; the fields beside them are what it acts on.
type enrollment struct {
	collection *collection
	members    map[string]json.RawMessage
	enrollmentView
	ek      *challenge.Key // nil where the attestation is not a TPM's
	created time.Time
}

// enrollmentView is the part of an enrollment that the emulator acts on.
type enrollmentView struct {
	RegistrationID string      `json:"registrationId"`
	GroupID        string      `json:"enrollmentGroupId"`
	DeviceID       string      `json:"deviceId"`
	ETag           string      `json:"etag"`
	Attestation    attestation `json:"attestation"`

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

	Created string `json:"createdDateTimeUtc"`
}

// memberOrder is the order in which the service writes an enrollment, as
// recorded. Where capabilities and hubs stand is not: they were null.
var memberOrder = []string{
	"registrationId", "enrollmentGroupId", "deviceId", "registrationState", "optionalDeviceInformation",
	"attestation", "capabilities", "initialTwin", "etag", "provisioningStatus", "reprovisionPolicy",
	"createdDateTimeUtc", "lastUpdatedDateTimeUtc", "allocationPolicy", "iotHubs", "iotHubHostName",
	"customAllocationDefinition",
}

// initialTwin is the twin that a device gets when it is new on its hub.
type initialTwin struct {
	Tags       map[string]json.RawMessage `json:"tags"`
	Properties *struct {
		Desired map[string]json.RawMessage `json:"desired"`
	} `json:"properties"`
}

// twin is the twin of a new device, on its hub; t may be nil.
func (t *initialTwin) twin() *hub.Twin {
	if t == nil {
		return hub.NewTwin(nil, nil)
	}
	var desired map[string]json.RawMessage
	if t.Properties != nil {
		desired = t.Properties.Desired
	}
	return hub.NewTwin(t.Tags, desired)
}

// id is the name of the enrollment in its collection.
func (e *enrollment) id() string {
	if e.collection == groups {
		return e.GroupID
	}
	return e.RegistrationID
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
func parseEnrollment(body []byte) (*enrollment, error) { return individuals.parse(body) }

func (c *collection) parse(body []byte) (*enrollment, error) {
	e, err := c.read(body)
	if err != nil {
		return nil, err
	}
	return e, e.checkTwin()
}

// read is [collection.parse] for an enrollment that was accepted before.
func (c *collection) read(body []byte) (*enrollment, error) {
	e := &enrollment{collection: c}
	if err := json.Unmarshal(body, &e.members); err != nil || e.members == nil {
		return nil, rest.Refuse(codeBadRequest, "The enrollment is not a JSON object.")
	}
	// As recorded: a member that is null is not kept, but for this one.
	maps.DeleteFunc(e.members, func(name string, v json.RawMessage) bool { return !object.Given(v) && name != "provisioningStatus" })
	if err := json.Unmarshal(body, &e.enrollmentView); err != nil {
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) {
			return nil, rest.Refuse(codeBadRequest, "The enrollment's member %q cannot be a %s.", wrong.Field, wrong.Value)
		}
		return nil, rest.Refuse(codeBadRequest, "The enrollment is not valid JSON.")
	}
	if err := e.check(); err != nil {
		return nil, err
	}
	if e.Attestation.kind() == attestTPM {
		ek, err := parseKey(e.Attestation.TPM.EndorsementKey)
		if err != nil {
			return nil, errEndorsementKey
		}
		e.ek = ek
	}
	e.created, _ = time.Parse(time.RFC3339Nano, e.Created) // read only: stamp sets it
	return e, nil
}

// errEndorsementKey is the service's one answer to every bad endorsement key.
var errEndorsementKey = rest.Refuse(codeEndorsementKey, "Endorsement key is invalid, or does not match the Enrollment.")

// stamp makes e the current version of the enrollment, after old (nil for a new
// one): it sets the members that only the service writes.
func (e *enrollment) stamp(old *enrollment, now time.Time) error {
	var before json.RawMessage
	e.created = now.Truncate(tick)
	if old != nil {
		before, e.created = old.members["attestation"], old.created
	}
	stored, err := e.Attestation.stored(e.members["attestation"], before)
	if err != nil {
		return err
	}
	e.members["attestation"] = stored
	e.ETag = rest.NewETag()
	e.members["etag"] = object.String(e.ETag)
	e.members["createdDateTimeUtc"] = object.String(rest.Timestamp(e.created))
	e.members["lastUpdatedDateTimeUtc"] = object.String(rest.Timestamp(now))
	delete(e.members, "registrationState")
	if _, ok := e.members["provisioningStatus"]; !ok {
		e.members["provisioningStatus"] = object.String("enabled")
	}
	for name, order := range map[string][]string{
		"reprovisionPolicy":          {"updateHubAssignment", "migrateDeviceData"},
		"customAllocationDefinition": {"webhookUrl", "apiVersion"},
	} {
		if v, ok := e.members[name]; ok {
			e.members[name] = object.Ordered(v, order...)
		}
	}
	return nil
}

// shown is the enrollment as GET and queries have it: without symmetric keys.
func (e *enrollment) shown() object.Object {
	members := maps.Clone(e.members)
	members["attestation"] = withoutKeys(members["attestation"])
	return object.Object{Order: memberOrder, Members: members}
}

// withState is the enrollment as GET has it: with its registration, or with the
// state of a device that never came.
func (e *enrollment) withState(r *registration, now time.Time) object.Object {
	o := e.shown()
	state := registrationState{RegistrationID: e.RegistrationID, Status: "unassigned"}
	if r != nil {
		state = r.state(now)
	}
	o.Members["registrationState"], _ = json.Marshal(state) // plain strings: cannot fail
	return o
}

// MarshalJSON writes the enrollment as it is kept, and as the answer to a PUT
// has it.
func (e *enrollment) MarshalJSON() ([]byte, error) {
	return json.Marshal(object.Object{Order: memberOrder, Members: e.members})
}
