package emulator

import (
	"encoding/json"
	"errors"
	"net/http"

	"tpmdps/internal/emulator/rest"
)

// maxBulk is the most enrollments in one bulk operation.
const maxBulk = 10

type bulkOperation struct {
	Enrollments []json.RawMessage `json:"enrollments"`
	Groups      []json.RawMessage `json:"enrollmentGroups"`
	Mode        string            `json:"mode"`
}

// of are the enrollments of the kind that the operation was sent to.
func (op bulkOperation) of(c *collection) []json.RawMessage {
	if c == groups {
		return op.Groups
	}
	return op.Enrollments
}

type bulkResult struct {
	Errors       []bulkError `json:"errors"`
	IsSuccessful bool        `json:"isSuccessful"`
}

type bulkError struct {
	RegistrationID *string `json:"registrationId,omitempty"`
	GroupID        *string `json:"enrollmentGroupId,omitempty"`
	ErrorCode      int     `json:"errorCode"`
	ErrorStatus    string  `json:"errorStatus"`
}

// bulk answers POST /enrollments and /enrollmentGroups. Each enrollment stands
// for itself: those before and after one that is refused are done.
func (c *collection) bulk(s *Server, r *request) (rest.Reply, error) {
	var op bulkOperation
	if err := json.Unmarshal(r.body, &op); err != nil {
		return rest.Reply{}, rest.Refuse(codeBadRequest, "The bulk operation is not valid JSON.")
	}
	bodies := op.of(c)
	if n := len(bodies); n == 0 || n > maxBulk {
		return rest.Reply{}, rest.Refuse(codeBadRequest, "A bulk operation has 1 to %d enrollments, not %d.", maxBulk, n)
	}
	one, ok := map[string]func(*Server, []byte) error{
		"create":            c.bulkCreate,
		"update":            c.bulkUpdate,
		"updateIfMatchETag": c.bulkUpdateIfMatch,
		"delete":            c.bulkDelete,
	}[op.Mode]
	if !ok {
		return rest.Reply{}, rest.Refuse(codeBadRequest, "The bulk mode %q is not valid.", rest.Clip(op.Mode))
	}
	result := bulkResult{IsSuccessful: true, Errors: []bulkError{}}
	for _, body := range bodies {
		if err := one(s, body); err != nil {
			result.IsSuccessful = false
			result.Errors = append(result.Errors, c.bulkError(body, err))
		}
	}
	return rest.Reply{Status: http.StatusOK, Body: result}, s.state.save()
}

func (c *collection) bulkError(body []byte, err error) bulkError {
	b := bulkError{ErrorCode: codeInternal, ErrorStatus: err.Error()}
	id := c.reference(body).id
	if c == groups {
		b.GroupID = &id
	} else {
		b.RegistrationID = &id
	}
	if e := (*rest.Error)(nil); errors.As(err, &e) {
		b.ErrorCode = e.Code
	}
	return b
}

type enrollmentReference struct{ id, etag string }

// reference reads which enrollment is meant: deleting needs no more of it. What
// cannot be read names no enrollment.
func (c *collection) reference(body []byte) (ref enrollmentReference) {
	var members map[string]json.RawMessage
	json.Unmarshal(body, &members)
	json.Unmarshal(members[c.id], &ref.id)
	json.Unmarshal(members["etag"], &ref.etag)
	return ref
}

func (c *collection) bulkCreate(s *Server, body []byte) error {
	e, err := c.parse(body)
	if err != nil {
		return err
	}
	if c.enrollments(s.state).get(e.id()) != nil {
		return c.errExists()
	}
	return s.putStamped(e, nil)
}

// bulkUpdate updates by ETag. Without one the service calls the enrollment one
// that already exists: it has no bulk operation that overwrites blindly.
func (c *collection) bulkUpdate(s *Server, body []byte) error {
	e, old, err := c.bulkPair(s, body)
	if err != nil {
		return err
	}
	if e.ETag == "" {
		return c.errExists()
	}
	return s.replace(e, old)
}

func (c *collection) bulkUpdateIfMatch(s *Server, body []byte) error {
	e, old, err := c.bulkPair(s, body)
	if err != nil {
		return err
	}
	if e.ETag == "" {
		return rest.Refuse(codePrecondition, "The enrollment has no ETag to match.")
	}
	return s.replace(e, old)
}

// bulkPair reads an enrollment, and finds the one that it is to replace.
func (c *collection) bulkPair(s *Server, body []byte) (e, old *enrollment, err error) {
	if e, err = c.parse(body); err != nil {
		return nil, nil, err
	}
	if old = c.enrollments(s.state).get(e.id()); old == nil {
		return nil, nil, c.errNotFound()
	}
	return e, old, nil
}

// replace puts e where old is, if e has its ETag.
func (s *Server) replace(e, old *enrollment) error {
	if err := rest.CheckMatch(e.ETag, old.ETag); err != nil {
		return err
	}
	return s.putStamped(e, old)
}

func (c *collection) bulkDelete(s *Server, body []byte) error {
	ref := c.reference(body)
	e := c.enrollments(s.state).get(ref.id)
	if e == nil {
		return c.errNotFound()
	}
	if err := rest.CheckMatch(ref.etag, e.ETag); err != nil {
		return err
	}
	s.forget(e)
	return nil
}
