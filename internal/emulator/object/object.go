// Package object keeps JSON objects of which only a part is understood: members stay
// as they came, and are written in the order in which the services write them.
package object

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
)

// Object is a JSON object whose members are kept as they came, and written in
// the order in which the service writes them.
type Object struct {
	Order   []string // names, in the service's order
	Members map[string]json.RawMessage
}

// Ordered makes an object of JSON, without the members that are null. What is
// not an object stays as it is.
func Ordered(data json.RawMessage, order ...string) json.RawMessage {
	var members map[string]json.RawMessage
	if json.Unmarshal(data, &members) != nil || members == nil {
		return data
	}
	maps.DeleteFunc(members, func(_ string, v json.RawMessage) bool { return !Given(v) })
	out, _ := json.Marshal(Object{order, members}) // made of JSON
	return out
}

// MarshalJSON writes the members in order, and then those that have no place in
// it, by name.
func (o Object) MarshalJSON() ([]byte, error) {
	rest := slices.Sorted(maps.Keys(o.Members))
	rest = slices.DeleteFunc(rest, func(name string) bool { return slices.Contains(o.Order, name) })
	var b bytes.Buffer
	b.WriteByte('{')
	for _, name := range append(slices.Clone(o.Order), rest...) {
		value, ok := o.Members[name]
		if !ok {
			continue
		}
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		b.Write(String(name))
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// Given reports whether a member is there and not null.
func Given(v json.RawMessage) bool { return len(v) > 0 && string(v) != "null" }

// String is text as a JSON string.
func String(text string) json.RawMessage {
	data, _ := json.Marshal(text) // a string cannot fail
	return data
}
