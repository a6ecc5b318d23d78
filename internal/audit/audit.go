// Package audit keeps a trail of what was done to a service: a file of JSON
// lines, each of which carries the SHA-256 of the line before it. Who edits,
// removes or reorders a line breaks the chain there, and [Verify] says where.
//
// The one rule: a trail proves nothing against somebody who may write the whole
// file anew, or who cuts off its end. Both show only to who noted the hash of a
// line elsewhere: [Report.Head], and the head that Verify is told.
//
// In the flow it stands beside the stages: the command line hands it what a
// stage has done. It knows nothing of services, and what it is given must be
// free of secrets.
package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// Schema names the layout of a line.
const Schema = "tpmdps/audit/1"

// ErrDamaged is returned, wrapped with the line and the reason, for a trail that
// is not as it was written.
var ErrDamaged = errors.New("damaged audit trail")

// maxLine bounds a line in bytes; an honest one has less than 2 KiB.
const maxLine = 64 << 10

// Entry is one thing that was done, or tried.
type Entry struct {
	Schema         string    `json:"schema"`
	Time           time.Time `json:"time"`       // UTC
	Account        string    `json:"account"`    // of the operating system
	Credential     string    `json:"credential"` // what the service was asked with: an Entra ID account, a policy, a SAS token
	Host           string    `json:"host"`
	Tool           string    `json:"tool"`    // name and version of the program
	Service        string    `json:"service"` // its endpoint
	Action         string    `json:"action"`  // such as create
	RegistrationID string    `json:"registration_id"`
	Result         string    `json:"result"`     // done or failed
	RequestID      string    `json:"request_id"` // the service's, "" if it gave none
	Error          string    `json:"error"`      // "" when done
}

// line is an entry with its place in the chain. The sum stands last: it is over
// everything before it, so that the last line of a file is guarded too.
type line struct {
	Number   int    `json:"number"`   // from 1
	Previous string `json:"previous"` // SHA-256 of the line before, in hex; of nothing for the first
	Entry
}

// sumMember is what separates a line from its own sum.
const sumMember = `,"sha256":"`

// Trail is an open file. It may be used by one goroutine; other processes may
// append to the same file at the same time.
type Trail struct{ file *os.File }

// Open opens a trail for appending, and makes it, with mode 0600, where it does
// not exist. A file whose end is not a whole line of a trail is [ErrDamaged].
func Open(path string) (*Trail, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the audit trail: %w", err)
	}
	t := &Trail{f}
	if err := t.locked(func() error { _, _, err := t.end(); return err }); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return t, nil
}

// Append writes an entry behind the last line, whoever wrote that, and returns
// when it is on the disk. Schema and, where it is zero, Time are filled in.
func (t *Trail) Append(e Entry) error {
	return t.locked(func() error {
		number, previous, err := t.end()
		if err != nil {
			return err
		}
		text, err := encode(line{Number: number + 1, Previous: previous, Entry: e})
		if err != nil {
			return err
		}
		size, err := t.file.Seek(0, io.SeekEnd)
		if err != nil {
			return fmt.Errorf("write the audit trail: %w", err)
		}
		// One write, so that a process that is killed leaves it whole or not at all.
		if _, err := t.file.Write(append(text, '\n')); err != nil {
			// What a full disk did take would be a line cut short for ever.
			return fmt.Errorf("write the audit trail: %w", errors.Join(err, t.file.Truncate(size)))
		}
		if err := t.file.Sync(); err != nil {
			return fmt.Errorf("write the audit trail: %w", err)
		}
		return nil
	})
}

// Close closes the file.
func (t *Trail) Close() error { return t.file.Close() }

// locked runs f while no other process appends.
func (t *Trail) locked(f func() error) (err error) {
	if err := lock(t.file); err != nil {
		return fmt.Errorf("lock the audit trail: %w", err)
	}
	defer func() { err = errors.Join(err, unlock(t.file)) }()
	return f()
}

// end reads the last line: its number, and its hash.
func (t *Trail) end() (number int, hash string, err error) {
	size, err := t.file.Seek(0, io.SeekEnd)
	if err != nil {
		return 0, "", fmt.Errorf("read the audit trail: %w", err)
	}
	if size == 0 {
		return 0, sum(nil), nil
	}
	tail := make([]byte, min(size, maxLine))
	if _, err := t.file.ReadAt(tail, size-int64(len(tail))); err != nil {
		return 0, "", fmt.Errorf("read the audit trail: %w", err)
	}
	whole, ended := bytes.CutSuffix(tail, []byte("\n"))
	if !ended {
		return 0, "", fmt.Errorf("%w: %s: its last line is cut short", ErrDamaged, t.file.Name())
	}
	last := whole[bytes.LastIndexByte(whole, '\n')+1:]
	l, err := decode(last)
	if err != nil {
		return 0, "", fmt.Errorf("%w: %s: its last line: %w", ErrDamaged, t.file.Name(), err)
	}
	return l.Number, sum(last), nil
}

// encode writes a line and its sum, without the line's end.
func encode(l line) ([]byte, error) {
	l.Schema = Schema
	if l.Time.IsZero() {
		l.Time = time.Now()
	}
	l.Time = l.Time.UTC().Truncate(time.Millisecond)
	text, err := json.Marshal(l)
	if err != nil {
		return nil, fmt.Errorf("write the audit trail: %w", err)
	}
	text = bytes.TrimSuffix(text, []byte("}"))
	return append(text, sumMember+sum(text)+`"}`...), nil
}

// decode reads a line and checks its own sum.
func decode(text []byte) (line, error) {
	at := bytes.LastIndex(text, []byte(sumMember))
	if at < 0 {
		return line{}, errors.New("it is no line of an audit trail")
	}
	if string(text[at:]) != sumMember+sum(text[:at])+`"}` {
		return line{}, errors.New("it was edited")
	}
	var l line
	if err := json.Unmarshal(text, &l); err != nil {
		return line{}, errors.New("it is no JSON")
	}
	if l.Schema != Schema {
		return line{}, fmt.Errorf("its schema is %.40q, not %s", l.Schema, Schema)
	}
	return l, nil
}

func sum(text []byte) string {
	h := sha256.Sum256(text)
	return hex.EncodeToString(h[:])
}
