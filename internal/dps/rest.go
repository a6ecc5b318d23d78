package dps

import (
	"bytes"
	"encoding/json"
	"maps"
	"reflect"
	"strings"
)

// rest is embedded in the structs of an enrollment: the members of the JSON object
// that they have no field for, so that a newer service's settings survive being
// read and written back by this version. Only [Enrollment] reads and writes them,
// for itself and for the objects in it.
type rest struct{ unknown map[string]json.RawMessage }

func (r *rest) members() *map[string]json.RawMessage { return &r.unknown }

// UnmarshalJSON keeps members that are not known.
func (e *Enrollment) UnmarshalJSON(data []byte) error {
	type plain Enrollment // without the methods, which would call themselves
	if err := json.Unmarshal(data, (*plain)(e)); err != nil {
		return err
	}
	return readRest(reflect.ValueOf(e), data)
}

// MarshalJSON writes the kept members too.
func (e Enrollment) MarshalJSON() ([]byte, error) {
	type plain Enrollment
	data, err := json.Marshal(plain(e))
	if err != nil {
		return nil, err
	}
	return addRest(reflect.ValueOf(&e), data)
}

// readRest keeps what the object v, and each object in it, has no field for. data is
// what v was decoded from.
func readRest(v reflect.Value, data []byte) error {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(data, &all); err != nil {
		return err
	}
	for name, value := range all {
		field := fieldOf(v, name)
		if !field.IsValid() {
			continue
		}
		delete(all, name)
		if object := objectIn(field); object.IsValid() {
			if err := readRest(object, value); err != nil {
				return err
			}
		}
	}
	if len(all) == 0 {
		all = nil
	}
	*restOf(v) = all
	return nil
}

// addRest adds to data, which is v without it, what v and the objects in it keep.
// What has a field goes before. Without any rest data stays as it is.
func addRest(v reflect.Value, data []byte) ([]byte, error) {
	var known map[string]json.RawMessage
	if err := json.Unmarshal(data, &known); err != nil {
		return nil, err
	}
	changed := len(*restOf(v)) > 0
	for name, value := range known {
		if object := objectIn(fieldOf(v, name)); object.IsValid() {
			with, err := addRest(object, value)
			if err != nil {
				return nil, err
			}
			changed = changed || !bytes.Equal(with, value)
			known[name] = with
		}
	}
	if !changed {
		return data, nil
	}
	all := maps.Clone(*restOf(v))
	if all == nil {
		return json.Marshal(known)
	}
	maps.Copy(all, known)
	return json.Marshal(all)
}

// keeper is a pointer to a struct that embeds rest.
type keeper interface {
	members() *map[string]json.RawMessage
}

func restOf(v reflect.Value) *map[string]json.RawMessage { return v.Interface().(keeper).members() }

// objectIn is the pointer to a struct with a rest that a field holds or points to, or
// the zero value where there is none.
func objectIn(field reflect.Value) reflect.Value {
	if field.IsValid() && field.Kind() == reflect.Struct {
		field = field.Addr()
	}
	if !field.IsValid() || field.Kind() != reflect.Pointer || field.IsNil() {
		return reflect.Value{}
	}
	if _, keeps := field.Interface().(keeper); !keeps {
		return reflect.Value{}
	}
	return field
}

// fieldOf is the field that encoding/json reads a member into, or the zero value; it
// compares names without case. v is a pointer to a struct.
func fieldOf(v reflect.Value, name string) reflect.Value {
	t := v.Type().Elem()
	for i := range t.NumField() {
		tag, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		if tag != "" && tag != "-" && strings.EqualFold(tag, name) {
			return v.Elem().Field(i)
		}
	}
	return reflect.Value{}
}
