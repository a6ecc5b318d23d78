// Package enroll brings identity records into the Device Provisioning Service:
// a [identity.Record] and [Settings] become a plan ([Plan], which only reads),
// and the plan is applied ([Apply], which writes at most once).
//
// The one rule: it is idempotent and takes nothing away unasked. An enrollment
// that is already as wanted is left alone; other settings and another
// endorsement key are conflicts until a [Policy] allows to change them; a
// setting that was not given is neither compared nor changed; and what somebody
// else changes between plan and apply is never overwritten. (One gap is the
// service's: that it refuses a second enrollment made in the same moment is what
// its users report, not what is documented.)
//
// In the flow it stands between read-ek and verify: the chip's record, or one
// that travelled on a stick, goes in, the machine may register afterwards.
package enroll

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"tpmdps/internal/dps"
	"tpmdps/internal/identity"
)

// Why an enrollment is not written.
var (
	// ErrConflict is for an enrollment that has other settings, or that
	// somebody else wrote at the same moment.
	ErrConflict = errors.New("the enrollment exists with other settings")
	// ErrOtherEK is for an enrollment that belongs to another chip, or to no
	// chip at all.
	ErrOtherEK = errors.New("the enrollment exists with another endorsement key")
	// ErrForeignID is for a registration ID that was derived from another key
	// than the one to be enrolled: it is another machine's name.
	ErrForeignID = errors.New("the registration ID was derived from another endorsement key")
	// ErrOtherAttestation is ErrOtherEK, too, for an enrollment that has no
	// endorsement key: its machine proves itself by something other than a TPM.
	ErrOtherAttestation error = otherAttestation{}
	// ErrHub is for an enrollment that names a hub that DPS refuses: it has to be
	// linked to it.
	ErrHub = errors.New("the DPS refuses a hub")
	// ErrCertificate is for a record of many whose maker vouches for another key.
	ErrCertificate = errors.New("the EK certificate is for another key")
	// ErrNotTPM is for an enrollment in a batch whose machine proves itself by
	// something other than a TPM.
	ErrNotTPM = errors.New("not an enrollment of a TPM")
)

type otherAttestation struct{}

func (otherAttestation) Error() string { return "the enrollment exists with another attestation" }

func (otherAttestation) Is(target error) bool { return target == ErrOtherEK }

// Policy says what may be done to an enrollment that exists.
type Policy struct {
	Update    bool // change its settings
	ReplaceEK bool // give it another endorsement key: the old machine is locked out
	// Reason is why keys are replaced, in the words of who does it: an [Item] that does so
	// has it. It is printable and free of secrets.
	Reason    string
	ForeignID bool // enroll under an ID that was derived from another key
	// ChosenID: the ID or its form was asked for, and not only a default, so that the
	// key may be enrolled under its other derived ID already.
	ChosenID bool
}

// Action is what a plan comes down to.
type Action string

// The actions. The last four write nothing: [Item.Err] says why, or of a refused one,
// the error that came with it.
const (
	Create     Action = "create"
	Unchanged  Action = "unchanged"
	Update     Action = "update"
	ReplaceEK  Action = "replace-ek"
	Conflict   Action = "conflict"
	EKConflict Action = "ek-conflict"
	Skipped    Action = "skipped"
	Refused    Action = "refused"
)

// Change is one field of an enrollment, named as the service API names it, as
// readable text. Have is empty where nothing is set, Want where it goes away.
// An endorsement key is shown by its base32 ID and the start of its SHA-256,
// and the query of a web hook, which may hold a key, is hidden.
type Change struct {
	Field string `json:"field"`
	Have  string `json:"have"`
	Want  string `json:"want"`
}

// Item is the plan for one record, and after [Apply] what became of it. It can
// be written as JSON to be looked at, but a plan that was read back cannot be
// applied: it is only good for the version of the enrollment it was made for,
// and making it again costs one request. The value to carry around is the
// record.
type Item struct {
	RegistrationID string   `json:"registration_id"`
	Action         Action   `json:"action"`
	DeviceID       string   `json:"device_id"` // in the hub
	Changes        []Change `json:"changes"`   // never nil
	// Unconfirmed are settings that were written, but that the service's answer
	// does not show as wanted. Never nil.
	Unconfirmed []Change `json:"unconfirmed"`
	// Warnings are what will fail later and is not this plan's to change: an
	// initial twin that is there and that no hub accepts. Never nil.
	Warnings []string `json:"warnings"`
	// ETag is the version that was found, and after Apply the one that was made.
	ETag string `json:"etag"`
	// What became of the machine's last registration: "unassigned" if it is
	// enrolled and never registered, "" of an enrollment that is new.
	RegistrationStatus string `json:"registration_status"`
	AssignedHub        string `json:"assigned_hub"`
	// LocksOut is the machine that has the enrollment's endorsement key, where
	// that is another one than the record's: it loses its identity when the key is
	// replaced. nil otherwise.
	LocksOut *Holder `json:"locks_out"`
	// Reason is the [Policy]'s, of a plan that replaces a key; "" of any other.
	Reason string `json:"reason"`
	// Others are enrollments of the same key under its other derived ID, looked for
	// where this one is new and derived. Never nil.
	Others []Other `json:"other_enrollments"`
	// EKVerdict is what was found out about the chip before; nil where nobody asked. It is
	// carried along: a plan does not depend on it.
	EKVerdict *identity.EKVerdict `json:"ek_verdict"`
	// RequestID is the service's for the write, "" before Apply.
	RequestID string `json:"-"`

	wish       wish
	enrollment dps.Enrollment // what Apply writes
	skipped    string         // the attestation of one that is not planned for
}

