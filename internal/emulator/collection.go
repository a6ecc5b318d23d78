package emulator

import (
	"encoding/json"
	"net/http"

	"tpmdps/internal/emulator/rest"
)

// collection is one of the two kinds of enrollments: individual ones and groups.
// The service treats them alike.
type collection struct {
	path      string // first segment of the paths, and member of a bulk operation
	id        string // member with the enrollment's name
	idInWords string
	item      string // x-ms-item-type of queries
	noun      string // in messages
	exists    int    // codes
	notFound  int
}

// The codes of what exists are recorded; 404201 is, by others, and 404202 for
// groups follows them.
var (
	individuals = &collection{path: "enrollments", id: "registrationId", idInWords: "registration ID",
		item: "Enrollment", noun: "Enrollment", exists: codeEnrollmentExists, notFound: codeEnrollmentNotFound}
	groups = &collection{path: "enrollmentGroups", id: "enrollmentGroupId", idInWords: "enrollment group ID",
		item: "EnrollmentGroup", noun: "EnrollmentGroup", exists: codeGroupExists, notFound: codeGroupNotFound}
)

// enrollments returns the collection's enrollments.
func (c *collection) enrollments(st *state) *table[*enrollment] {
	if c == groups {
		return st.groups
	}
	return st.enrollments
}

func (c *collection) errExists() error { return rest.Refuse(c.exists, "%s already exists.", c.noun) }

func (c *collection) errNotFound() error { return rest.Refuse(c.notFound, "%s not found.", c.noun) }

func (c *collection) put(s *Server, r *request) (rest.Reply, error) {
	e, err := c.parse(r.body)
	if err != nil {
		return rest.Reply{}, err
	}
	id := fold(r.path[1])
	if fold(e.id()) != id {
		return rest.Reply{}, rest.Refuse(codeBadRequest, "The %s differs from the one in the path.", c.idInWords)
	}
	old, ifMatch := c.enrollments(s.state).get(id), r.Header.Get("If-Match")
	switch {
	case old == nil && ifMatch != "":
		return rest.Reply{}, rest.Refuse(codePrecondition, "There is no enrollment that the ETag could match.")
	case old != nil && ifMatch == "":
		// The service refuses to overwrite blindly; "*" is the way to say so.
		return rest.Reply{}, c.errExists()
	case old != nil:
		if err := rest.CheckMatch(ifMatch, old.ETag); err != nil {
			return rest.Reply{}, err
		}
	}
	if err := s.putStamped(e, old); err != nil {
		return rest.Reply{}, err
	}
	if err := s.state.save(); err != nil {
		return rest.Reply{}, err
	}
	return rest.Reply{Status: http.StatusOK, Body: e}, nil
}

// putStamped makes e the enrollment of its ID.
func (s *Server) putStamped(e, old *enrollment) error {
	if err := e.stamp(old, s.opts.Now()); err != nil {
		return err
	}
	e.collection.enrollments(s.state).put(e.id(), e)
	return nil
}

func (c *collection) get(s *Server, r *request) (rest.Reply, error) {
	e, err := c.find(s, r)
	if err != nil {
		return rest.Reply{}, err
	}
	if c == groups {
		return rest.Reply{Status: http.StatusOK, Body: e.shown()}, nil
	}
	body := e.withState(s.state.registrations.get(e.RegistrationID), s.opts.Now())
	return rest.Reply{Status: http.StatusOK, Body: body}, nil
}

// find returns the enrollment that the path names.
func (c *collection) find(s *Server, r *request) (*enrollment, error) {
	e := c.enrollments(s.state).get(r.path[1])
	if e == nil {
		return nil, c.errNotFound()
	}
	return e, nil
}

func (c *collection) delete(s *Server, r *request) (rest.Reply, error) {
	e, err := c.find(s, r)
	if err != nil {
		return rest.Reply{}, err
	}
	if err := rest.CheckMatch(r.Header.Get("If-Match"), e.ETag); err != nil {
		return rest.Reply{}, err
	}
	s.forget(e)
	return rest.Reply{Status: http.StatusNoContent}, s.state.save()
}

// forget drops the enrollment and what hangs on it. The device's identity on its
// hub would stay; the service cannot take that back either.
func (s *Server) forget(e *enrollment) {
	id := fold(e.id())
	e.collection.enrollments(s.state).delete(id)
	if e.collection == individuals {
		s.state.registrations.delete(id)
		delete(s.nonce, id)
	}
}

// attestationMechanism returns the attestation with its keys. GET of an
// enrollment leaves secret ones out; a TPM has none.
func (c *collection) attestationMechanism(s *Server, r *request) (rest.Reply, error) {
	e, err := c.find(s, r)
	if err != nil {
		return rest.Reply{}, err
	}
	return rest.Reply{Status: http.StatusOK, Body: json.RawMessage(e.members["attestation"])}, nil
}
