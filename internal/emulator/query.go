package emulator

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Page sizes of a query.
const (
	defaultPage = 1000
	maxPage     = 10000
)

// query answers POST /enrollments/query: all enrollments, in pages. As with the
// service the registrations are left out of it.
func (s *Server) query(r *request) (reply, error) {
	if err := checkQuery(r.body, "enrollments"); err != nil {
		return reply{}, err
	}
	size, err := pageSize(r.Header.Get("x-ms-max-item-count"))
	if err != nil {
		return reply{}, err
	}
	after, err := continuation(r.Header.Get("x-ms-continuation"))
	if err != nil {
		return reply{}, err
	}
	all := s.state.sorted()
	// The token names the last enrollment and no position: what is created or
	// deleted between two pages moves no other one.
	all = slices.DeleteFunc(all, func(e *enrollment) bool { return fold(e.RegistrationID) <= after })
	page := all[:min(size, len(all))]
	rep := reply{status: http.StatusOK, body: page}.
		with("x-ms-item-type", "Enrollment").
		with("x-ms-max-item-count", strconv.Itoa(size))
	if len(page) < len(all) {
		last := fold(page[len(page)-1].RegistrationID)
		rep = rep.with("x-ms-continuation", base64.URLEncoding.EncodeToString([]byte(last)))
	}
	return rep, nil
}

// queryGroups answers POST /enrollmentGroups/query. There are no groups: a TPM
// cannot be in one.
func (s *Server) queryGroups(r *request) (reply, error) {
	if err := checkQuery(r.body, "enrollmentGroups"); err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusOK, body: []struct{}{}}.with("x-ms-item-type", "EnrollmentGroup"), nil
}

// checkQuery takes the two forms that the SDKs' samples use, and nothing else.
func checkQuery(body []byte, collection string) error {
	var q struct {
		Query string `json:"query"`
	}
	if err := json.Unmarshal(body, &q); err != nil {
		return refuse(codeBadRequest, "The query is not valid JSON.")
	}
	text := strings.ToLower(strings.Join(strings.Fields(q.Query), " "))
	if text != "*" && text != "select * from "+strings.ToLower(collection) {
		return refuse(codeBadRequest, "This emulator knows one query: SELECT * FROM %s.", collection)
	}
	return nil
}

func pageSize(header string) (int, error) {
	if header == "" {
		return defaultPage, nil
	}
	n, err := strconv.Atoi(header)
	if err != nil || n < 1 {
		return 0, refuse(codeBadRequest, "The header x-ms-max-item-count is not a positive number.")
	}
	return min(n, maxPage), nil
}

// continuation reads the token of a page before: the ID that it ended with.
func continuation(header string) (string, error) {
	after, err := base64.URLEncoding.DecodeString(header)
	if err != nil {
		return "", refuse(codeBadRequest, "The header x-ms-continuation is not a token of this service.")
	}
	return string(after), nil
}
