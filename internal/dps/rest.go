package dps

import (
	"encoding/json"
	"reflect"
	"strings"
)

// rest holds the members of a JSON object that its struct has no field for, so
// that a newer service's settings survive being read and written back by this
// version.
type rest map[string]json.RawMessage

// readObject decodes data into known, a pointer to a struct without its own
// UnmarshalJSON, and returns the members that it has no field for.
func readObject(data []byte, known any) (rest, error) {
	if err := json.Unmarshal(data, known); err != nil {
		return nil, err
	}
	var r rest
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, err
	}
	for name := range r {
		if hasMember(reflect.TypeOf(known).Elem(), name) {
			delete(r, name)
		}
	}
	if len(r) == 0 {
		return nil, nil
	}
	return r, nil
}

// writeObject encodes known, a struct without its own MarshalJSON, together
// with the members of r. What known writes goes before.
func writeObject(known any, r rest) ([]byte, error) {
	data, err := json.Marshal(known)
	if err != nil || len(r) == 0 {
		return data, err
	}
	members := rest{}
	for name, value := range r {
		members[name] = value
	}
	if err := json.Unmarshal(data, &members); err != nil {
		return nil, err
	}
	return json.Marshal(members)
}

// hasMember reports whether encoding/json reads a member into a field of t; it
// compares names without case.
func hasMember(t reflect.Type, name string) bool {
	for i := range t.NumField() {
		tag, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		if tag != "" && strings.EqualFold(tag, name) {
			return true
		}
	}
	return false
}

// Each pair below reads and writes one object of an enrollment with its rest.
// The local type drops the methods, which would call themselves.

// UnmarshalJSON keeps members that are not known.
func (e *Enrollment) UnmarshalJSON(data []byte) (err error) {
	type plain Enrollment
	e.rest, err = readObject(data, (*plain)(e))
	return err
}

// MarshalJSON writes the kept members too.
func (e Enrollment) MarshalJSON() ([]byte, error) {
	type plain Enrollment
	return writeObject(plain(e), e.rest)
}

// UnmarshalJSON keeps members that are not known.
func (a *Attestation) UnmarshalJSON(data []byte) (err error) {
	type plain Attestation
	a.rest, err = readObject(data, (*plain)(a))
	return err
}

// MarshalJSON writes the kept members too.
func (a Attestation) MarshalJSON() ([]byte, error) {
	type plain Attestation
	return writeObject(plain(a), a.rest)
}

// UnmarshalJSON keeps members that are not known.
func (t *TPMAttestation) UnmarshalJSON(data []byte) (err error) {
	type plain TPMAttestation
	t.rest, err = readObject(data, (*plain)(t))
	return err
}

// MarshalJSON writes the kept members too.
func (t TPMAttestation) MarshalJSON() ([]byte, error) {
	type plain TPMAttestation
	return writeObject(plain(t), t.rest)
}

// UnmarshalJSON keeps members that are not known.
func (c *Capabilities) UnmarshalJSON(data []byte) (err error) {
	type plain Capabilities
	c.rest, err = readObject(data, (*plain)(c))
	return err
}

// MarshalJSON writes the kept members too.
func (c Capabilities) MarshalJSON() ([]byte, error) {
	type plain Capabilities
	return writeObject(plain(c), c.rest)
}

// UnmarshalJSON keeps members that are not known.
func (w *InitialTwin) UnmarshalJSON(data []byte) (err error) {
	type plain InitialTwin
	w.rest, err = readObject(data, (*plain)(w))
	return err
}

// MarshalJSON writes the kept members too.
func (w InitialTwin) MarshalJSON() ([]byte, error) {
	type plain InitialTwin
	return writeObject(plain(w), w.rest)
}

// UnmarshalJSON keeps members that are not known.
func (p *InitialTwinProperties) UnmarshalJSON(data []byte) (err error) {
	type plain InitialTwinProperties
	p.rest, err = readObject(data, (*plain)(p))
	return err
}

// MarshalJSON writes the kept members too.
func (p InitialTwinProperties) MarshalJSON() ([]byte, error) {
	type plain InitialTwinProperties
	return writeObject(plain(p), p.rest)
}

// UnmarshalJSON keeps members that are not known.
func (p *ReprovisionPolicy) UnmarshalJSON(data []byte) (err error) {
	type plain ReprovisionPolicy
	p.rest, err = readObject(data, (*plain)(p))
	return err
}

// MarshalJSON writes the kept members too.
func (p ReprovisionPolicy) MarshalJSON() ([]byte, error) {
	type plain ReprovisionPolicy
	return writeObject(plain(p), p.rest)
}

// UnmarshalJSON keeps members that are not known.
func (c *CustomAllocation) UnmarshalJSON(data []byte) (err error) {
	type plain CustomAllocation
	c.rest, err = readObject(data, (*plain)(c))
	return err
}

// MarshalJSON writes the kept members too.
func (c CustomAllocation) MarshalJSON() ([]byte, error) {
	type plain CustomAllocation
	return writeObject(plain(c), c.rest)
}
