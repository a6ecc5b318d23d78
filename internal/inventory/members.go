package inventory

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"tpmdps/internal/identity"
	"tpmdps/internal/text"
)

// object is one JSON object of an enrollment. What is read of it is taken out, so
// that the rest is what was not understood.
type object struct {
	path    string            // "" for the enrollment itself
	members members           // without those that are null
	names   map[string]string // as they are spelled, by their folded names
	nulls   bool              // there was one that is null
}

// newObject reads the members of an object. One that appears twice, in whatever
// spelling, is refused: two programs would read two enrollments in it.
func newObject(path string, raw json.RawMessage) (*object, error) {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(raw, &all); err != nil {
		return nil, wrongKind(path, raw, "an object")
	}
	o := &object{path: path, members: members{}, names: map[string]string{}}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		key := fold(name)
		if first, twice := o.names[key]; twice {
			return nil, fmt.Errorf("%s appears twice, once as %s", o.at(shown(name)), shown(first))
		}
		o.names[key] = name
		if isNull(all[name]) {
			o.nulls = true
			continue
		}
		o.members[key] = all[name]
	}
	return o, nil
}

func isNull(raw json.RawMessage) bool { return len(raw) == 0 || bytes.Equal(raw, []byte("null")) }

func shown(name string) string { return text.Printable(name, 40) }

// at is the path of a member.
func (o *object) at(name string) string { return strings.TrimPrefix(o.path+"."+name, ".") }

// take returns a member and takes it out; nil if it is not there, or null. name is
// the service's.
func (o *object) take(name string) json.RawMessage {
	value := o.members[fold(name)]
	delete(o.members, fold(name))
	return value
}

// text returns a member that is a string; "" if it is not there.
func (o *object) text(name string) (value string, err error) {
	if raw := o.take(name); raw != nil && json.Unmarshal(raw, &value) != nil {
		return "", wrongKind(o.at(name), raw, "a string")
	}
	return value, nil
}

// boolean takes a member that is true or false; nil if it is not there.
func (o *object) boolean(name string) (value *bool, err error) {
	if raw := o.take(name); raw != nil && json.Unmarshal(raw, &value) != nil {
		return nil, wrongKind(o.at(name), raw, "true or false")
	}
	return value, nil
}

// list returns a member that is a list of strings.
func (o *object) list(name string) (value []string, err error) {
	if raw := o.take(name); raw != nil && json.Unmarshal(raw, &value) != nil {
		return nil, wrongKind(o.at(name), raw, "a list of strings")
	}
	return value, nil
}

// object returns a member that is an object; nil if it is not there.
func (o *object) object(name string) (*object, error) {
	raw := o.take(name)
	if raw == nil {
		return nil, nil
	}
	return newObject(o.at(name), raw)
}

// remaining are the paths of the members that were not taken, as they are spelled.
func (o *object) remaining() []string {
	var paths []string
	for _, key := range slices.Sorted(maps.Keys(o.members)) {
		paths = append(paths, o.at(shown(o.names[key])))
	}
	return paths
}

// wrongKind says what a member is instead of what it has to be. The value is not
// shown: it may be a key.
func wrongKind(path string, raw json.RawMessage, want string) error {
	is := "a string"
	switch raw[0] {
	case '{':
		is = "an object"
	case '[':
		is = "a list"
	case 't', 'f':
		is = "true or false"
	case '"':
		if folded := powershell(raw); folded {
			return fmt.Errorf("%s has only the text that PowerShell writes for what lies deeper than -Depth: write it again with ConvertTo-Json -Depth 10", path)
		}
	default:
		is = "a number"
		if want == "a string" {
			return fmt.Errorf("%s has a number where a string belongs, as .NET writes its enumerations: write them as strings (JsonStringEnumConverter)", path)
		}
	}
	return fmt.Errorf("%s has %s where %s belongs", path, is, want)
}

// powershell recognises an object that ConvertTo-Json has made a text of.
func powershell(raw json.RawMessage) bool {
	return bytes.HasPrefix(raw, []byte(`"@{`)) || bytes.HasPrefix(raw, []byte(`"System.`))
}

// collection is a free object, such as a twin's tags, as it was given to the
// service: without what the service writes into it, and out of the
// additionalProperties that SDKs put it in. sdk tells that an SDK wrote the file;
// what the service stores under such a name is the user's. nil is for one that is
// not there.
func (o *object) collection(name string, sdk bool) (json.RawMessage, error) {
	raw := o.take(name)
	if raw == nil {
		return nil, nil
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(raw, &all); err != nil {
		return nil, wrongKind(o.at(name), raw, "an object")
	}
	size := len(all)
	for _, wrapper := range []string{"additionalProperties", "additional_properties"} {
		inner, is := all[wrapper]
		switch {
		case !is:
		case isNull(inner):
			delete(all, wrapper)
		case sdk && bytes.HasPrefix(inner, []byte("{")) && onlyServiceMembers(all, wrapper):
			return inner, nil
		}
	}
	for _, own := range serviceOwn {
		if value, is := all[own]; is && (own[0] == '$' || isNull(value)) {
			delete(all, own)
		}
	}
	switch {
	case len(all) == size:
		return raw, nil
	case len(all) == 0 && sdk:
		return nil, nil // an SDK's empty model
	}
	return json.Marshal(all)
}

// serviceOwn are what the service and SDKs add to a twin's collections.
var serviceOwn = []string{"metadata", "version", "count", "$metadata", "$version"}

func onlyServiceMembers(all map[string]json.RawMessage, wrapper string) bool {
	for name := range all {
		if name != wrapper && !slices.Contains(serviceOwn, name) {
			return false
		}
	}
	return true
}

// strict refuses JSON with two meanings, as records are read.
func strict(raw []byte) error {
	if err := text.CheckJSON(raw); err != nil {
		return fmt.Errorf("%w: %w", identity.ErrRecord, err)
	}
	return nil
}
