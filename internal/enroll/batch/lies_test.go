package batch

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"tpmdps/internal/emulator"
)

// An answer to a bulk request that says more, less or other than was asked leaves open
// what became of it: nothing is on record as done, and the next run finds out. The
// service did all, or nothing, behind it.
func TestLiesInABulkAnswer(t *testing.T) {
	t.Parallel()
	refused := func(ids ...string) string {
		var list []string
		for _, id := range ids {
			list = append(list, fmt.Sprintf(`{"registrationId":%q,"errorCode":409201,"errorStatus":"exists"}`, id))
		}
		return `{"isSuccessful":false,"errors":[` + strings.Join(list, ",") + `]}`
	}
	for name, answer := range map[string]string{
		"nothing":              ``,
		"an empty object":      `{}`,
		"null":                 `null`,
		"a list":               `[]`,
		"failed, without whom": `{"isSuccessful":false,"errors":[]}`,
		"failed, null":         `{"isSuccessful":false,"errors":null}`,
		"done, and refused":    strings.Replace(refused("box-1"), "false", "true", 1),
		"of another":           refused("victim-9"),
		"own and another":      refused("box-1", "victim-9"),
		"own twice":            refused("box-1", "box-1"),
		"own twice, cased":     refused("box-1", "BOX-1"),
		"of the next request":  refused("box-11"),
		"of nobody":            refused(""),
		"half of it":           refused("box-1")[:40],
	} {
		for _, done := range []bool{false, true} {
			b := newBench(t, emulator.Options{})
			var lied atomic.Bool
			liar := roundTripper(func(r *http.Request) (*http.Response, error) {
				if first, err := brings(r, "box-1"); err != nil {
					return nil, err
				} else if !first || lied.Swap(true) {
					return b.server.InProcess().RoundTrip(r)
				}
				if done {
					if resp, err := b.server.InProcess().RoundTrip(r); err != nil || resp.StatusCode != http.StatusOK {
						return resp, err
					}
				}
				return answerOf(r, http.StatusOK, answer), nil
			})
			r := b.run(t.Context(), boxes(0, 60), func(bulk *Bulk) {
				b.withTrail(bulk)
				bulk.Service, _ = openOperator(b.server.ConnectionString(), liar, nil)
			})
			if r.err == nil || r.Failed != 10 {
				t.Errorf("%s, done %v: %+v, %v", name, done, r.Tally, r.err)
			}
			if r = b.run(t.Context(), boxes(0, 60), b.withTrail); r.err != nil || len(b.stored()) != 60 {
				t.Errorf("%s, done %v: run again: %+v, %v", name, done, r.Tally, r.err)
			}
			b.checkTrail(60)
		}
	}
}

// A results file that is the audit trail, too, is refused before anything is done.
func TestResultsInTheTrail(t *testing.T) {
	t.Parallel()
	b := newBench(t, emulator.Options{})
	r := b.run(t.Context(), boxes(0, 60), func(bulk *Bulk) {
		if err := os.Link(b.path("results"), b.path("trail")); err != nil {
			t.Fatal(err)
		}
		b.withTrail(bulk)
	})
	if r.err == nil || !strings.Contains(r.err.Error(), "is the audit trail, too") || r.Tried != 0 || len(b.stored()) != 0 {
		t.Errorf("%+v, %v", r.Tally, r.err)
	}
	if data, err := os.ReadFile(b.path("results")); err != nil || len(data) != 0 {
		t.Errorf("the file has %q, %v", data, err)
	}
}
