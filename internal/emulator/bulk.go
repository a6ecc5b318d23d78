package emulator

import (
	"encoding/json"
	"errors"
	"net/http"
)

// maxBulk is the most enrollments in one bulk operation.
const maxBulk = 10

type bulkOperation struct {
	Enrollments []json.RawMessage `json:"enrollments"`
	Mode        string            `json:"mode"`
}

type bulkResult struct {
	IsSuccessful bool        `json:"isSuccessful"`
	Errors       []bulkError `json:"errors"`
}

type bulkError struct {
	RegistrationID string `json:"registrationId"`
	ErrorCode      int    `json:"errorCode"`
	ErrorStatus    string `json:"errorStatus"`
}

// bulk answers POST /enrollments. Each enrollment stands for itself: those
// before and after one that is refused are done.
func (s *Server) bulk(r *request) (reply, error) {
	var op bulkOperation
	if err := json.Unmarshal(r.body, &op); err != nil {
		return reply{}, refuse(codeBadRequest, "The bulk operation is not valid JSON.")
	}
	if n := len(op.Enrollments); n == 0 || n > maxBulk {
		return reply{}, refuse(codeBadRequest, "A bulk operation has 1 to %d enrollments, not %d.", maxBulk, n)
	}
	one, ok := map[string]func([]byte) error{
		"create":            s.bulkCreate,
		"update":            func(b []byte) error { return s.bulkUpdate(b, false) },
		"updateIfMatchETag": func(b []byte) error { return s.bulkUpdate(b, true) },
		"delete":            s.bulkDelete,
	}[op.Mode]
	if !ok {
		return reply{}, refuse(codeBadRequest, "The bulk mode %q is not valid.", clip(op.Mode))
	}
	result := bulkResult{IsSuccessful: true, Errors: []bulkError{}}
	for _, body := range op.Enrollments {
		if err := one(body); err != nil {
			result.IsSuccessful = false
			result.Errors = append(result.Errors, newBulkError(body, err))
		}
	}
	return reply{status: http.StatusOK, body: result}, s.state.save()
}

func newBulkError(body []byte, err error) bulkError {
	b := bulkError{RegistrationID: bulkReference(body).RegistrationID, ErrorCode: codeInternal, ErrorStatus: err.Error()}
	if e := (*apiError)(nil); errors.As(err, &e) {
		b.ErrorCode = e.code
	}
	return b
}

type enrollmentReference struct {
	RegistrationID string `json:"registrationId"`
	ETag           string `json:"etag"`
}

// bulkReference reads which enrollment is meant: deleting needs no more of it.
func bulkReference(body []byte) (ref enrollmentReference) {
	json.Unmarshal(body, &ref) // what cannot be read names no enrollment
	return ref
}

func (s *Server) bulkCreate(body []byte) error {
	e, err := parseEnrollment(body)
	if err != nil {
		return err
	}
	if s.state.enrollments[fold(e.RegistrationID)] != nil {
		return refuse(codeConflict, "The enrollment already exists.")
	}
	s.putStamped(e, nil)
	return nil
}

func (s *Server) bulkUpdate(body []byte, match bool) error {
	e, err := parseEnrollment(body)
	if err != nil {
		return err
	}
	old := s.state.enrollments[fold(e.RegistrationID)]
	if old == nil {
		return refuse(codeEnrollmentNotFound, "Enrollment not found.")
	}
	if match {
		if e.ETag == "" {
			return refuse(codePrecondition, "The enrollment has no ETag to match.")
		}
		if err := checkMatch(e.ETag, old.ETag); err != nil {
			return err
		}
	}
	s.putStamped(e, old)
	return nil
}

func (s *Server) bulkDelete(body []byte) error {
	ref := bulkReference(body)
	e := s.state.enrollments[fold(ref.RegistrationID)]
	if e == nil {
		return refuse(codeEnrollmentNotFound, "Enrollment not found.")
	}
	if err := checkMatch(ref.ETag, e.ETag); err != nil {
		return err
	}
	s.forget(fold(e.RegistrationID))
	return nil
}
