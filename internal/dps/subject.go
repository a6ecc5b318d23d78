package dps

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// subject is whom a request is about.
type subject struct {
	// registrationIDs are those that the answer may name; none means any, as for
	// a query.
	registrationIDs []string
	// operationID is that of a poll, "" otherwise.
	operationID string
}

// statement is what one member of an answer says about whom it is.
type statement struct {
	member string // as the service API names it, with its place in the answer
	id     string
	// asked is what id has to be one of, without case; none means anything.
	asked []string
	// required is false for a member that the service may leave out.
	required bool
	// once is set where the answer lists identities: each may stand there only
	// one time.
	once bool
}

// identified is an answer that names identities.
type identified interface {
	statements(asked subject) []statement
}

// checkSubject refuses an answer about somebody else than was asked for: what a
// cache or a proxy gives out for another request. Every operation passes it, in
// [answer.decode]. seen are the identities of the pages before this one.
func (a answer) checkSubject(v any, seen map[string]bool) error {
	named, ok := v.(identified)
	if !ok {
		return nil
	}
	for _, s := range named.statements(a.request.subject) {
		folded := strings.ToLower(s.id)
		switch {
		case s.id == "" && !s.required:
			continue
		case s.id == "":
			return a.malformed("it has no " + s.member)
		case len(s.asked) > 0 && !hasID(s.asked, s.id):
			return a.malformed(fmt.Sprintf("%s is %q, the request was for %s", s.member, show(s.id, 140), quoteIDs(s.asked)))
		case s.once && seen[folded]:
			return a.malformed(fmt.Sprintf("%s is %q, which is listed twice", s.member, show(s.id, 140)))
		}
		if s.once {
			seen[folded] = true
		}
	}
	return nil
}

// sameID compares as the service does, without case. Of equal length, only ASCII
// letters are equal to others.
func sameID(a, b string) bool { return len(a) == len(b) && strings.EqualFold(a, b) }

func hasID(ids []string, id string) bool {
	for _, other := range ids {
		if sameID(other, id) {
			return true
		}
	}
	return false
}

func quoteIDs(ids []string) string {
	var quoted []string
	for _, id := range ids {
		quoted = append(quoted, fmt.Sprintf("%q", show(id, 140)))
	}
	return strings.Join(quoted, ", ")
}

func (e *Enrollment) statements(asked subject) []statement {
	all := []statement{{member: "registrationId", id: e.RegistrationID, asked: asked.registrationIDs, required: true}}
	if e.RegistrationState != nil {
		all = append(all, statement{member: "registrationState.registrationId", id: e.RegistrationState.RegistrationID,
			asked: []string{e.RegistrationID}})
	}
	return all
}

func (s *RegistrationState) statements(asked subject) []statement {
	return []statement{{member: "registrationId", id: s.RegistrationID, asked: asked.registrationIDs, required: true}}
}

// page is the answer to a query.
type page []Enrollment

func (p *page) statements(asked subject) []statement {
	var all []statement
	for i := range *p {
		for n, s := range (*p)[i].statements(asked) {
			s.member, s.once = fmt.Sprintf("[%d].%s", i, s.member), n == 0
			all = append(all, s)
		}
	}
	return all
}

func (r *BulkResult) statements(asked subject) []statement {
	var all []statement
	for i, e := range r.Errors {
		all = append(all, statement{member: fmt.Sprintf("errors[%d].registrationId", i), id: e.RegistrationID,
			asked: asked.registrationIDs, required: true, once: true})
	}
	return all
}

func (o *operationBody) statements(asked subject) []statement {
	var all []statement
	if asked.operationID != "" {
		all = append(all, statement{member: "operationId", id: o.OperationID, asked: []string{asked.operationID}})
	}
	if state := o.RegistrationState; state != nil {
		all = append(all, statement{member: "registrationState.registrationId", id: state.RegistrationID, asked: asked.registrationIDs})
	}
	if state := o.RegistrationStatus; state != nil {
		all = append(all, statement{member: "registrationStatus.registrationId", id: state.RegistrationID, asked: asked.registrationIDs})
	}
	return all
}

// checkETag makes one version of what body and header say. DPS gives it in the
// body alone, as base64 of the quoted text.
func (a answer) checkETag(body string) (string, error) {
	header := a.header.Get("ETag")
	switch {
	case len(a.header.Values("ETag")) > 1:
		return "", a.malformed("it has two ETag headers")
	case body == "" && header == "":
		return "", nil
	case body != "" && !isETag(body):
		return "", a.malformed("etag is not the ETag of one version")
	case header != "" && !isETag(header):
		return "", a.malformed("the ETag header is not that of one version")
	case body == "":
		return header, nil
	case header != "" && bareETag(header) != bareETag(body) && bareETag(header) != unpackETag(body):
		return "", a.malformed(fmt.Sprintf("etag is %q, and the ETag header %q", show(body, 80), show(header, 80)))
	}
	return body, nil
}

// isETag accepts what If-Match sends for one version (RFC 9110 section 8.8.3):
// not "*", not a list of several.
func isETag(etag string) bool {
	bare := bareETag(etag)
	return bare != "" && bare != "*" && len(etag) <= 256 &&
		!strings.ContainsFunc(bare, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '"' })
}

// bareETag strips the weakness mark and the quotes.
func bareETag(etag string) string {
	etag = strings.TrimPrefix(etag, "W/")
	if len(etag) > 1 && strings.HasPrefix(etag, `"`) && strings.HasSuffix(etag, `"`) {
		return etag[1 : len(etag)-1]
	}
	return etag
}

// unpackETag is the version that the body's base64 holds, "" if it holds none.
func unpackETag(etag string) string {
	decoded, err := base64.StdEncoding.DecodeString(bareETag(etag))
	if err != nil {
		return ""
	}
	return bareETag(string(decoded))
}

// checkNotFound refuses a 404 that does not speak of an enrollment. A service
// that finds none says so in its own words; the 404 of a gateway must not lead to
// an enrollment being made.
func checkNotFound(a answer, err error) error {
	var e *Error
	if a.status == http.StatusNotFound && errors.As(err, &e) && e.Code == 0 && e.Message == "" {
		return a.malformed("the 404 has no message of the service")
	}
	return err
}
