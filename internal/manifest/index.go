package manifest

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"tpmdps/internal/host"
	"tpmdps/internal/identity"
)

// key is a fixed-size stand-in for a value that is looked up.
type key [16]byte

func keyOf(value string) key {
	sum := sha256.Sum256([]byte(value))
	return key(sum[:16])
}

// key8 is the begin of a hash in hex.
func key8(hash string) (k [8]byte) {
	raw, _ := hex.DecodeString(hash[:2*min(len(k), len(hash)/2)])
	copy(k[:], raw)
	return k
}

// names are what tells one box from another.
type names struct {
	ek, id, serial key
	noSerial       bool
}

// namesOf are those of a record. DPS compares registration IDs without case, and
// people read serial numbers so; a serial number that boards share names no box.
func namesOf(r identity.Record) names {
	serial := bare(r.Host.Serial)
	return names{
		ek: keyOf(r.EndorsementKey), id: keyOf(strings.ToLower(r.RegistrationID)),
		serial: keyOf(serial), noSerial: host.Placeholder(serial),
	}
}

// index knows the boxes of a batch, by hashes.
type index struct {
	boxes          []box
	ek, id, serial map[key]int32 // indices of boxes
}

// box is a line by its names.
type box struct {
	names
	line int
}

func newIndex() *index {
	return &index{ek: map[key]int32{}, id: map[key]int32{}, serial: map[key]int32{}}
}

// add enters a line; the first one of a box counts.
func (x *index) add(n names, line int) {
	if _, is := x.ek[n.ek]; is {
		return
	}
	at := int32(len(x.boxes))
	x.boxes = append(x.boxes, box{n, line})
	x.ek[n.ek], x.id[n.id] = at, at
	if !n.noSerial {
		x.serial[n.serial] = at
	}
}

// find is the line of a box with a key.
func (x *index) find(n names) (box, bool) {
	at, is := x.ek[n.ek]
	if !is {
		return box{}, false
	}
	return x.boxes[at], true
}

// clash is the line of another box with the same registration ID or serial number,
// and which of the two it is; "" if there is none.
func (x *index) clash(n names) (other box, what string) {
	if at, is := x.id[n.id]; is && x.boxes[at].ek != n.ek {
		return x.boxes[at], sameID
	}
	if at, is := x.serial[n.serial]; is && !n.noSerial && x.boxes[at].ek != n.ek {
		return x.boxes[at], sameSerial
	}
	return box{}, ""
}

// What two boxes must not have in common.
const (
	sameID     = "registration ID"
	sameSerial = "serial number"
)
