package emulator

import (
	"encoding/json"
	"net/http"
)

func (s *Server) putEnrollment(r *request) (reply, error) {
	e, err := parseEnrollment(r.body)
	if err != nil {
		return reply{}, err
	}
	id := fold(r.path[1])
	if fold(e.RegistrationID) != id {
		return reply{}, refuse(codeBadRequest, "The registration ID differs from the one in the path.")
	}
	old, ifMatch := s.state.enrollments[id], r.Header.Get("If-Match")
	switch {
	case old == nil && ifMatch != "":
		return reply{}, refuse(codePrecondition, "There is no enrollment that the ETag could match.")
	case old != nil && ifMatch == "":
		// The service refuses to overwrite blindly; "*" is the way to say so.
		return reply{}, refuse(codeConflict, "The enrollment already exists.")
	case old != nil:
		if err := checkMatch(ifMatch, old.ETag); err != nil {
			return reply{}, err
		}
	}
	s.putStamped(e, old)
	if err := s.state.save(); err != nil {
		return reply{}, err
	}
	return s.enrollmentReply(e), nil
}

// putStamped makes e the enrollment of its ID.
func (s *Server) putStamped(e, old *enrollment) {
	e.stamp(old, s.opts.Now())
	s.state.enrollments[fold(e.RegistrationID)] = e
}

func (s *Server) enrollmentReply(e *enrollment) reply {
	members := e.withState(s.state.registrations[fold(e.RegistrationID)], s.opts.Now())
	return reply{status: http.StatusOK, body: members}.with("ETag", `"`+e.ETag+`"`)
}

func (s *Server) getEnrollment(r *request) (reply, error) {
	e, err := s.enrollment(r)
	if err != nil {
		return reply{}, err
	}
	return s.enrollmentReply(e), nil
}

// enrollment finds the enrollment that the path names.
func (s *Server) enrollment(r *request) (*enrollment, error) {
	e := s.state.enrollments[fold(r.path[1])]
	if e == nil {
		return nil, refuse(codeEnrollmentNotFound, "Enrollment not found.")
	}
	return e, nil
}

func (s *Server) deleteEnrollment(r *request) (reply, error) {
	e, err := s.enrollment(r)
	if err != nil {
		return reply{}, err
	}
	if err := checkMatch(r.Header.Get("If-Match"), e.ETag); err != nil {
		return reply{}, err
	}
	s.forget(fold(e.RegistrationID))
	return reply{status: http.StatusNoContent}, s.state.save()
}

// forget drops the enrollment and what hangs on it. The device's identity on its
// hub would stay; the service cannot take that back either.
func (s *Server) forget(id string) {
	delete(s.state.enrollments, id)
	delete(s.state.registrations, id)
	delete(s.nonce, id)
}

// attestationMechanism returns the attestation with its keys. GET of an
// enrollment leaves secret ones out; a TPM has none.
func (s *Server) attestationMechanism(r *request) (reply, error) {
	e, err := s.enrollment(r)
	if err != nil {
		return reply{}, err
	}
	var attestation map[string]json.RawMessage
	if err := json.Unmarshal(e.members["attestation"], &attestation); err != nil {
		return reply{}, err
	}
	attestation["type"] = jsonString("tpm")
	return reply{status: http.StatusOK, body: attestation}, nil
}

func (s *Server) getRegistration(r *request) (reply, error) {
	reg, err := s.registration(r)
	if err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusOK, body: reg.state(s.opts.Now())}.with("ETag", `"`+reg.ETag+`"`), nil
}

// registration finds the registration that the path names.
func (s *Server) registration(r *request) (*registration, error) {
	reg := s.state.registrations[fold(r.path[1])]
	if reg == nil {
		return nil, refuse(codeRegistrationNotFound, "Registration not found.")
	}
	return reg, nil
}

// deleteRegistration makes the device a new one at its next registration.
func (s *Server) deleteRegistration(r *request) (reply, error) {
	reg, err := s.registration(r)
	if err != nil {
		return reply{}, err
	}
	if err := checkMatch(r.Header.Get("If-Match"), reg.ETag); err != nil {
		return reply{}, err
	}
	delete(s.state.registrations, fold(reg.RegistrationID))
	return reply{status: http.StatusNoContent}, s.state.save()
}
