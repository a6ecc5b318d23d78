package enroll

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"tpmdps/internal/dps"
	"tpmdps/internal/identity"
	"tpmdps/internal/text"
)

// Why an enrollment is not removed.
var (
	// ErrOtherMachine is for an enrollment whose endorsement key is not that of the
	// record it was to be removed for.
	ErrOtherMachine = errors.New("the enrollment belongs to another machine")
	// ErrNotOurs is for an enrollment of something other than a TPM. Written back, it
	// could lose what the service does not show of it.
	ErrNotOurs = errors.New("the enrollment is not for a TPM: it is left as it is")
	// ErrChanged is for an enrollment, or a registration, that somebody else wrote
	// between plan and removal.
	ErrChanged = errors.New("it was changed meanwhile, nothing was removed")
	// ErrOtherForm is for a key that has no enrollment under the ID that was derived
	// from it, but has one under the other form of that ID.
	ErrOtherForm = errors.New("this key is enrolled under the other form of its ID")
)

// The actions of a removal, beside [Unchanged], [Skipped] and [Refused], which writes nothing:
// [Removal.Err] says why.
const (
	Disable Action = "disable"
	Delete  Action = "delete"
)

// Target is the enrollment that is to go.
type Target struct {
	RegistrationID string
	// EK is the TPM2B_PUBLIC that the enrollment has to have; nil where only the ID was
	// named, so that any TPM's is meant.
	EK []byte
	// ChosenID: the ID or its form was asked for, and not only a default.
	ChosenID bool
}

// RemovalPolicy says how far a removal goes.
type RemovalPolicy struct {
	Delete       bool // the enrollment itself, instead of disabling it
	Registration bool // the record of the last registration, too
}

// Removal is the plan for one enrollment, and after [RemoveEnrollment] and
// [RemoveRegistration] what became of it. All texts are printable.
type Removal struct {
	RegistrationID string `json:"registration_id"`
	Action         Action `json:"action"` // of the enrollment
	// Found is the enrollment's provisioningStatus when the plan was made, enabled or
	// disabled; "" where there was none.
	Found string `json:"found"`
	// RegistrationAction is Delete or Unchanged (there is none), "" where it was not
	// asked for.
	RegistrationAction Action `json:"registration_action"`
	// EndorsementKey is the enrollment's, shown as in a [Change]; "" without one.
	EndorsementKey string `json:"endorsement_key"`
	DeviceID       string `json:"device_id"` // in the hub
	// What became of the machine's last registration, as in an [Item].
	RegistrationStatus string `json:"registration_status"`
	AssignedHub        string `json:"assigned_hub"`
	// Others are enrollments of the same key under its other derived ID, looked for
	// where there is none under this one. Never nil.
	Others []Other `json:"other_enrollments"`
	// ETag is the version that was found, and after a write the one that was made; ""
	// where there is none.
	ETag string `json:"etag"`
	// RequestID is the service's for the write, "" before it.
	RequestID string `json:"-"`

	enrollment       dps.Enrollment
	registrationETag string
	refused          error
}

// SkipRemoval is the plan for a target that is not a TPM's, as a file says: none.
func SkipRemoval(id, attestation string) Removal {
	return Removal{RegistrationID: id, Action: Skipped, Others: []Other{}, refused: fmt.Errorf("%s: %w (%s)", id, ErrNotOurs, attestation)}
}

// Err is nil for a plan that can be carried out.
func (r Removal) Err() error { return r.refused }

// Writes tells whether the plan changes anything.
func (r Removal) Writes() bool {
	return r.Err() == nil && (r.Action == Disable || r.Action == Delete || r.RegistrationAction == Delete)
}

// RegistrationETag is the version of the registration's record that is removed, "" for
// none.
func (r Removal) RegistrationETag() string { return r.registrationETag }

// PlanRemoval asks the service for the enrollment of a target and says what has to be
// done so that its machine can no longer provision. It changes nothing. A refusal is a
// plan, too, not an error: see [Removal.Err].
func PlanRemoval(ctx context.Context, svc *dps.ServiceClient, t Target, p RemovalPolicy) (Removal, error) {
	r := Removal{RegistrationID: t.RegistrationID, Action: Unchanged, Others: []Other{}}
	if err := identity.CheckRegistrationID(t.RegistrationID); err != nil {
		return r, err
	}
	have, err := svc.Enrollment(ctx, t.RegistrationID)
	switch {
	case isNotEnrolled(err):
		if err := r.lookElsewhere(ctx, svc, t); err != nil {
			return r, err
		}
	case err != nil && missing(err):
		return r, fmt.Errorf("look for the enrollment: %w: its error code does not mean a missing enrollment: %w", dps.ErrMalformed, err)
	case err != nil:
		return r, fmt.Errorf("look for the enrollment: %w", err)
	default:
		if err := r.judge(have, t, p); err != nil {
			return r, err
		}
	}
	if p.Registration && r.refused == nil {
		return r, r.findRegistration(ctx, svc)
	}
	return r, nil
}

// judge plans for an enrollment that exists.
func (r *Removal) judge(have dps.Enrollment, t Target, p RemovalPolicy) error {
	if reason := noOwner(have.Attestation); reason != "" {
		return fmt.Errorf("look for the enrollment: %w: %s: %s", dps.ErrMalformed, t.RegistrationID, reason)
	}
	r.enrollment, r.ETag = have, have.ETag
	r.Found = text.Printable(strings.ToLower(cmp.Or(have.ProvisioningStatus, "enabled")), 40)
	r.DeviceID = deviceID(have)
	if state := have.RegistrationState; state != nil {
		r.RegistrationStatus, r.AssignedHub = state.Status, state.AssignedHub
		r.DeviceID = cmp.Or(state.DeviceID, r.DeviceID)
	}
	if have.Attestation.TPM != nil {
		r.EndorsementKey = text.Printable(describeAttestation(have.Attestation), 140)
	}
	switch {
	case have.Attestation.TPM == nil:
		r.refuse(fmt.Errorf("%s: %w (%s)", t.RegistrationID, ErrNotOurs, text.Printable(cmp.Or(have.Attestation.Type, "unknown"), 40)))
	case t.EK != nil && !hasKey(have, t.EK):
		r.refuse(fmt.Errorf("%s: %w: its endorsement key is %s, not %s", t.RegistrationID, ErrOtherMachine, r.EndorsementKey, describeEK(t.EK)))
	case p.Delete:
		r.Action = Delete
	case !isDisabled(have):
		r.Action = Disable
	}
	if (r.Action == Delete || r.Action == Disable) && r.ETag == "" {
		return fmt.Errorf("%s: %w: the enrollment has no ETag, so that a change by somebody else would be lost unseen; nothing was removed",
			t.RegistrationID, dps.ErrMalformed)
	}
	return nil
}

func (r *Removal) refuse(reason error) { r.Action, r.refused = Refused, reason }

// lookElsewhere looks for the enrollment that was meant where there is none under an ID
// that is derived from the key: under its other form. That there is nothing to do must
// not be said of a machine that still provisions. Who may open this enrollment alone
// cannot look for others.
func (r *Removal) lookElsewhere(ctx context.Context, svc *dps.ServiceClient, t Target) error {
	if t.EK == nil || !identity.IsDerived(t.RegistrationID) {
		return nil
	}
	others, err := Others(ctx, svc, t.RegistrationID, t.EK)
	if dps.HasStatus(err, http.StatusUnauthorized) || dps.HasStatus(err, http.StatusForbidden) {
		return nil
	}
	if err != nil {
		return err
	}
	r.Others = others
	if len(others) > 0 && !t.ChosenID {
		r.refuse(fmt.Errorf("%s: %w: %s", t.RegistrationID, ErrOtherForm, others[0].RegistrationID))
	}
	return nil
}

// findRegistration reads the record that is to be removed, of which DPS makes one at
// the first registration.
func (r *Removal) findRegistration(ctx context.Context, svc *dps.ServiceClient) error {
	r.RegistrationAction = Unchanged
	state, err := svc.RegistrationState(ctx, r.RegistrationID)
	switch {
	case isNotEnrolled(err):
		return nil
	case err != nil:
		return fmt.Errorf("look for the registration: %w", err)
	case strings.EqualFold(state.Status, "unassigned") && state.ETag == "":
		return nil // what an enrollment shows before the first one
	case state.ETag == "":
		return fmt.Errorf("%s: %w: the registration has no ETag, so that a later one would be lost unseen; nothing was removed", r.RegistrationID, dps.ErrMalformed)
	}
	r.RegistrationAction, r.registrationETag = Delete, state.ETag
	r.RegistrationStatus, r.AssignedHub = state.Status, state.AssignedHub
	r.DeviceID = cmp.Or(state.DeviceID, r.DeviceID, r.RegistrationID)
	return nil
}

// hasKey tells whether an enrollment is for a key.
func hasKey(e dps.Enrollment, ek []byte) bool {
	if e.Attestation.TPM == nil {
		return false
	}
	theirs, err := base64.StdEncoding.DecodeString(e.Attestation.TPM.EndorsementKey)
	return err == nil && bytes.Equal(theirs, ek)
}
