// Package manifest is the batch file on the stick: one line of JSON for each box whose
// chip was read, appended durably, each line with its number and the sums of [chain].
// A line is an [identity.Record] with a few more members, so what reads records reads
// a batch, too.
//
// The chain has no key. It shows what was lost, changed, moved or doubled by accident;
// someone who writes the sums again is found only with a [Head] that was noted
// elsewhere. docs/batches.md says this for those who use it.
//
// In the flow it stands between reading chips and enrolling them, and knows neither
// chip nor service.
package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strconv"

	"tpmdps/internal/chain"
	"tpmdps/internal/identity"
	"tpmdps/internal/text"
)

var (
	// ErrDamaged is wrapped by [*DamageError].
	ErrDamaged = errors.New("the batch is damaged")
	// ErrPlain is for a file of records without a chain, where a batch is needed.
	ErrPlain = errors.New("it is a plain list of records, without the sums of a batch")
	// ErrConflict is for a box that cannot be in one batch with one that is there: the
	// same serial number or registration ID, and another endorsement key.
	ErrConflict = errors.New("conflict in the batch")
	// ErrExists is for a file that would be written over.
	ErrExists = fmt.Errorf("nothing is overwritten: %w", fs.ErrExist)
	// ErrLabelMismatch is for a scanned code that is not the box's.
	ErrLabelMismatch = errors.New("the scanned label is not this box's")
)

// Line is one box of a batch.
type Line struct {
	// Number is the number of the line in the file, from 1.
	Number int
	// Again is the number of an earlier line of the same box, which was read again on
	// purpose; 0 for all others.
	Again int
	// DeviceID is the name that the box will have in the hub, "" if none was given.
	DeviceID string
	// Record is what was read from the box.
	Record identity.Record
	// Chained tells a line of a batch from a record in a plain list.
	Chained bool

	previous, hash string // the sums of the line before and of this one
}

// layout is a line on the disk, without its own sum. The members before schema are
// read by their place.
type layout struct {
	Number   int    `json:"number"`
	Previous string `json:"previous"`
	Again    int    `json:"again,omitempty"`
	DeviceID string `json:"device_id,omitempty"`
	identity.Record
}

// maxLine bounds a line in bytes, with its end: the longest record that is read.
const maxLine = 64 << 10

// encode writes a line without its end.
func encode(l Line) ([]byte, error) {
	l.Record.Schema = identity.Schema
	object, err := json.Marshal(layout{l.Number, l.previous, l.Again, l.DeviceID, l.Record})
	if err != nil {
		return nil, err
	}
	sealed := chain.Seal(object)
	if len(sealed) >= maxLine {
		return nil, fmt.Errorf("%w: the line would have %d bytes, more than %d", identity.ErrRecord, len(sealed), maxLine-1)
	}
	if _, err := Parse(sealed); err != nil { // what cannot be read back is not written
		return nil, err
	}
	return sealed, nil
}

// begins are the first bytes of every line of a batch.
const begins = `{"number":`

var chained = regexp.MustCompile(`^\{"number":([1-9][0-9]{0,8}),"previous":"([0-9a-f]{64})",(?:"again":([1-9][0-9]{0,8}),)?(?:"device_id":"([^"\\]{1,128})",)?"schema":"`)

// IsChained tells whether a text is a line of a batch by how it begins, whatever
// became of its end.
func IsChained(line []byte) bool { return bytes.HasPrefix(line, []byte(begins)) }

// Parse reads a line of a batch, without its end, and checks its own sum. Whether it
// is in its place only the lines before it can show. The error wraps
// [identity.ErrRecord], and [chain.ErrNoSum] or [chain.ErrEdited].
func Parse(line []byte) (Line, error) {
	if _, err := chain.Unseal(line); err != nil {
		return Line{}, fmt.Errorf("%w: %w", identity.ErrRecord, err)
	}
	l, known := placeOf(line)
	if !known {
		return Line{}, fmt.Errorf("%w: it is not spelled as this program spells it", identity.ErrRecord)
	}
	r, err := identity.ParseRecord(line) // finds a member that stands twice, too
	if err != nil {
		return Line{}, err
	}
	l.Record = r
	if l.DeviceID != "" && !identity.IsDeviceID(l.DeviceID) {
		return Line{}, fmt.Errorf("%w: device_id %q cannot be the name of a device", identity.ErrRecord, text.Printable(l.DeviceID, 140))
	}
	return l, nil
}

// placeOf is a line without its record: what stands before that.
func placeOf(line []byte) (Line, bool) {
	m := chained.FindSubmatch(line)
	if m == nil {
		return Line{}, false
	}
	l := Line{DeviceID: string(m[4]), Chained: true, previous: string(m[2]), hash: chain.Sum(line)}
	l.Number, _ = strconv.Atoi(string(m[1]))
	l.Again, _ = strconv.Atoi(string(m[3])) // 0 where there is none
	return l, true
}

// Head is the value to note at the end of a shift: anyone who has it can tell later that
// the lines up to it are as they were. It is written as NUMBER:HASH.
type Head struct {
	Lines int    // how many there are
	Hash  string // SHA-256 of the last one, in lower-case hex
}

// String is what [Options.Head] reads.
func (h Head) String() string { return strconv.Itoa(h.Lines) + ":" + h.Hash }
