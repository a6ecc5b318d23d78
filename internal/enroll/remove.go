package enroll

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"

	"tpmdps/internal/dictionary"
	"tpmdps/internal/dps"
)

// RemoveEnrollment carries out a plan as far as the enrollment is concerned, and returns
// it with what the service answered. Only the version that the plan was made for is
// touched: otherwise the error wraps [ErrChanged] and the service's refusal.
func RemoveEnrollment(ctx context.Context, svc *dps.ServiceClient, r Removal) (Removal, error) {
	switch {
	case r.Err() != nil:
		return r, r.Err()
	case r.Action == Unchanged:
		return r, nil
	case r.Action != Disable && r.Action != Delete:
		return r, fmt.Errorf("remove %s: %q is not a plan", r.RegistrationID, r.Action)
	case r.ETag == "":
		return r, fmt.Errorf("remove: %s would be written without its ETag", r.RegistrationID)
	case r.Action == Delete:
		return r.deleteEnrollment(ctx, svc)
	}
	return r.disable(ctx, svc)
}

// disable writes the enrollment as it was read, but disabled, and believes only an
// answer that shows it so.
func (r Removal) disable(ctx context.Context, svc *dps.ServiceClient) (Removal, error) {
	wanted := r.enrollment
	wanted.RegistrationID, wanted.ProvisioningStatus = r.RegistrationID, "disabled"
	stored, err := svc.PutEnrollment(ctx, wanted, r.ETag)
	if isConflict(err) || isNotEnrolled(err) {
		// Somebody else, or this very request, whose first answer was lost.
		now, lookErr := svc.Enrollment(ctx, r.RegistrationID)
		if lookErr != nil || !isDisabled(now) || !r.sameKey(now) {
			return r, r.changed(err)
		}
		stored, err = now, nil
	}
	if err != nil {
		return r, fmt.Errorf("disable the enrollment: %w", err)
	}
	r.RequestID = stored.RequestID
	switch {
	case !isDisabled(stored):
		return r, fmt.Errorf("%s: %w: after the write the enrollment is not disabled", r.RegistrationID, dps.ErrMalformed)
	case !r.sameKey(stored):
		return r, fmt.Errorf("%s: %w: after the write the enrollment has another endorsement key: %s",
			r.RegistrationID, dps.ErrMalformed, describeAttestation(stored.Attestation))
	}
	r.ETag = stored.ETag
	return r, nil
}

// deleteEnrollment removes the enrollment. One that is not there any more was removed by
// this very request, whose first answer was lost, or by somebody who wanted the same.
func (r Removal) deleteEnrollment(ctx context.Context, svc *dps.ServiceClient) (Removal, error) {
	err := svc.DeleteEnrollment(ctx, r.RegistrationID, r.ETag)
	switch {
	case err == nil || isNotEnrolled(err):
	case isConflict(err):
		return r, r.changed(err)
	default:
		return r, fmt.Errorf("delete the enrollment: %w", err)
	}
	r.ETag = ""
	return r, nil
}

// RemoveRegistration removes the record of the last registration. One that is not there
// any more went with the enrollment.
func RemoveRegistration(ctx context.Context, svc *dps.ServiceClient, r Removal) error {
	switch {
	case r.Err() != nil:
		return r.Err()
	case r.RegistrationAction != Delete:
		return nil
	case r.registrationETag == "":
		return fmt.Errorf("remove: the registration of %s would be removed without its ETag", r.RegistrationID)
	}
	err := svc.DeleteRegistration(ctx, r.RegistrationID, r.registrationETag)
	switch {
	case err == nil || isNotEnrolled(err):
		return nil
	case isConflict(err):
		return fmt.Errorf("%s: the registration: %w: %w", r.RegistrationID, ErrChanged, err)
	}
	return fmt.Errorf("delete the registration: %w", err)
}

func (r Removal) changed(refused error) error {
	return fmt.Errorf("%s: the enrollment: %w: %w", r.RegistrationID, ErrChanged, refused)
}

// sameKey tells whether an enrollment has the key of the one that the plan was made for,
// which nobody may be able to read.
func (r Removal) sameKey(e dps.Enrollment) bool {
	have, planned := e.Attestation.TPM, r.enrollment.Attestation.TPM
	if have == nil || planned == nil {
		return false
	}
	ek, err := base64.StdEncoding.DecodeString(planned.EndorsementKey)
	return have.EndorsementKey == planned.EndorsementKey || err == nil && hasKey(e, ek)
}

// isConflict tells whether a refusal says that the version is not the one that is there.
func isConflict(err error) bool {
	var refused *dps.Error
	return errors.As(err, &refused) && dictionary.Judge(refused.Details()).Meaning == dictionary.Conflict
}
