package emulator

import (
	"encoding/json"
	"net/http"
	"sort"
	"strconv"
	"strings"

	"tpmdps/internal/emulator/rest"
)

// Page sizes of a query. The first is recorded, the other is ours.
const (
	defaultPage = 100
	maxPage     = 10000
)

// query answers POST .../query: all enrollments, in pages. As with the service
// the registrations are left out of it.
func (c *collection) query(s *Server, r *request) (rest.Reply, error) {
	if err := c.checkQuery(r.body); err != nil {
		return rest.Reply{}, err
	}
	size, err := pageSize(r.Header.Get("x-ms-max-item-count"))
	if err != nil {
		return rest.Reply{}, err
	}
	after, err := parseContinuation(r.Header.Get("x-ms-continuation"))
	if err != nil {
		return rest.Reply{}, err
	}
	listed := s.listings[c].of(c.enrollments(s.state))
	// The token names a place and no number: what is created or deleted between
	// two pages moves no other enrollment.
	left := listed[sort.Search(len(listed), func(i int) bool { return listed[i].compare(after) > 0 }):]
	items := make([]any, 0, size)
	for _, p := range left[:min(size, len(left))] {
		items = append(items, p.e.shown())
	}
	rep := page(items, c.item)
	if len(items) < len(left) {
		rep = rep.With("x-ms-continuation", continuation(listed[:len(listed)-len(left)+len(items)]))
	}
	return rep, nil
}

// page is the answer to a query.
func page(items []any, kind string) rest.Reply {
	if items == nil {
		items = []any{}
	}
	return rest.Reply{Status: http.StatusOK, Body: items}.
		With("x-ms-item-type", kind).
		With("X-Content-Type-Options", "nosniff")
}

// checkQuery accepts the forms that are recorded, or that the SDKs' samples use,
// and nothing else.
func (c *collection) checkQuery(body []byte) error {
	var q struct {
		Query string `json:"query"`
	}
	if err := json.Unmarshal(body, &q); err != nil {
		return rest.Refuse(codeBadRequest, "The query is not valid JSON.")
	}
	switch text := strings.ToLower(strings.Join(strings.Fields(q.Query), " ")); text {
	case "*", "select *", "select * from " + strings.ToLower(c.path):
		return nil
	}
	return rest.Refuse(codeBadRequest, "This emulator knows one query: SELECT *, or SELECT * FROM %s.", c.path)
}

func pageSize(header string) (int, error) {
	if header == "" {
		return defaultPage, nil
	}
	n, err := strconv.Atoi(header)
	if err != nil || n < 1 {
		return 0, rest.Refuse(codeBadRequest, "The header x-ms-max-item-count is not a positive number.")
	}
	return min(n, maxPage), nil
}
