package main

import (
	"cmp"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"

	"tpmdps/internal/dictionary"
	"tpmdps/internal/dps"
	"tpmdps/internal/edge/drift"
	"tpmdps/internal/enroll"
	"tpmdps/internal/identity"
	"tpmdps/internal/network"
	"tpmdps/internal/text"
)

// asksService tells whether the operator wants the service asked: a check
// touches the network for nobody else.
func (s *session) asksService() bool {
	flags := []string{"dps", "auth-type", "credential", "connection-string-file", "connection-string-fd", "connection-string", "sas-token-file", "sas-token-fd", "sas-token"}
	return slices.ContainsFunc(flags, s.onCommandLine) ||
		os.Getenv("TPMDPS_SAS_TOKEN") != "" || os.Getenv("PROVISIONING_CONNECTION_STRING") != ""
}

// lookThrough is how many enrollments a check reads in search of its chip's: ten
// requests.
const lookThrough = 1000

// askService asks the service for the file's enrollment and for its last
// registration; chip is the EK, nil where it is not known.
func askService(s *session, facts *drift.Facts) error {
	id := facts.RegistrationID
	switch {
	case !s.asksService():
		facts.NoService, facts.NoServiceHint = "DPS was not asked: there is no credential", emptyCredential()
		return nil
	case id == "":
		facts.NoService, facts.NoServiceHint = "the file has no registration ID to ask for", "tpmdps config --check says in its findings what to type"
		return nil
	case identity.CheckRegistrationID(id) != nil:
		facts.NoService, facts.NoServiceHint = "the file's registration ID cannot be one, so DPS was not asked for it", "correct the registration ID first"
		return nil
	}
	client, err := serviceClient(s)
	if err != nil {
		facts.NoService, facts.NoServiceHint = "DPS was not asked: "+text.Printable(text.Plain(err.Error()), 200), s.hintFor(err)
		return err
	}
	facts.Service, err = client.facts(s, id, facts.Chip)
	if err != nil && facts.Service == nil {
		facts.NoService, facts.NoServiceHint = unanswered(err), s.hintFor(err)
	}
	return err
}

// emptyCredential names a variable that was to hold a credential and is empty.
func emptyCredential() string {
	for _, name := range []string{"TPMDPS_SAS_TOKEN", "PROVISIONING_CONNECTION_STRING"} {
		if text, set := os.LookupEnv(name); set && text == "" {
			return name + " is set and empty; set it, or " + drift.HintCredential
		}
	}
	return ""
}

// hintFor is the hint that the error itself would end the run with.
func (s *session) hintFor(err error) string { return lineIn(s.ctx).fit(verdict(err).hint) }

// unanswered says at which layer asking the service failed.
func unanswered(err error) string {
	says := text.Printable(text.Plain(err.Error()), 200)
	what, step := network.Layer(err)
	switch code := verdict(err).code; {
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

// facts are what the service says of an ID and of a chip. Facts beside an error are
// those that could be had.
func (c service) facts(s *session, id string, chip []byte) (*drift.ServiceFacts, error) {
	e, err := c.Enrollment(s.ctx, id)
	if err != nil && !saysNone(err) {
		return nil, c.operator.explain(err)
	}
	facts := &drift.ServiceFacts{}
	if err == nil {
		*facts = drift.ServiceFacts{Enrolled: true, Disabled: strings.EqualFold(e.ProvisioningStatus, "disabled"), Attestation: e.Attestation.Type}
		if e.Attestation.TPM != nil {
			facts.EndorsementKey = e.Attestation.TPM.EndorsementKey
		}
		if facts.State, facts.NoState, err = registrationFacts(s, c, e); err != nil {
			return facts, c.operator.explain(err)
		}
	}
	return facts, c.others(s, id, chip, facts)
}

// others looks for the same key under other IDs: under those that are made of it,
// and under any where the file's is not enrolled with it. Not being allowed to list
// enrollments is not a fault of what is checked.
func (c service) others(s *session, id string, chip []byte, facts *drift.ServiceFacts) error {
	found, err := enroll.Others(s.ctx, c.ServiceClient, id, chip)
	if err != nil {
		return c.operator.explain(err)
	}
	if len(found) == 0 && !(facts.Enrolled && (chip == nil || facts.IsOf(chip))) && (chip != nil || identity.IsDerived(id)) {
		var all bool
		found, all, err = enroll.Named(s.ctx, c.ServiceClient, id, chip, lookThrough)
		switch {
		case err != nil:
			facts.LookedAt = "the enrollments could not be listed"
			s.log.Debug("list enrollments", "error", err)
		case !all:
			facts.LookedAt = fmt.Sprintf("the first %d enrollments were looked through", lookThrough)
		}
	}
	for _, one := range found {
		facts.Others = append(facts.Others, drift.OtherEnrollment(one))
	}
	return nil
}

// saysNone tells whether DPS says that there is no such enrollment or registration.
func saysNone(err error) bool {
	switch judged(err).Meaning {
	case dictionary.NotEnrolled, dictionary.NotRegistered:
		return true
	}
	return false
}

// registrationFacts are what became of the enrollment's last registration. A
// token for enrollments alone does not open that.
func registrationFacts(s *session, client service, e dps.Enrollment) (_ *drift.RegistrationFacts, why string, err error) {
	state := e.RegistrationState
	if state == nil {
		asked, err := client.RegistrationState(s.ctx, e.RegistrationID)
		switch {
		case saysNone(err):
			return nil, "", nil
		case dps.HasStatus(err, http.StatusUnauthorized), dps.HasStatus(err, http.StatusForbidden):
			return nil, "the credential does not open registrations", nil
		case err != nil:
			return nil, unanswered(err), err
		}
		state = &asked
	}
	return &drift.RegistrationFacts{
		Status: state.Status, Hub: state.AssignedHub, DeviceID: cmp.Or(state.DeviceID, e.DeviceID, e.RegistrationID),
		Code: state.ErrorCode, Message: state.ErrorMessage,
	}, "", nil
}
