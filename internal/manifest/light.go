package manifest

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"

	"tpmdps/internal/chain"
	"tpmdps/internal/identity"
)

// parseNames is [Parse] as far as the names of the box go, which is all that appending
// has to know of the lines before: the record has only these. It reads a large batch ten
// times as fast. A line of which the names are not spelled as this program spells them,
// or that cannot be read so, is left to Parse, which says what is wrong with it.
func parseNames(line []byte) (Line, error) {
	if _, err := chain.Unseal(line); err != nil {
		return Parse(line)
	}
	l, known := placeOf(line)
	r, err := namesIn(line)
	if !known || err != nil || l.DeviceID != "" && !identity.IsDeviceID(l.DeviceID) {
		return Parse(line)
	}
	l.Record = r
	return l, nil
}

// once is a text that stands in an object once: of two nobody knows which one counts.
type once struct {
	text  string
	times int
}

// UnmarshalJSON implements json.Unmarshaler.
func (o *once) UnmarshalJSON(value []byte) error {
	o.times++
	return json.Unmarshal(value, &o.text)
}

// hostOnce is a record's host.
type hostOnce struct {
	serial once
	times  int
}

// UnmarshalJSON implements json.Unmarshaler.
func (h *hostOnce) UnmarshalJSON(value []byte) error {
	h.times++
	var members struct {
		Serial once `json:"serial"`
	}
	err := json.Unmarshal(value, &members)
	h.serial = members.Serial
	return err
}

var errNotPlain = errors.New("the names are not spelled as this program spells them")

// namesIn are the members of a record that tell one box from another.
func namesIn(line []byte) (identity.Record, error) {
	var m struct {
		Schema         once     `json:"schema"`
		RegistrationID once     `json:"registration_id"`
		EndorsementKey once     `json:"endorsement_key"`
		Host           hostOnce `json:"host"`
	}
	if err := json.Unmarshal(line, &m); err != nil {
		return identity.Record{}, err
	}
	for _, times := range []int{m.Schema.times, m.RegistrationID.times, m.EndorsementKey.times, m.Host.times, m.Host.serial.times} {
		if times != 1 {
			return identity.Record{}, errNotPlain
		}
	}
	key := m.EndorsementKey.text
	ek, err := base64.StdEncoding.Strict().DecodeString(key)
	switch {
	case err != nil:
		return identity.Record{}, err
	case m.Schema.text != identity.Schema, strings.ContainsAny(key, "\r\n"), identity.CheckRegistrationID(m.RegistrationID.text) != nil:
		return identity.Record{}, errNotPlain
	}
	return identity.Record{
		Schema: identity.Schema, RegistrationID: m.RegistrationID.text, EndorsementKey: key,
		Host: identity.Host{Serial: m.Host.serial.text},
	}, identity.CheckEndorsementKey(ek)
}
