package emulator

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
)

// Page sizes of a query. The first is recorded, the other is ours.
const (
	defaultPage = 100
	maxPage     = 10000
)

// query answers POST .../query: all enrollments, in pages. As with the service
// the registrations are left out of it.
func (c *collection) query(s *Server, r *request) (reply, error) {
	if err := c.checkQuery(r.body); err != nil {
		return reply{}, err
	}
	size, err := pageSize(r.Header.Get("x-ms-max-item-count"))
	if err != nil {
		return reply{}, err
	}
	after, err := parseContinuation(r.Header.Get("x-ms-continuation"))
	if err != nil {
		return reply{}, err
	}
	listed := byPartition(c.in(s.state))
	rest := listed
	// The token names a place and no number: what is created or deleted between
	// two pages moves no other enrollment.
	for len(rest) > 0 && rest[0].compare(after) <= 0 {
		rest = rest[1:]
	}
	items := make([]any, 0, size)
	for _, p := range rest[:min(size, len(rest))] {
		items = append(items, p.e.shown())
	}
	rep := page(items, c.item)
	if len(items) < len(rest) {
		rep = rep.with("x-ms-continuation", continuation(listed[:len(listed)-len(rest)+len(items)]))
	}
	return rep, nil
}

// page is the answer to a query.
func page(items []any, kind string) reply {
	if items == nil {
		items = []any{}
	}
	return reply{status: http.StatusOK, body: items}.
		with("x-ms-item-type", kind).
		with("X-Content-Type-Options", "nosniff")
}

// checkQuery accepts the forms that are recorded, or that the SDKs' samples use,
// and nothing else.
func (c *collection) checkQuery(body []byte) error {
	var q struct {
		Query string `json:"query"`
	}
	if err := json.Unmarshal(body, &q); err != nil {
		return refuse(codeBadRequest, "The query is not valid JSON.")
	}
	switch text := strings.ToLower(strings.Join(strings.Fields(q.Query), " ")); text {
	case "*", "select *", "select * from " + strings.ToLower(c.path):
		return nil
	}
	return refuse(codeBadRequest, "This emulator knows one query: SELECT *, or SELECT * FROM %s.", c.path)
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
