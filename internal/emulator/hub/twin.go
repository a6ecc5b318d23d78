package hub

import (
	"bytes"
	"encoding/json"
	"maps"

	"tpmdps/internal/emulator/object"
	"tpmdps/internal/emulator/rest"
	"tpmdps/internal/twin"
)

// Twin is what a hub keeps of a device: a device sees its desired and reported
// properties, and never the tags.
type Twin struct {
	Tags     map[string]json.RawMessage `json:"tags,omitempty"`
	Desired  part                       `json:"desired"`
	Reported part                       `json:"reported"`
}

// part is one of the two sets of properties, with the version that counts
// its changes.
type part struct {
	Properties map[string]json.RawMessage `json:"properties"`
	Version    int                        `json:"version"`
}

// NewTwin makes the twin of a device that is new on its hub, with tags and desired
// properties, without those that are null; both may be nil.
func NewTwin(tags, desired map[string]json.RawMessage) *Twin {
	return &Twin{
		Tags:     merge(nil, tags),
		Desired:  part{Properties: merge(nil, desired), Version: 1},
		Reported: part{Properties: map[string]json.RawMessage{}, Version: 1},
	}
}

// forDevice is the twin as a device reads it.
func (t *Twin) forDevice() map[string]map[string]json.RawMessage {
	return map[string]map[string]json.RawMessage{"desired": t.Desired.wire(), "reported": t.Reported.wire()}
}

// wire is the part as it is sent: the version stands among the properties.
func (p part) wire() map[string]json.RawMessage {
	members := make(map[string]json.RawMessage, len(p.Properties)+1)
	maps.Copy(members, p.Properties)
	members["$version"], _ = json.Marshal(p.Version) // an int cannot fail
	return members
}

// report applies a device's patch to its reported properties.
func (t *Twin) report(patch []byte) error {
	members, ok := jsonObject(patch)
	if !ok {
		return rest.Refuse(codeBadRequest, "The reported properties are not a JSON object.")
	}
	if err := checkReported(patch); err != nil {
		return err
	}
	merged := merge(t.Reported.Properties, members)
	whole, err := json.Marshal(merged)
	if err != nil {
		return err
	}
	if err := checkReported(whole); err != nil {
		return err
	}
	t.Reported = part{Properties: merged, Version: t.Reported.Version + 1}
	return nil
}

// checkReported refuses what a hub does not accept as reported properties.
func checkReported(properties []byte) error {
	if faults := twin.Check(twin.Reported, properties); len(faults) > 0 {
		return rest.Refuse(codeArgument, "%s.", faults[0])
	}
	return nil
}

// merge returns target with the patch applied, as RFC 7396 has it: null removes
// a member, objects are merged, all else is replaced. Numbers stay as they came.
func merge(target, patch map[string]json.RawMessage) map[string]json.RawMessage {
	merged := map[string]json.RawMessage{}
	maps.Copy(merged, target)
	for name, value := range patch {
		if child, ok := jsonObject(value); ok {
			old, _ := jsonObject(merged[name])
			merged[name], _ = json.Marshal(merge(old, child)) // it was JSON before
		} else if object.Given(value) {
			merged[name] = value
		} else {
			delete(merged, name)
		}
	}
	return merged
}

// jsonObject reads a JSON object, and reports whether it is one.
func jsonObject(data []byte) (map[string]json.RawMessage, bool) {
	if !bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) {
		return nil, false
	}
	var members map[string]json.RawMessage
	return members, json.Unmarshal(data, &members) == nil
}
