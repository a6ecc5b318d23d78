package main

import (
	"cmp"
	"net/http"
	"os"
	"slices"

	"tpmdps/internal/dictionary"
	"tpmdps/internal/dps"
	"tpmdps/internal/edge"
	"tpmdps/internal/identity"
	"tpmdps/internal/text"
)

// asksService tells whether the operator wants the service asked: a check
// touches the network for nobody else.
func (s *session) asksService() bool {
	flags := []string{"dps", "auth-type", "credential", "connection-string-file", "connection-string-fd", "connection-string", "sas-token-file", "sas-token-fd", "sas-token"}
	return slices.ContainsFunc(flags, s.onCommandLine) ||
		os.Getenv("TPMDPS_SAS_TOKEN") != "" || os.Getenv("PROVISIONING_CONNECTION_STRING") != ""
}

// enrollmentFacts asks the service for an enrollment and its last registration.
func enrollmentFacts(s *session, id string) (facts *edge.ServiceFacts, why string, err error) {
	switch {
	case !s.asksService():
		return nil, "DPS was not asked: there is no credential", nil
	case id == "":
		return nil, "the file has no registration ID to ask for", nil
	case identity.CheckRegistrationID(id) != nil:
		return nil, "the file's registration ID is none to ask for", nil
	}
	client, err := serviceClient(s)
	if err != nil {
		return nil, "DPS was not asked: " + identity.Printable(text.Plain(err.Error()), 200), err
	}
	e, err := client.Enrollment(s.ctx, id)
	switch {
	case saysNone(err):
		return &edge.ServiceFacts{}, "", nil
	case err != nil:
		err = client.operator.explain(err)
		return nil, "DPS did not answer: " + identity.Printable(text.Plain(err.Error()), 200), err
	}
	facts = &edge.ServiceFacts{Enrolled: true, Disabled: e.ProvisioningStatus == "disabled", Attestation: e.Attestation.Type}
	if e.Attestation.TPM != nil {
		facts.EndorsementKey = e.Attestation.TPM.EndorsementKey
	}
	facts.State, facts.NoState, err = registrationFacts(s, client, e)
	return facts, "", err
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
func registrationFacts(s *session, client service, e dps.Enrollment) (_ *edge.RegistrationFacts, why string, err error) {
	state := e.RegistrationState
	if state == nil {
		asked, err := client.RegistrationState(s.ctx, e.RegistrationID)
		switch {
		case saysNone(err):
			return nil, "", nil
		case dps.HasStatus(err, http.StatusUnauthorized), dps.HasStatus(err, http.StatusForbidden):
			return nil, "the credential does not open registrations", nil
		case err != nil:
			return nil, "DPS did not answer: " + identity.Printable(text.Plain(err.Error()), 200), err
		}
		state = &asked
	}
	return &edge.RegistrationFacts{
		Status: state.Status, Hub: state.AssignedHub, DeviceID: cmp.Or(state.DeviceID, e.DeviceID, e.RegistrationID),
		Code: state.ErrorCode, Message: state.ErrorMessage,
	}, "", nil
}
