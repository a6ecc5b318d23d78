package emulator

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
)

// object is a JSON object whose members are kept as they came, and written in
// the order in which the service writes them.
type object struct {
	order   []string // names, in the service's order
	members map[string]json.RawMessage
}

// ordered makes an object of JSON, without the members that are null. What is
// not an object stays as it is.
func ordered(data json.RawMessage, order ...string) json.RawMessage {
	var members map[string]json.RawMessage
	if json.Unmarshal(data, &members) != nil || members == nil {
		return data
	}
	maps.DeleteFunc(members, func(_ string, v json.RawMessage) bool { return !given(v) })
	out, _ := json.Marshal(object{order, members}) // made of JSON
	return out
}

// MarshalJSON writes the members in order, and then those that have no place in
// it, by name.
func (o object) MarshalJSON() ([]byte, error) {
	rest := slices.Sorted(maps.Keys(o.members))
	rest = slices.DeleteFunc(rest, func(name string) bool { return slices.Contains(o.order, name) })
	var b bytes.Buffer
	b.WriteByte('{')
	for _, name := range append(slices.Clone(o.order), rest...) {
		value, ok := o.members[name]
		if !ok {
			continue
		}
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		b.Write(jsonString(name))
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// given reports whether a member is there and not null.
func given(v json.RawMessage) bool { return len(v) > 0 && string(v) != "null" }

func jsonString(text string) json.RawMessage {
	data, _ := json.Marshal(text) // a string cannot fail
	return data
}
