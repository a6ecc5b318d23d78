package emulator

import (
	"net/http"

	"tpmdps/internal/emulator/rest"
)

func (s *Server) getRegistration(r *request) (rest.Reply, error) {
	reg, err := s.registration(r)
	if err != nil {
		return rest.Reply{}, err
	}
	return rest.Reply{Status: http.StatusOK, Body: reg.state(s.opts.Now())}, nil
}

// registration finds the registration that the path names.
func (s *Server) registration(r *request) (*registration, error) {
	reg := s.state.registrations.get(r.path[1])
	if reg == nil {
		return nil, rest.Refuse(codeRegistrationNotFound, "Registration not found.")
	}
	return reg, nil
}

// deleteRegistration makes the device a new one at its next registration.
func (s *Server) deleteRegistration(r *request) (rest.Reply, error) {
	reg, err := s.registration(r)
	if err != nil {
		return rest.Reply{}, err
	}
	if err := rest.CheckMatch(r.Header.Get("If-Match"), reg.ETag); err != nil {
		return rest.Reply{}, err
	}
	s.state.registrations.delete(reg.RegistrationID)
	return rest.Reply{Status: http.StatusNoContent}, s.state.save()
}

// queryRegistrations answers POST /registrations/{group}/query: the devices of a
// group. There are none: a TPM cannot be in a group, and other devices cannot
// register here.
func (s *Server) queryRegistrations(r *request) (rest.Reply, error) {
	if _, err := groups.find(s, r); err != nil {
		return rest.Reply{}, err
	}
	return page(nil, "DeviceRegistration"), nil
}
