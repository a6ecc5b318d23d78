package inventory

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"

	"tpmdps/internal/enroll"
	"tpmdps/internal/host"
	"tpmdps/internal/text"
)

// Duplicates looks for machines that cannot both be enrolled, one entry at a time: one
// registration ID, device ID or serial number for two keys, and one key under two
// registration IDs. The same machine twice is harmless. It keeps hashes, not entries.
// The zero value is ready.
type Duplicates struct {
	seen  [4]map[hash]sighting
	found []error
	more  int
}

type hash [16]byte

func hashOf(value string) hash {
	sum := sha256.Sum256([]byte(value))
	return hash(sum[:16])
}

// sighting is where a name was seen first, and with what.
type sighting struct {
	with hash
	line int
}

// maxFound bounds how many duplicates are named.
const maxFound = 20

// Add looks at an entry.
func (d *Duplicates) Add(e Entry) {
	if e.Other != "" {
		return
	}
	r := e.Record
	id, key := strings.ToLower(r.RegistrationID), hashOf(r.EndorsementKey)
	device := e.Settings.DeviceID
	if device == "" {
		device = id // the service's default
	}
	serial := strings.ToLower(strings.Join(strings.Fields(r.Host.Serial), ""))
	for i, name := range []struct {
		name       string
		with       hash
		have, want string
		ignore     bool
	}{
		{id, key, "the registration ID " + r.RegistrationID, "endorsement keys", false},
		{string(key[:]), hashOf(id), "the same endorsement key", "registration IDs, the second one " + r.RegistrationID, false},
		{device, key, "the device ID " + device, "endorsement keys", false},
		{serial, key, "the serial number " + r.Host.Serial, "endorsement keys", host.Placeholder(serial)},
	} {
		if name.ignore {
			continue
		}
		first, is := d.see(i, hashOf(name.name), sighting{name.with, e.Line})
		if is && first.with != name.with {
			d.report(fmt.Errorf("lines %d and %d have %s and different %s", first.line, e.Line, text.Printable(name.have, 160), text.Printable(name.want, 180)))
			return // what else they have in common says nothing new
		}
	}
}

// Knows tells whether an entry was added.
func (d *Duplicates) Knows(e Entry) bool {
	is, here := d.seen[0][hashOf(strings.ToLower(e.Record.RegistrationID))]
	return here && is.with == hashOf(e.Record.EndorsementKey)
}

// HasID tells whether a machine with a registration ID was added, compared without case.
func (d *Duplicates) HasID(id string) bool {
	_, is := d.seen[0][hashOf(strings.ToLower(id))]
	return is
}

// HasKeyElsewhere tells whether an endorsement key, in base64, was added with another
// registration ID than id.
func (d *Duplicates) HasKeyElsewhere(key, id string) bool {
	hash := hashOf(key)
	is, here := d.seen[1][hashOf(string(hash[:]))]
	return here && is.with != hashOf(strings.ToLower(id))
}

// Forget drops what only Add needs: nothing is added any more.
func (d *Duplicates) Forget() { d.seen[2], d.seen[3] = nil, nil }

// see enters a name, and returns where it was seen before.
func (d *Duplicates) see(kind int, name hash, here sighting) (sighting, bool) {
	if d.seen[kind] == nil {
		d.seen[kind] = map[hash]sighting{}
	}
	first, is := d.seen[kind][name]
	if !is {
		d.seen[kind][name] = here
	}
	return first, is
}

func (d *Duplicates) report(err error) {
	if len(d.found) == maxFound {
		d.more++
		return
	}
	d.found = append(d.found, err)
}

// Err is what was found, in one sentence that wraps [enroll.ErrDuplicate]; nil if that
// is nothing.
func (d *Duplicates) Err() error {
	if len(d.found) == 0 {
		return nil
	}
	var parts []string
	for _, err := range d.found {
		parts = append(parts, err.Error())
	}
	if d.more > 0 {
		parts = append(parts, fmt.Sprintf("and %d more", d.more))
	}
	return fmt.Errorf("%w: %w", enroll.ErrDuplicate, errors.New(strings.Join(parts, "; ")))
}