// Holder is the machine that an enrollment belongs to, as far as the service
// knows it. All texts are printable.
type Holder struct {
	// Attestation is how it proves itself, as the service says: tpm, x509,
	// symmetricKey.
	Attestation string `json:"attestation"`
	// EndorsementKey is shown as in a [Change], "" for a machine without a TPM.
	EndorsementKey string `json:"endorsement_key"`
	// Status is what became of its last registration: assigned, failed, disabled,
	// or "" and unassigned, if there was none.
	Status string `json:"registration_status"`
	// AssignedHub and DeviceID are where it is, "" if nowhere.
	AssignedHub string `json:"assigned_hub"`
	DeviceID    string `json:"device_id"`
	// LastRegistered is when its registration changed last, in the service's
	// spelling of RFC 3339; "" if it never registered.
	LastRegistered string `json:"last_registered"`
}

// String says which machine that is, in words.
func (h Holder) String() string {
	text := "the machine with the endorsement key " + h.EndorsementKey
	if h.EndorsementKey == "" {
		text = "the machine that has no TPM but authenticates by " + cmp.Or(h.Attestation, "other means")
	}
	switch {
	case h.AssignedHub != "":
		text += fmt.Sprintf(", device %s on %s", cmp.Or(h.DeviceID, "unnamed"), h.AssignedHub)
	case h.Status == "" || strings.EqualFold(h.Status, "unassigned"):
		return text + ", which never registered"
	default:
		text += ", registration " + h.Status
	}
	if h.LastRegistered != "" {
		text += ", last registered " + h.LastRegistered
	}
	return text
}

// NewItem is an item of which no more is known than what was or would be done: its lists are
// empty, and none is nil, which would be null as JSON.
func NewItem(id string, action Action) Item {
	return Item{RegistrationID: id, Action: action, Changes: []Change{}, Unconfirmed: []Change{}, Warnings: []string{}, Others: []Other{}}
}

// Skip is the plan for an enrollment that was read and is not a TPM's: none.
// attestation is what it is instead, such as x509.
func Skip(id, attestation string) Item {
	i := NewItem(id, Skipped)
	i.skipped = attestation
	return i
}

// Err is nil for a plan that can be applied, and otherwise wraps [ErrConflict]
// or [ErrOtherEK] (of which [ErrOtherAttestation] is one) and names the fields, or
// [ErrNotTPM].
func (i Item) Err() error {
	switch i.Action {
	case Conflict:
		return fmt.Errorf("%s: %w: %s", i.RegistrationID, ErrConflict, i.differences(false))
	case EKConflict:
		if i.LocksOut != nil && i.LocksOut.EndorsementKey == "" {
			return fmt.Errorf("%s: %w: %s", i.RegistrationID, ErrOtherAttestation, i.differences(true))
		}
		return fmt.Errorf("%s: %w: %s", i.RegistrationID, ErrOtherEK, i.differences(true))
	case Skipped:
		return fmt.Errorf("%s: %w but %s: not copied", i.RegistrationID, ErrNotTPM, i.skipped)
	}
	return nil
}

// Writes tells whether the plan changes anything.
func (i Item) Writes() bool {
	switch i.Action {
	case Create, Update, ReplaceEK:
		return true
	}
	return false
}

// differences lists either the key or the settings.
func (i Item) differences(key bool) string {
	const maxListed = 6
	var parts []string
	for _, c := range i.Changes {
		if (c.Field == fieldEK) == key {
			parts = append(parts, c.String())
		}
	}
	if n := len(parts) - maxListed; n > 0 {
		parts = append(parts[:maxListed], fmt.Sprintf("and %d more", n))
	}
	return strings.Join(parts, "; ")
}

// String says what there is and what is wanted.
func (c Change) String() string {
	switch {
	case c.Have == "":
		return c.Field + " is not set, wanted " + c.Want
	case c.Want == "":
		return c.Field + " is " + c.Have + ", wanted none"
	}
	return c.Field + " is " + c.Have + ", wanted " + c.Want
}
