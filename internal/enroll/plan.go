package enroll

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"tpmdps/internal/dictionary"
	"tpmdps/internal/dps"
	"tpmdps/internal/identity"
	"tpmdps/internal/text"
)

// wish is a checked record with canonical settings: what an enrollment should
// be like.
type wish struct {
	registrationID string
	ek             []byte // TPM2B_PUBLIC
	ekText         string // its base64
	settings       Settings
}

func newWish(rec identity.Record, s Settings) (wish, error) {
	if err := identity.CheckRegistrationID(rec.RegistrationID); err != nil {
		return wish{}, err
	}
	ek, err := rec.EK()
	if err != nil {
		return wish{}, fmt.Errorf("%s: %w", rec.RegistrationID, err)
	}
	canonical, err := s.canonical()
	if err != nil {
		return wish{}, fmt.Errorf("settings: %w", err)
	}
	return wish{rec.RegistrationID, ek, rec.EndorsementKey, canonical}, nil
}

// Plan asks the service for the enrollment of a record and says what has to be
// done so that it becomes as wanted. It changes nothing. A conflict is a plan
// too, not an error: see [Item.Err].
func Plan(ctx context.Context, svc *dps.ServiceClient, rec identity.Record, s Settings, p Policy) (Item, error) {
	w, err := allowedWish(rec, s, p)
	if err != nil {
		return Item{}, err
	}
	have, err := svc.Enrollment(ctx, w.registrationID)
	if isNotEnrolled(err) {
		return w.first(ctx, svc, p)
	}
	switch {
	case err != nil && missing(err):
		return Item{}, fmt.Errorf("look for the enrollment: %w: its error code does not mean a missing enrollment: %w", dps.ErrMalformed, err)
	case err != nil:
		return Item{}, fmt.Errorf("look for the enrollment: %w", err)
	}
	return w.existing(have, p)
}

// allowedWish is the wish of a record whose ID is its own, or may be another's.
func allowedWish(rec identity.Record, s Settings, p Policy) (wish, error) {
	w, err := newWish(rec, s)
	if err != nil {
		return wish{}, err
	}
	if reason := foreignID(w.registrationID, w.ek); reason != "" && !p.ForeignID {
		return wish{}, fmt.Errorf("%w: %s", ErrForeignID, reason)
	}
	return w, nil
}

// existing plans for an enrollment as the service gave it.
func (w wish) existing(have dps.Enrollment, p Policy) (Item, error) {
	if reason := noOwner(have.Attestation); reason != "" {
		return Item{}, fmt.Errorf("look for the enrollment: %w: %s: %s", dps.ErrMalformed, w.registrationID, reason)
	}
	item := w.change(have, p)
	if item.ETag == "" && (item.Action == Update || item.Action == ReplaceEK) {
		return Item{}, fmt.Errorf("%s: %w: the enrollment has no ETag, so that a change by somebody else would be overwritten unseen; nothing was written",
			w.registrationID, dps.ErrMalformed)
	}
	return item, nil
}

// first plans an enrollment that does not exist. Under an ID that is derived from the
// key it may be the second one of that key: hex was used once, and base32 now. That
// is refused unless the form was chosen. Who may open this enrollment alone cannot
// look for others. A name is chosen by somebody, so nothing is looked for.
func (w wish) first(ctx context.Context, svc *dps.ServiceClient, p Policy) (Item, error) {
	item := w.create()
	if !identity.IsDerived(w.registrationID) {
		return item, nil
	}
	others, err := Others(ctx, svc, w.registrationID, w.ek)
	if dps.HasStatus(err, http.StatusUnauthorized) || dps.HasStatus(err, http.StatusForbidden) {
		return item, nil
	}
	if err != nil {
		return Item{}, err
	}
	if len(others) > 0 && !p.ChosenID {
		return Item{}, &SecondError{ID: w.registrationID, Other: others[0]}
	}
	item.Others = append(item.Others, others...)
	return item, nil
}

