package checkup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"tpmdps/internal/dictionary"
	"tpmdps/internal/dps"
	"tpmdps/internal/edge/drift"
	"tpmdps/internal/enroll"
	"tpmdps/internal/identity"
	"tpmdps/internal/network"
	"tpmdps/internal/text"
)

// Service is the service API of a DPS. Explain adds to a refusal what it says of the
// one who asks.
type Service struct {
	Client  *dps.ServiceClient
	Host    string // of the API
	Explain func(error) error
}

// mostEnrollments is how many enrollments a check reads in search of its chip's: ten
// requests.
const mostEnrollments = 1000

// askService asks the service for the file's enrollment and for its last
// registration.
func (r Request) askService(ctx context.Context, facts *drift.Facts) error {
	id := facts.RegistrationID
	switch {
	case r.Service == nil:
		facts.NoService, facts.NoServiceHint = "DPS was not asked: there is no credential", r.NoServiceHint
		return nil
	case id == "":
		facts.NoService, facts.NoServiceHint = "the file has no registration ID to ask for", "give the file a registration ID first; the findings show what to type"
		return nil
	case identity.CheckRegistrationID(id) != nil:
		facts.NoService, facts.NoServiceHint = "the file's registration ID cannot be one, so DPS was not asked for it", "correct the registration ID first"
		return nil
	}
	service, err := r.Service()
	if err != nil {
		facts.NoService = "DPS was not asked: " + text.Printable(text.Plain(err.Error()), 200)
		_, facts.NoServiceHint = r.Verdict(err)
		return err
	}
	facts.DPS = service.Host
	facts.Service, err = r.enrollment(ctx, service, id, facts.Chip)
	if err != nil && facts.Service == nil {
		facts.NoService = r.unanswered(err)
		_, facts.NoServiceHint = r.Verdict(err)
	}
	return err
}

// unanswered says at which layer asking the service failed.
func (r Request) unanswered(err error) string {
	says := text.Printable(text.Plain(err.Error()), 200)
	what, step := network.Layer(err)
	switch code, _ := r.Verdict(err); {
	case step != "":
		return fmt.Sprintf("DPS was not reached, %s (%s): %s", what, step, says)
	case what != "":
		return fmt.Sprintf("DPS did not answer, %s: %s", what, says)
	case code == 21:
		return "something other than DPS answered: " + says
	case code == 30:
		return "DPS refused the credential: " + says
	}
	return "DPS did not answer: " + says
}

// enrollment is what the service says of an ID and of a chip. Facts beside an error
// are those that could be had.
func (r Request) enrollment(ctx context.Context, s Service, id string, chip []byte) (*drift.ServiceFacts, error) {
	e, err := s.Client.Enrollment(ctx, id)
	if err != nil && !isMissing(err) {
		return nil, s.Explain(err)
	}
	facts := &drift.ServiceFacts{}
	if err == nil {
		*facts = drift.ServiceFacts{Enrolled: true, Disabled: strings.EqualFold(e.ProvisioningStatus, "disabled"), Attestation: e.Attestation.Type}
		if e.Attestation.TPM != nil {
			facts.EndorsementKey = e.Attestation.TPM.EndorsementKey
		}
		if facts.State, facts.NoState, err = r.registration(ctx, s.Client, e); err != nil {
			return facts, s.Explain(err)
		}
	}
	return facts, r.others(ctx, s, id, chip, facts)
}

// others looks for the same key under other IDs: under those that are made of it,
// and under any where the file's is not enrolled with it. Not being allowed to list
// enrollments is not a fault of what is checked.
func (r Request) others(ctx context.Context, s Service, id string, chip []byte, facts *drift.ServiceFacts) error {
	found, err := enroll.Others(ctx, s.Client, id, chip)
	if err != nil {
		return s.Explain(err)
	}
	if len(found) == 0 && !(facts.Enrolled && (chip == nil || facts.IsOf(chip))) && (chip != nil || identity.IsDerived(id)) {
		var all bool
		found, all, err = enroll.Named(ctx, s.Client, id, chip, mostEnrollments)
		switch {
		case err != nil:
			facts.LookedAt = "the enrollments could not be listed"
			r.Log.Debug("list enrollments", "error", err)
		case !all:
			facts.LookedAt = fmt.Sprintf("the first %d enrollments were looked through", mostEnrollments)
		}
	}
	for _, one := range found {
		facts.Others = append(facts.Others, drift.OtherEnrollment(one))
	}
	return nil
}

// isMissing reports whether DPS says that there is no such enrollment or
// registration.
func isMissing(err error) bool {
	var refused *dps.Error
	if !errors.As(err, &refused) {
		return false
	}
	switch dictionary.Judge(refused.Details()).Meaning {
	case dictionary.NotEnrolled, dictionary.NotRegistered:
		return true
	}
	return false
}

// registration is what became of the enrollment's last registration. A token for
// enrollments alone does not open that.
func (r Request) registration(ctx context.Context, client *dps.ServiceClient, e dps.Enrollment) (_ *drift.RegistrationFacts, why string, err error) {
	state := e.RegistrationState
	if state == nil {
		asked, err := client.RegistrationState(ctx, e.RegistrationID)
		switch {
		case isMissing(err):
			return nil, "", nil
		case dps.HasStatus(err, http.StatusUnauthorized), dps.HasStatus(err, http.StatusForbidden):
			return nil, "the credential does not allow reading registrations", nil
		case err != nil:
			return nil, r.unanswered(err), err
		}
		state = &asked
	}
	return &drift.RegistrationFacts{
		Status: state.Status, Hub: state.AssignedHub, DeviceID: cmp.Or(state.DeviceID, e.DeviceID, e.RegistrationID),
		Code: state.ErrorCode, Message: state.ErrorMessage,
	}, "", nil
}
