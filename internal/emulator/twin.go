package emulator

import (
	"bytes"
	"encoding/json"
	"maps"

	"tpmdps/internal/emulator/object"
	"tpmdps/internal/emulator/rest"
	rules "tpmdps/internal/twin"
)

// twin is what a hub keeps of a device: a device sees its desired and reported
// properties, and never the tags.
type twin struct {
	Tags     map[string]json.RawMessage `json:"tags,omitempty"`
	Desired  twinPart                   `json:"desired"`
	Reported twinPart                   `json:"reported"`
}

// twinPart is one of the two sets of properties, with the version that counts
// its changes.
type twinPart struct {
	Properties map[string]json.RawMessage `json:"properties"`
	Version    int                        `json:"version"`
}

// newTwin makes the twin of a device that is new on its hub; initial may be nil.
func newTwin(initial *initialTwin) *twin {
	t := &twin{
		Desired:  twinPart{Properties: map[string]json.RawMessage{}, Version: 1},
		Reported: twinPart{Properties: map[string]json.RawMessage{}, Version: 1},
	}
	if initial == nil {
		return t
	}
	t.Tags = merge(nil, initial.Tags) // without what is null
	if p := initial.Properties; p != nil {
		t.Desired.Properties = merge(nil, p.Desired)
	}
	return t
}

// forDevice is the twin as a device reads it.
func (t *twin) forDevice() map[string]map[string]json.RawMessage {
	return map[string]map[string]json.RawMessage{"desired": t.Desired.wire(), "reported": t.Reported.wire()}
}

// wire is the part as it is sent: the version stands among the properties.
func (p twinPart) wire() map[string]json.RawMessage {
	members := make(map[string]json.RawMessage, len(p.Properties)+1)
	maps.Copy(members, p.Properties)
	members["$version"], _ = json.Marshal(p.Version) // an int cannot fail
	return members
}

// report applies a device's patch to its reported properties.
func (t *twin) report(patch []byte) error {
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
	t.Reported = twinPart{Properties: merged, Version: t.Reported.Version + 1}
	return nil
}

// checkReported refuses what a hub does not accept as reported properties.
func checkReported(properties []byte) error {
	if faults := rules.Check(rules.Reported, properties); len(faults) > 0 {
		return rest.Refuse(codeTwin, "%s.", faults[0])
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
