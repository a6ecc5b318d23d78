package emulator

import "net/http"

func (s *Server) getRegistration(r *request) (reply, error) {
	reg, err := s.registration(r)
	if err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusOK, body: reg.state(s.opts.Now())}, nil
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

// queryRegistrations answers POST /registrations/{group}/query: the devices of a
// group. There are none: a TPM cannot be in a group, and other devices cannot
// register here.
func (s *Server) queryRegistrations(r *request) (reply, error) {
	if _, err := groups.find(s, r); err != nil {
		return reply{}, err
	}
	return page(nil, "DeviceRegistration"), nil
}
