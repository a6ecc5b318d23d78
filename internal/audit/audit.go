// Package audit keeps a trail of what was done to a service: a file of JSON
// lines. An intent is written before something is done, an outcome after it, so
// that a process that dies in between leaves the intent: [Report.Open].
//
// # What the sums can show, and what they cannot
//
// Each line has the SHA-256 of the line before it and one of itself. These find
// what was edited, removed or moved by accident, or by someone who does not know
// the format. They have no key: anyone who can write to the file can compute
// them again. Against that there are two means.
//
//   - A head noted elsewhere: [Report.Head] and [Options.Head]. What was written
//     up to that line cannot be changed without it showing.
//   - A key: [Options.Key] adds an HMAC-SHA-256 to each line. Without the key
//     nobody can write a line. That the end was cut off shows only to those who
//     noted a head, and anyone who has the key can write what they like.
//
// In the flow it stands beside the stages: the command line hands it what a
// stage is about to do, and has done. It knows nothing of services, and what it
// is given must be free of secrets.
package audit

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"tpmdps/internal/chain"
)

// Schema names the layout of a line. [SchemaWithoutIntents] is that of older
// versions, which can be the beginning of a trail.
const (
	Schema               = "tpmdps/audit/2"
	SchemaWithoutIntents = "tpmdps/audit/1"
)

var (
	// ErrEmpty is for a trail without lines: a run that wrote nothing leaves one, and so
	// does someone who empties it.
	ErrEmpty = errors.New("the audit trail is empty: there is nothing to verify")
	// ErrDamaged is returned, wrapped with the line and the reason, for a trail
	// that is not as it was written.
	ErrDamaged = errors.New("damaged audit trail")
	// ErrTorn is for the end of a trail that a kill or a power cut left: a part of the
	// line that would be next. [Open] takes it away. It is [ErrDamaged], too.
	ErrTorn = errors.New("it is cut short: a run was killed, or the power failed, while it was written")
	// ErrLocked is for a trail that another process kept to itself for all of the
	// time; the error wraps the end of the context, too.
	ErrLocked = errors.New("another process keeps the audit trail locked")
	// ErrKey is for a trail with keyed sums that was opened without a key.
	ErrKey = errors.New("the lines of this audit trail have keyed sums")
)

// maxLine bounds a line in bytes; an honest one has less than 2 KiB.
const maxLine = 64 << 10

// Stage says when a line was written.
type Stage string

// The stages. Lines of [SchemaWithoutIntents] have none: they are outcomes of
// which no intent was written.
const (
	Intent  Stage = "intent"  // before something is done
	Outcome Stage = "outcome" // afterwards, by the same run or by a later one that looked
)

// Results that mean something to a trail; others are those of who writes it.
const (
	// Done closes an intent, and those of the same kind that were found to be [NotDone].
	Done = "done"
	// NotDone is what a later run saw: nothing was done. The request can still be on its
	// way then, so that a run that looks again may find it done: see [Trail.Undone].
	NotDone = "not done"
	// Unanswered is the one result that leaves an intent open: nothing came back that
	// says whether it was done.
	Unanswered = "unanswered"
)

// Entry is one thing that is about to be done, or what became of it.
type Entry struct {
	Schema         string    `json:"schema"`
	Time           time.Time `json:"time"` // UTC
	Stage          Stage     `json:"stage"`
	Intent         int       `json:"intent"`     // of an outcome: the number of the intent's line; of an intent 0
	Account        string    `json:"account"`    // of the operating system
	Credential     string    `json:"credential"` // what the service was asked with: an Entra ID account, a policy, a SAS token
	Host           string    `json:"host"`
	Tool           string    `json:"tool"`    // name and version of the program
	Service        string    `json:"service"` // its endpoint
	Action         string    `json:"action"`  // such as create
	RegistrationID string    `json:"registration_id"`
	Wanted         string    `json:"wanted"` // a hash of what the enrollment was to be, to compare
	ETag           string    `json:"etag"`   // the version that was to be replaced, "" for none
	// Reason is why, in the words of who did it. A line without one has no such member, as
	// the lines of versions that knew none.
	Reason    string `json:"reason,omitempty"`
	Result    string `json:"result"`     // of an outcome, such as done
	RequestID string `json:"request_id"` // the service's, "" if it gave none
	Error     string `json:"error"`      // "" when done
}

