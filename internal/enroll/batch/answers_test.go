package batch

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"tpmdps/internal/dps"
	"tpmdps/internal/emulator"
	"tpmdps/internal/enroll"
)

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func answerOf(r *http.Request, status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header: http.Header{"Content-Type": {"application/json; charset=utf-8"}}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body))}
}

// What is refused of a bulk request, as a whole or in part, is found out machine by
// machine; the others are done.
func TestRefusalsOfABulkRequest(t *testing.T) {
	t.Parallel()
	bulkError := func(id string, code int, text string) string {
		return fmt.Sprintf(`{"isSuccessful":false,"errors":[{"registrationId":%q,"errorCode":%d,"errorStatus":%q}]}`, id, code, text)
	}
	for name, tt := range map[string]struct {
		status int
		answer func(first string) string
		store  bool // the request is carried out all the same: its first answer was lost
		once   bool // only the first one is answered so
		failed int  // of each request, or in all where once is set
	}{
		"exists as wanted":     {200, func(id string) string { return bulkError(id, 409201, "Enrollment already exists.") }, true, true, 0},
		"exists, and does not": {200, func(id string) string { return bulkError(id, 409201, "Enrollment already exists.") }, false, true, 1},
		"refused in part":      {200, func(id string) string { return bulkError(id, 400004, "Bad request.") }, true, true, 1},
		"its rate, in part":    {200, func(id string) string { return bulkError(id, 429001, "Too many requests.") }, false, true, 0},
		"refused as a whole": {400, func(string) string {
			return `{"errorCode":400004,"trackingId":"t","message":"Bad request.","timestampUtc":"2026-01-01T00:00:00Z"}`
		}, false, true, 0},
	} {
		b := newBench(t, emulator.Options{})
		var lied atomic.Bool
		liar := roundTripper(func(r *http.Request) (*http.Response, error) {
			if r.Method != http.MethodPost || r.URL.Path != "/enrollments" || tt.once && lied.Swap(true) {
				return b.server.InProcess().RoundTrip(r)
			}
			data, err := io.ReadAll(r.Body)
			if err != nil {
				return nil, err
			}
			var bulk struct{ Enrollments []json.RawMessage }
			var first dps.Enrollment
			if err := errors.Join(json.Unmarshal(data, &bulk), json.Unmarshal(bulk.Enrollments[0], &first)); err != nil {
				return nil, err
			}
			rest := bulk.Enrollments[1:]
			if tt.store {
				rest = bulk.Enrollments
			}
			if tt.status == 200 {
				body, err := json.Marshal(map[string]any{"mode": "create", "enrollments": rest})
				if err != nil {
					return nil, err
				}
				again := r.Clone(r.Context())
				again.Body = io.NopCloser(strings.NewReader(string(body)))
				again.ContentLength = int64(len(body))
				if resp, err := b.server.InProcess().RoundTrip(again); err != nil || resp.StatusCode != 200 {
					return resp, err
				}
			}
			return answerOf(r, tt.status, tt.answer(first.RegistrationID)), nil
		})
		r := b.run(t.Context(), boxes(0, 100), func(bulk *Bulk) {
			b.withTrail(bulk)
			bulk.Service, _ = openOperator(b.server.ConnectionString(), liar, nil)
		})
		if r.Tried != 100 || r.Failed != tt.failed || r.Created != 100-tt.failed || (r.err != nil) != (tt.failed > 0) {
			t.Errorf("%s: %+v, %v", name, r.Tally, r.err)
		}
		if r = b.run(t.Context(), boxes(0, 100), b.withTrail); r.err != nil || len(b.stored()) != 100 {
			t.Errorf("%s: run again: %+v, %v", name, r.Tally, r.err)
		}
	}
}

// What changed after the query is not overwritten.
func TestChangedMeanwhile(t *testing.T) {
	t.Parallel()
	b := newBench(t, emulator.Options{})
	text, edge := boxes(0, 60), true
	if r := b.run(t.Context(), text, nil); r.err != nil {
		t.Fatal(r.err)
	}
	var changed atomic.Bool
	meddler := roundTripper(func(r *http.Request) (*http.Response, error) {
		if now, err := brings(r, "box-3"); err != nil {
			return nil, err
		} else if now && !changed.Swap(true) {
			who, err := openOperator(b.server.ConnectionString(), b.server.InProcess(), nil)
			if err != nil {
				return nil, err
			}
			for _, id := range []string{"box-3", "box-59"} {
				e, err := who.Enrollment(r.Context(), id)
				if err != nil {
					return nil, err
				}
				e.ProvisioningStatus = "disabled"
				if _, err := who.PutEnrollment(r.Context(), e, e.ETag); err != nil {
					return nil, err
				}
			}
		}
		return b.server.InProcess().RoundTrip(r)
	})
	r := b.run(t.Context(), text, func(bulk *Bulk) {
		bulk.Service, _ = openOperator(b.server.ConnectionString(), meddler, nil)
		bulk.Settings, bulk.Policy = enroll.Settings{EdgeEnabled: &edge}, enroll.Policy{Update: true}
	})
	if r.outcomes["box-3"].Err == nil || r.Updated+r.Failed != 60 || !errors.Is(r.err, enroll.ErrConflict) {
		t.Errorf("%+v, %v", r.Tally, r.err)
	}
	stored := b.stored()
	for _, id := range []string{"box-3", "box-59"} {
		if o := r.outcomes[id]; o.Err != nil && stored[id].ProvisioningStatus != "disabled" {
			t.Errorf("%s was overwritten", id)
		}
	}
}

// Where nobody can say whether an enrollment that exists is as wanted, it is no conflict:
// nothing is known of it, and the next run finds out.
func TestNothingKnownAfterARefusal(t *testing.T) {
	t.Parallel()
	b := newBench(t, emulator.Options{})
	liar := roundTripper(func(r *http.Request) (*http.Response, error) {
		switch {
		case r.Method == http.MethodGet:
			return answerOf(r, http.StatusServiceUnavailable, `{"errorCode":503000,"trackingId":"t","message":"busy","timestampUtc":"2026-01-01T00:00:00Z"}`), nil
		case r.Method == http.MethodPost && r.URL.Path == "/enrollments":
			if resp, err := b.server.InProcess().RoundTrip(r); err != nil || resp.StatusCode != http.StatusOK {
				return resp, err
			}
			return answerOf(r, http.StatusOK, `{"isSuccessful":false,"errors":[{"registrationId":"box-0","errorCode":409201,"errorStatus":"Enrollment already exists."}]}`), nil
		}
		return b.server.InProcess().RoundTrip(r)
	})
	r := b.run(t.Context(), boxes(0, 10), func(bulk *Bulk) {
		b.withTrail(bulk)
		bulk.Service, _ = openOperator(b.server.ConnectionString(), liar, nil)
	})
	if o := r.outcomes["box-0"]; r.Failed != 1 || errors.Is(o.Err, enroll.ErrConflict) || !dps.HasStatus(o.Err, http.StatusServiceUnavailable) || outcomeOf(o.Err) != "unanswered" {
		t.Errorf("%+v, %v", r.Tally, r.outcomes["box-0"].Err)
	}
	if r = b.run(t.Context(), boxes(0, 10), b.withTrail); r.err != nil || b.sent["box-0"] != 1 {
		t.Errorf("run again: %+v, %v, box-0 was sent %d times", r.Tally, r.err, b.sent["box-0"])
	}
}