// noOwner says why an enrollment does not tell whose it is, "" if it does: DPS
// always does. Taken for another machine's, it would be replaced for want of an
// answer.
func noOwner(a dps.Attestation) string {
	switch {
	case a.Type == "" && a.TPM == nil:
		return "its enrollment has no attestation"
	case a.TPM != nil && a.TPM.EndorsementKey == "", a.TPM == nil && strings.EqualFold(a.Type, "tpm"):
		return "its enrollment is for a TPM, and has no endorsement key"
	}
	return ""
}

// isNotEnrolled tells whether DPS itself said that there is no such enrollment. Which
// of its two codes it says that with is not documented. Whatever else answers
// 404, under a code that nobody knows as well, there may be one.
func isNotEnrolled(err error) bool {
	var refused *dps.Error
	return errors.As(err, &refused) && missing(err) && (refused.Code == codeNotEnrolled || refused.Code == codeNotRegistered)
}

// missing tells whether a refusal means that there is no such enrollment.
func missing(err error) bool {
	var refused *dps.Error
	if !errors.As(err, &refused) {
		return false
	}
	meaning := dictionary.Judge(refused.Details()).Meaning
	return meaning == dictionary.NotEnrolled || meaning == dictionary.NotRegistered
}

// The service's codes for what it does not have.
const (
	codeNotEnrolled   = 404201
	codeNotRegistered = 404202
)

// create plans an enrollment that does not exist.
func (w wish) create() Item {
	e := dps.Enrollment{RegistrationID: w.registrationID}
	changes := w.merge(&e, true)
	return w.item(Create, e, changes)
}

// change plans for an enrollment that exists.
func (w wish) change(have dps.Enrollment, p Policy) Item {
	holder := holderOf(have)
	changes := w.merge(&have, false)
	otherEK := len(changes) > 0 && changes[0].Field == fieldEK
	otherSettings := len(changes) > 1 || len(changes) == 1 && !otherEK
	var action Action
	switch {
	case otherEK && !p.ReplaceEK:
		action = EKConflict
	case otherSettings && !p.Update:
		action = Conflict
	case otherEK:
		action = ReplaceEK
	case otherSettings:
		action = Update
	default:
		action = Unchanged
	}
	item := w.item(action, have, changes)
	if otherEK {
		item.LocksOut = &holder
	}
	if action == ReplaceEK {
		item.Reason = p.Reason
	}
	return item
}

// holderOf reads whom an enrollment belongs to.
func holderOf(e dps.Enrollment) Holder {
	h := Holder{Attestation: text.Printable(e.Attestation.Type, 40)}
	if e.Attestation.TPM != nil {
		h.EndorsementKey = text.Printable(describeAttestation(e.Attestation), 140)
	}
	if s := e.RegistrationState; s != nil {
		h.Status, h.AssignedHub, h.DeviceID, h.LastRegistered = s.Status, s.AssignedHub, s.DeviceID, s.UpdatedAt
	}
	return h
}

func (w wish) item(action Action, e dps.Enrollment, changes []Change) Item {
	// What is written goes to the path of what was asked for, whatever was read.
	e.RegistrationID = w.registrationID
	i := NewItem(w.registrationID, action)
	i.DeviceID, i.ETag, i.Changes, i.wish, i.enrollment = deviceID(e), e.ETag, changes, w, e
	i.Warnings = append(i.Warnings, w.settings.standingFaults(e)...)
	if state := e.RegistrationState; state != nil {
		i.RegistrationStatus, i.AssignedHub = state.Status, state.AssignedHub
	}
	return i
}

// deviceID is the name in the hub that an enrollment gives.
func deviceID(e dps.Enrollment) string {
	if e.DeviceID == "" {
		return text.Printable(e.RegistrationID, 128)
	}
	return text.Printable(e.DeviceID, 128)
}
