package text

import (
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"time"
)

// shape is what a JSON value has to look like to be decoded into a Go type.
type shape struct {
	of       reflect.Type // nil: anything
	optional bool         // null is accepted
}

var (
	rawType  = reflect.TypeFor[json.RawMessage]()
	timeType = reflect.TypeFor[time.Time]()
)

// plain takes pointers off, and makes anything of what JSON does not say.
func (s shape) plain() shape {
	for s.of != nil && s.of.Kind() == reflect.Pointer {
		s.of, s.optional = s.of.Elem(), true
	}
	if s.of == rawType || s.of != nil && s.of.Kind() == reflect.Interface {
		return shape{optional: true}
	}
	return s
}

func (s shape) isStruct() bool {
	return s.of != nil && s.of.Kind() == reflect.Struct && s.of != timeType
}

// accepts returns "" for a token that such a value may begin with, and otherwise
// what the token is.
func (s shape) accepts(t json.Token) string {
	switch {
	case s.of == nil:
		return ""
	case t == nil:
		if kind := s.of.Kind(); s.optional || kind == reflect.Map || kind == reflect.Slice {
			return ""
		}
		return "null"
	}
	is, fits := "a string", s.of.Kind() == reflect.String || s.of == timeType || s.isBytes()
	switch t := t.(type) {
	case json.Delim:
		is, fits = "an object", s.isStruct() || s.of.Kind() == reflect.Map
		if t == '[' {
			is, fits = "a list", (s.of.Kind() == reflect.Slice || s.of.Kind() == reflect.Array) && !s.isBytes()
		}
	case bool:
		is, fits = "true or false", s.of.Kind() == reflect.Bool
	case json.Number:
		is, fits = "a number", s.isNumber(t.String())
	}
	if fits {
		return ""
	}
	return is
}

// isBytes is for the base64 of bytes.
func (s shape) isBytes() bool {
	return s.of.Kind() == reflect.Slice && s.of.Elem().Kind() == reflect.Uint8
}

func (s shape) isNumber(text string) bool {
	var err error
	switch {
	case s.of.Kind() == reflect.Float32, s.of.Kind() == reflect.Float64:
	case s.of.Kind() >= reflect.Int && s.of.Kind() <= reflect.Int64:
		_, err = strconv.ParseInt(text, 10, s.of.Bits())
	case s.of.Kind() >= reflect.Uint && s.of.Kind() <= reflect.Uint64:
		_, err = strconv.ParseUint(text, 10, s.of.Bits())
	default:
		return false
	}
	return err == nil
}

// wants names the kind, for people.
func (s shape) wants() string {
	switch kind := s.of.Kind(); {
	case s.isStruct(), kind == reflect.Map:
		return "an object"
	case s.isBytes():
		return "a string"
	case kind == reflect.Slice, kind == reflect.Array:
		return "a list"
	case kind == reflect.Bool:
		return "true or false"
	case kind >= reflect.Int && kind <= reflect.Uint64:
		return "a whole number"
	case kind == reflect.Float32, kind == reflect.Float64:
		return "a number"
	}
	return "a string"
}

// element is what the items of a list are.
func (s shape) element() shape {
	if s.of == nil {
		return shape{}
	}
	return shape{of: s.of.Elem()}
}

// member is what the value of a member is, and how the member is spelled. The
// spelling is "" for a member that the type does not know.
func (s shape) member(name string) (shape, string) {
	switch {
	case s.of == nil:
		return shape{}, ""
	case s.of.Kind() == reflect.Map:
		return shape{of: s.of.Elem()}, name
	}
	for _, m := range membersOf(s.of) {
		if strings.EqualFold(m.tag, name) {
			return m.shape, m.tag
		}
	}
	return shape{}, ""
}

// member is one of a struct type.
type member struct {
	tag   string
	shape shape
}

// membersByType are what membersOf found: records by the thousand have one type.
var membersByType sync.Map // reflect.Type to []member

// membersOf lists the members of a struct type, those of embedded ones in their place.
func membersOf(of reflect.Type) []member {
	if known, ok := membersByType.Load(of); ok {
		return known.([]member)
	}
	var all []member
	for i := range of.NumField() {
		field := of.Field(i)
		tag, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case field.Anonymous && tag == "":
			all = append(all, membersOf(field.Type)...)
		case tag != "" && tag != "-":
			all = append(all, member{tag, shape{of: field.Type, optional: strings.Contains(options, "omitempty")}})
		}
	}
	membersByType.Store(of, all)
	return all
}
