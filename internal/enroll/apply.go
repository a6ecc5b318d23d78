package enroll

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"tpmdps/internal/dictionary"
	"tpmdps/internal/dps"
	"tpmdps/internal/text"
)

// Apply carries out a plan and returns it with what the service answered. For a
// plan that is a conflict it returns [Item.Err]; for an enrollment that changed
// since the plan was made, an error that wraps [ErrConflict] and the service's
// refusal.
func Apply(ctx context.Context, svc *dps.ServiceClient, item Item) (Item, error) {
	switch item.Action {
	case Unchanged:
		return item, nil
	case Conflict, EKConflict, Skipped:
		return item, item.Err()
	case Create, Update, ReplaceEK:
	default:
		return item, fmt.Errorf("apply %q to %s: not a plan", item.Action, item.RegistrationID)
	}
	if len(item.wish.ek) == 0 {
		return item, errors.New("apply: a plan that was read back must be made again")
	}
	if item.Action != Create && item.ETag == "" {
		return item, fmt.Errorf("apply: %s would be replaced without its ETag", item.RegistrationID)
	}
	stored, err := svc.PutEnrollment(ctx, item.enrollment, item.ifMatch())
	if err != nil {
		if stored, err = settle(ctx, svc, item, err); err != nil {
			return item, err
		}
	}
	return confirm(item, stored)
}

// ifMatch names the version that may be replaced: the one that the plan was made
// for. DPS has no "only if absent", so a new enrollment is written without it.
func (i Item) ifMatch() string {
	if i.Action == Create {
		return ""
	}
	return i.ETag
}

// settle looks again after a refusal that says that the enrollment is not what
// the plan was made for. Somebody else may have written it; but it may also
// have been this very request, sent again by the pipeline because the first
// answer was lost. If the enrollment is as wanted now, that is what was asked
// for.
func settle(ctx context.Context, svc *dps.ServiceClient, item Item, refused error) (dps.Enrollment, error) {
	var e *dps.Error
	switch isRefusal := errors.As(refused, &e); {
	case isRefusal && dictionary.Judge(e.Details()).Meaning == dictionary.Conflict:
	case isRefusal && refusesHub(item.enrollment, e):
		return dps.Enrollment{}, fmt.Errorf("write the enrollment: %w: %w", ErrHub, refused)
	default:
		return dps.Enrollment{}, fmt.Errorf("write the enrollment: %w", refused)
	}
	now, err := svc.Enrollment(ctx, item.RegistrationID)
	switch {
	case err == nil && len(item.wish.merge(&now, false)) == 0:
		return now, nil
	case err != nil && !missing(err): // so nothing is known of it
		return dps.Enrollment{}, fmt.Errorf("look again after a refusal (%s): %w", text.Plain(refused.Error()), err)
	}
	return dps.Enrollment{}, fmt.Errorf("%s: %w: it was changed meanwhile, nothing was written: %w", item.RegistrationID, ErrConflict, refused)
}

// refusesHub tells whether a refusal of what was sent is about a hub in it. DPS has
// one code for all parts of a request, and names the part in words.
func refusesHub(e dps.Enrollment, refused *dps.Error) bool {
	named := len(e.IoTHubs) > 0 || e.IoTHubHostName != ""
	return named && dictionary.Judge(refused.Details()).Meaning == dictionary.BadRequest && strings.Contains(strings.ToLower(refused.Message), "hub")
}

// confirm reads in the service's answer what it has now. That it is this chip's,
// and this device's, must be seen to be believed; a setting that it spells
// differently is only reported. That it is about this registration ID, the client
// has seen to.
func confirm(item Item, stored dps.Enrollment) (Item, error) {
	item.RequestID = stored.RequestID
	device, same := deviceID(stored), sameDevice(stored, item.enrollment) // merge makes it as wanted
	left := item.wish.merge(&stored, false)
	if len(left) > 0 && left[0].Field == fieldEK {
		return item, fmt.Errorf("%s: %w: after the write the enrollment has the endorsement key %s instead of %s",
			item.RegistrationID, dps.ErrMalformed, left[0].Have, left[0].Want)
	}
	item.ETag, item.Unconfirmed = stored.ETag, left
	if !same {
		return item, fmt.Errorf("%s: %w: after the write the enrollment is for the device %s instead of %s",
			item.RegistrationID, dps.ErrMalformed, device, deviceID(item.enrollment))
	}
	return item, nil
}

// sameDevice compares device IDs as a hub does, with case. None is the
// registration ID, which DPS compares without.
func sameDevice(stored, written dps.Enrollment) bool {
	if written.DeviceID == "" && stored.DeviceID != "" {
		return strings.EqualFold(stored.DeviceID, written.RegistrationID)
	}
	return stored.DeviceID == written.DeviceID || stored.DeviceID == "" && written.DeviceID == written.RegistrationID
}
