package emulator

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"tpmdps/internal/emulator/rest"
)

// deviceRegistration is the body of every request of a device.
type deviceRegistration struct {
	RegistrationID string `json:"registrationId"`
	TPM            *struct {
		EndorsementKey string `json:"endorsementKey"`
		StorageRootKey string `json:"storageRootKey"`
	} `json:"tpm"`
}

// operationStatus is the body of the answers to a device that has proved itself.
type operationStatus struct {
	OperationID       string             `json:"operationId"`
	Status            string             `json:"status"`
	RegistrationState *registrationState `json:"registrationState,omitempty"`
}

// register answers PUT .../register: the challenge to a device that sends no
// token, an operation to one that signed with the challenge's key.
func (s *Server) register(r *request) (rest.Reply, error) {
	e, body, err := s.deviceRequest(r)
	if err != nil {
		return rest.Reply{}, err
	}
	srk, err := s.checkKeys(e, body)
	if err != nil {
		return rest.Reply{}, err
	}
	if r.Header.Get("Authorization") == "" {
		return s.challenge(e, srk)
	}
	if _, err := s.authenticate(r, e); err != nil {
		return rest.Reply{}, err
	}
	id := fold(e.RegistrationID)
	reg := s.assign(e, s.state.registrations.get(id), r.apiVersion)
	s.state.registrations.put(id, reg)
	if err := s.state.save(); err != nil {
		return rest.Reply{}, err
	}
	op := &operation{registrationID: id, started: s.opts.Now(), registration: reg}
	return s.opened(r, s.ops.add(op), reg), nil
}

// deviceRequest finds the enrollment that a device's request is about.
func (s *Server) deviceRequest(r *request) (*enrollment, deviceRegistration, error) {
	var body deviceRegistration
	if err := json.Unmarshal(r.body, &body); err != nil {
		return nil, body, rest.Refuse(codeBadRequest, "The registration is not valid JSON.")
	}
	if err := s.faults.refusal(); err != nil {
		return nil, body, err
	}
	id := fold(r.path[2])
	if body.RegistrationID != "" && fold(body.RegistrationID) != id {
		return nil, body, rest.Refuse(codeBadRequest, "The registration ID differs from the one in the path.")
	}
	e := s.state.enrollments.get(id)
	if e == nil && s.opts.EnrollOnSight && body.TPM != nil {
		return s.enrollOnSight(id, body)
	}
	if e == nil {
		return nil, body, individuals.errNotFound()
	}
	return e, body, checkTPM(e)
}

// checkTPM refuses a device whose enrollment does not say how a chip would prove
// itself.
func checkTPM(e *enrollment) error {
	if e.ek == nil {
		return rest.Refuse(codeBadRequest, "The enrollment has no TPM attestation: this emulator registers nothing else.")
	}
	return nil
}

// enrollOnSight makes the enrollment that an unknown device would need.
func (s *Server) enrollOnSight(id string, body deviceRegistration) (*enrollment, deviceRegistration, error) {
	text, err := json.Marshal(map[string]any{
		"registrationId": id,
		"attestation":    map[string]any{"type": "tpm", "tpm": map[string]string{"endorsementKey": body.TPM.EndorsementKey}},
	})
	if err != nil {
		return nil, body, err
	}
	e, err := parseEnrollment(text)
	if err != nil {
		return nil, body, err
	}
	if err := s.putStamped(e, nil); err != nil {
		return nil, body, err
	}
	return e, body, s.state.save()
}

// opened answers the request that started an operation. IoT Edge accepts 202 only;
// that the enrollment is disabled, the C SDK reads from a 200.
func (s *Server) opened(r *request, operationID string, reg *registration) rest.Reply {
	if reg.Status == "disabled" {
		st := reg.state(s.opts.Now())
		return rest.Reply{Status: http.StatusOK, Body: operationStatus{operationID, reg.Status, &st}}
	}
	location := url.URL{
		Scheme:   "https",
		Host:     s.Host(),
		Path:     "/" + strings.Join(r.path[:3], "/") + "/operations/" + operationID,
		RawQuery: "api-version=" + url.QueryEscape(r.apiVersion),
	}
	return s.retryLater(rest.Reply{
		Status: http.StatusAccepted,
		Body:   operationStatus{OperationID: operationID, Status: "assigning"},
	}).With("Location", location.String())
}

func (s *Server) retryLater(r rest.Reply) rest.Reply {
	if pause := s.opts.RetryAfter; pause < time.Second {
		r = r.With("retry-after-ms", strconv.FormatInt(pause.Milliseconds(), 10))
	}
	return r.With("Retry-After", strconv.Itoa(int(s.opts.RetryAfter/time.Second)))
}

// poll answers GET .../operations/{operation}.
func (s *Server) poll(r *request) (rest.Reply, error) {
	id, operationID := fold(r.path[2]), r.path[4]
	e := s.state.enrollments.get(id)
	if e == nil {
		return rest.Reply{}, individuals.errNotFound()
	}
	if err := checkTPM(e); err != nil {
		return rest.Reply{}, err
	}
	n, err := s.authenticate(r, e)
	if err != nil {
		return rest.Reply{}, err
	}
	op := s.ops[operationID]
	if op == nil || op.registrationID != id {
		return rest.Reply{}, rest.Refuse(codeRegistrationNotFound, "Operation not found.")
	}
	st, err := s.result(op.registration, n)
	if err != nil {
		return rest.Reply{}, err
	}
	rep := rest.Reply{Status: http.StatusOK, Body: operationStatus{operationID, st.Status, &st}}
	if st.Status == "assigning" {
		rep.Status = http.StatusAccepted
		rep = s.retryLater(rep)
	}
	return rep, nil
}

// lookUp answers POST of a registration: the device asks for its own state.
func (s *Server) lookUp(r *request) (rest.Reply, error) {
	e, body, err := s.deviceRequest(r)
	if err != nil {
		return rest.Reply{}, err
	}
	srk, err := s.checkKeys(e, body)
	if err != nil {
		return rest.Reply{}, err
	}
	if r.Header.Get("Authorization") == "" {
		return s.challenge(e, srk)
	}
	n, err := s.authenticate(r, e)
	if err != nil {
		return rest.Reply{}, err
	}
	reg := s.state.registrations.get(e.RegistrationID)
	if reg == nil {
		return rest.Reply{}, rest.Refuse(codeRegistrationNotFound, "Registration not found.")
	}
	if e.disabled() {
		return rest.Reply{Status: http.StatusOK, Body: reg.state(s.opts.Now())}, nil
	}
	st, err := s.result(reg, n)
	if err != nil {
		return rest.Reply{}, err
	}
	return rest.Reply{Status: http.StatusOK, Body: st}, nil
}

// result is the registration with its hub key, wrapped for the chip that proved
// itself with n.
func (s *Server) result(reg *registration, n *nonce) (registrationState, error) {
	st := reg.state(s.opts.Now())
	if st.Status != "assigned" {
		return st, nil
	}
	if !bytes.Equal(reg.EKName, n.ek.Name()) { // the enrollment has another chip since
		return st, rest.Refuse(codeRegistrationNotFound, "Registration not found.")
	}
	key, err := s.wrap(n.ek, n.srk, reg.HubKey, st.AssignedHub+"/"+st.DeviceID, faultBadHubBlob)
	if err != nil {
		return st, err
	}
	st.TPM = &tpmResult{AuthenticationKey: key}
	return st, nil
}
