package dps

import (
	"context"
	"iter"
	"net/http"
	"strconv"
)

// AllEnrollments is the query that selects every individual enrollment.
const AllEnrollments = "SELECT * FROM enrollments"

// defaultPageSize keeps a page of enrollments with ordinary twins well under
// the bound on bodies.
const defaultPageSize = 100

// Enrollments runs a query and yields its enrollments page by page, without
// their registration states. An error ends the sequence. pageSize 0 means 100.
func (c *ServiceClient) Enrollments(ctx context.Context, query string, pageSize int) iter.Seq2[Enrollment, error] {
	if pageSize <= 0 {
		pageSize = defaultPageSize
	}
	return func(yield func(Enrollment, error) bool) {
		continuation, seen := "", map[string]bool{}
		for {
			page, next, err := c.page(ctx, query, pageSize, continuation, seen)
			if err != nil {
				yield(Enrollment{}, err)
				return
			}
			for _, e := range page {
				if !yield(e, nil) {
					return
				}
			}
			if next == "" {
				return
			}
			continuation = next
		}
	}
}

// page asks for one page and returns the continuation of the next, or "". seen
// are the registration IDs of the pages so far: none comes twice.
func (c *ServiceClient) page(ctx context.Context, query string, size int, continuation string, seen map[string]bool) (page, string, error) {
	header := map[string]string{"x-ms-max-item-count": strconv.Itoa(size)}
	if continuation != "" {
		header["x-ms-continuation"] = continuation
	}
	body := struct {
		Query string `json:"query"`
	}{query}
	a, err := c.do(ctx, request{method: http.MethodPost, path: "/enrollments/query", body: body, header: header})
	if err != nil {
		return nil, "", err
	}
	var p page
	if err := a.decodePage(&p, seen, http.StatusOK); err != nil {
		return nil, "", err
	}
	next := a.header.Get("x-ms-continuation")
	if next != "" && next == continuation {
		return nil, "", a.malformed("the continuation of a page is the page itself")
	}
	return p, next, nil
}
