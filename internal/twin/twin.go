// Package twin knows what an IoT Hub accepts as a part of a device's twin: the
// names, the values, how deep they lie, and how large all of it is.
//
// A part that breaks a rule can stand in an enrollment for months: it is the hub
// that refuses it, when the machine starts for the first time. So it is judged
// before it is sent, by the same function by which the emulator refuses it.
//
// The rules are those of "Understand and use device twins in IoT Hub", sections
// "Tags and properties format" and "Device twin size". What it leaves open is
// said where it is decided.
package twin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"tpmdps/internal/text"
)

// Limits of every part of a twin.
const (
	MaxName    = 1 << 10 // bytes of UTF-8 in a name
	MaxText    = 4 << 10 // bytes of UTF-8 in a text
	MaxDepth   = 10      // objects and lists that lie in each other, the part itself not counted
	MinInteger = -1 << 52
	MaxInteger = 1<<52 - 1
)

// Part is one of the three objects that a twin consists of.
type Part int

// The parts. Only the first two can be in an enrollment.
const (
	Tags Part = iota
	Desired
	Reported
)

// String is the path of the part in a twin.
func (p Part) String() string {
	return []string{"tags", "properties.desired", "properties.reported"}[p]
}

// MaxSize is how large the part may be, in bytes as a hub counts them: see
// [Size].
func (p Part) MaxSize() int {
	if p == Tags {
		return 8 << 10
	}
	return 32 << 10
}

// Fault is a rule that a part breaks.
type Fault struct {
	Path   string // where in the twin, such as "tags.site.line 2"; fit for a terminal
	Reason string // in words, without the value
}

// String is the fault as one line.
func (f Fault) String() string { return f.Path + ": " + f.Reason }

// Check returns every rule that a part of a twin breaks, in the order of the
// text; nil for one that a hub accepts. Nothing, and null, are a part that is not
// there. What is not a JSON object with one meaning only is a fault of its own:
// the only one, then.
func Check(part Part, raw []byte) []Fault { return check(part, raw, nil) }

// serviceMembers are what a service writes beside the members of a part, at its
// top; they count for nothing.
var serviceMembers = []string{"$metadata", "$version"}

// CheckStored is [Check] for a part as a service keeps it: with its own members.
func CheckStored(part Part, raw []byte) []Fault { return check(part, raw, serviceMembers) }

// CheckInitial is [CheckStored] for the tags and the desired properties of an
// enrollment's member initialTwin.
func CheckInitial(raw []byte) []Fault {
	if absent(raw) {
		return nil
	}
	var initial struct {
		Tags       json.RawMessage `json:"tags,omitempty"`
		Properties *struct {
			Desired json.RawMessage `json:"desired,omitempty"`
		} `json:"properties,omitempty"`
	}
	if err := text.DecodeJSON(raw, &initial); err != nil {
		return []Fault{unreadable("initialTwin", err)}
	}
	faults := CheckStored(Tags, initial.Tags)
	if p := initial.Properties; p != nil {
		faults = append(faults, CheckStored(Desired, p.Desired)...)
	}
	return faults
}

// Size is how large a JSON object is as a hub counts it: the names and texts in
// bytes of UTF-8 without their control characters, 8 for a number, 4 for true and
// false; braces, commas and quotes count for nothing. The documentation does not
// say what null is, which is 0 here, and lists, which are the sum of their items.
// It is 0 for what is not one JSON value.
func Size(raw []byte) int {
	w := newWalk(raw)
	if json.Valid(raw) {
		w.value("", 0, false)
	}
	return w.size
}

func check(part Part, raw []byte, ignored []string) []Fault {
	if absent(raw) {
		return nil
	}
	var members map[string]json.RawMessage
	if err := text.DecodeJSON(raw, &members); err != nil {
		return []Fault{unreadable(part.String(), err)}
	}
	if len(ignored) > 0 && slices.ContainsFunc(ignored, func(name string) bool { _, ok := members[name]; return ok }) {
		for _, name := range ignored {
			delete(members, name)
		}
		raw, _ = json.Marshal(members) // was JSON before
	}
	w := newWalk(raw)
	w.value(part.String(), 0, false)
	if w.size > part.MaxSize() {
		w.fault(part.String(), "it has %d bytes as a hub counts them, and a hub accepts %d", w.size, part.MaxSize())
	}
	return w.faults
}

func absent(raw []byte) bool {
	raw = bytes.TrimSpace(raw)
	return len(raw) == 0 || string(raw) == "null"
}

func unreadable(path string, err error) Fault {
	var fault *text.JSONError
	if errors.As(err, &fault) {
		return Fault{path, fmt.Sprintf("line %d: %s", fault.Line, fault.Reason)}
	}
	return Fault{path, err.Error()}
}