// line is an entry with its place in the chain. The sums stand last: each is
// over everything before it, so that the last line of a file is guarded too.
type line struct {
	Number   int    `json:"number"`   // from 1
	Previous string `json:"previous"` // SHA-256 of the line before, in hex; of nothing for the first
	Entry
}

// oldLine is a line of [SchemaWithoutIntents].
type oldLine struct {
	Number         int       `json:"number"`
	Previous       string    `json:"previous"`
	Schema         string    `json:"schema"`
	Time           time.Time `json:"time"`
	Account        string    `json:"account"`
	Credential     string    `json:"credential"`
	Host           string    `json:"host"`
	Tool           string    `json:"tool"`
	Service        string    `json:"service"`
	Action         string    `json:"action"`
	RegistrationID string    `json:"registration_id"`
	Result         string    `json:"result"`
	RequestID      string    `json:"request_id"`
	Error          string    `json:"error"`
}

// keyedMember separates a line from its keyed sum, which the other sum guards, too.
const keyedMember = `,"hmac_sha256":"`

// encode writes a line and its sums, without the line's end. Without a key there
// is not a keyed one.
func encode(l line, key []byte) ([]byte, error) {
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
	if len(key) > 0 {
		text = append(text, keyedMember+keyedSum(key, text)+`"`...)
	}
	return chain.Seal(append(text, '}')), nil
}

// decode reads a line and checks its sum. keyed is the other sum, "" where the
// line has none, and signed what it is over.
func decode(text []byte) (l line, keyed string, signed []byte, err error) {
	signed, err = chain.Unseal(text)
	if errors.Is(err, chain.ErrNoSum) {
		return line{}, "", nil, errors.New("it is not a line of an audit trail")
	}
	if err != nil {
		return line{}, "", nil, err
	}
	const length = len(keyedMember) + 2*sha256.Size + len(`"`)
	if at := len(signed) - length; at > 0 && bytes.HasPrefix(signed[at:], []byte(keyedMember)) {
		keyed = string(signed[at+len(keyedMember) : len(signed)-1])
		signed = signed[:at]
	}
	l, err = decodeObject(append(bytes.Clone(signed), '}'))
	return l, keyed, signed, err
}

// decodeObject reads a line without its sums. It has to be written exactly as
// this program writes it: a member that is there twice, in other case or unknown
// could show another value than the one that counts.
func decodeObject(text []byte) (line, error) {
	var l line
	err := json.Unmarshal(text, &l)
	var again []byte
	switch l.Schema {
	case Schema:
		again, _ = json.Marshal(l)
	case SchemaWithoutIntents:
		var old oldLine
		err = json.Unmarshal(text, &old)
		again, _ = json.Marshal(old)
		l = old.line()
	case "":
		return line{}, errors.New("it is not a line of an audit trail: it has no schema")
	default:
		return line{}, fmt.Errorf("its schema is %.40q, not %s: written by another version of tpmdps?", l.Schema, Schema)
	}
	switch {
	case err != nil:
		return line{}, errors.New("it is not JSON, or a member has another type than this program writes")
	case !bytes.Equal(again, text):
		return line{}, errors.New("it does not have the form that this program writes: a member is duplicated, unknown, missing or moved")
	}
	return l, nil
}

func (o oldLine) line() line {
	return line{o.Number, o.Previous, Entry{
		Schema: o.Schema, Time: o.Time, Account: o.Account, Credential: o.Credential, Host: o.Host, Tool: o.Tool, Service: o.Service,
		Action: o.Action, RegistrationID: o.RegistrationID, Result: o.Result, RequestID: o.RequestID, Error: o.Error,
	}}
}

func keyedSum(key, text []byte) string {
	h := hmac.New(sha256.New, key)
	h.Write(text)
	return hex.EncodeToString(h.Sum(nil))
}
