package dps

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Each pause of azcore's policy is told beforehand, with its length, and no other.
// The time is the bubble's.
func TestRetriesAreTold(t *testing.T) {
	throttled := func(header, value string) func() (*http.Response, error) {
		return func() (*http.Response, error) {
			return &http.Response{StatusCode: 429, Header: http.Header{header: {value}}, Body: io.NopCloser(strings.NewReader("{}"))}, nil
		}
	}
	status := func(code int) func() (*http.Response, error) {
		return func() (*http.Response, error) {
			return &http.Response{StatusCode: code, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("{}"))}, nil
		}
	}
	for name, tt := range map[string]struct {
		answer func() (*http.Response, error)
		max    int32
		run    time.Duration // time of the run; 0 is a day
		want   []string
	}{
		"Retry-After":            {answer: throttled("Retry-After", "10"), want: []string{"retrying in 10 s: 429 Too Many Requests (plant.example)", "retrying in 10 s: 429", "retrying in 10 s: 429"}},
		"in milliseconds":        {answer: throttled("Retry-After-Ms", "1500"), max: 1, want: []string{"retrying in 1.5 s: 429"}},
		"longer than the run":    {answer: throttled("Retry-After", "10"), run: 25 * time.Second, want: []string{"retrying in 10 s: 429", "retrying in 10 s: 429"}},
		"longer than azcore has": {answer: throttled("Retry-After", "3600")},
		"500":                    {answer: status(500), want: []string{"retrying in 0.8 s: 500 Internal Server Error", "retrying in 2 s: 500", "retrying in 6 s: 500"}},
		"503, once":              {answer: status(503), max: 1, want: []string{"retrying in 0.8 s: 503 Service Unavailable"}},
		"503, never":             {answer: status(503), max: -1},
		"404":                    {answer: status(404)},
		"no answer":              {answer: func() (*http.Response, error) { return nil, errors.New("reset") }, max: 2, want: []string{"retrying in 0.8 s: no answer (plant.example)", "retrying in 2 s: no answer"}},
		"no trust":               {answer: func() (*http.Response, error) { return nil, ErrMalformed }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var notices []string
				var at, tried []time.Time
				var in []time.Duration
				c, err := NewDeviceClient("https://plant.example", "0ne00000E11", ClientOptions{
					maxRetries: tt.max,
					HTTPClient: &http.Client{Transport: roundTripper(func(req *http.Request) (*http.Response, error) {
						tried = append(tried, time.Now())
						resp, err := tt.answer()
						if resp != nil {
							resp.Request = req
						}
						return resp, err
					})},
					Retrying: func(r Retry) {
						notices, at, in = append(notices, r.String()), append(at, time.Now()), append(in, r.In)
					},
				})
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithTimeout(t.Context(), cmp.Or(tt.run, 24*time.Hour))
				defer cancel()
				if _, err := c.Register(ctx, Registration{RegistrationID: "box"}, ""); err == nil {
					t.Error("no error")
				}
				if len(notices) != len(tt.want) || len(tried) != len(notices)+1 {
					t.Fatalf("%d tries, told %q, want %q", len(tried), notices, tt.want)
				}
				for i, want := range tt.want {
					if !strings.HasPrefix(notices[i], want) {
						t.Errorf("told %q, want %q", notices[i], want)
					}
					// azcore makes it 0.8 to 1.3 of what it is
					if took := tried[i+1].Sub(at[i]); took < in[i]*8/10 || took > in[i]*13/10 {
						t.Errorf("a pause of %s was told, it was %s", in[i], took)
					}
				}
			})
		})
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }
