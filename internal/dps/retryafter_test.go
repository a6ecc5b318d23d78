package dps

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"
)

// The pause that a service asks for, from all that a header may say: the same
// order as azcore's, and never so short that a client asks without a pause.
func TestRetryAfterHeaders(t *testing.T) {
	const ms, xms, seconds = "Retry-After-Ms", "X-Ms-Retry-After-Ms", "Retry-After"
	past, future := time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat), time.Now().Add(100*time.Hour).UTC().Format(http.TimeFormat)
	for _, row := range []struct {
		header map[string]string
		want   time.Duration
	}{
		{nil, 0},
		{map[string]string{seconds: "5"}, 5 * time.Second},
		{map[string]string{seconds: "0"}, 0},
		{map[string]string{seconds: "-1"}, 0},
		{map[string]string{seconds: "soon"}, 0},
		{map[string]string{seconds: past}, 0},
		{map[string]string{seconds: future}, maxPause},
		{map[string]string{seconds: "18446744073709551615"}, maxPause},
		{map[string]string{ms: "250", seconds: "5"}, 250 * time.Millisecond},
		{map[string]string{xms: "250", seconds: "5"}, 250 * time.Millisecond},
		{map[string]string{ms: "40", xms: "250", seconds: "5"}, 40 * time.Millisecond},
		{map[string]string{ms: "1"}, minPause},
		{map[string]string{xms: "1", seconds: "0"}, minPause},
		{map[string]string{ms: "0", seconds: "0"}, 0},
		{map[string]string{ms: "0", seconds: "3"}, 3 * time.Second},
		{map[string]string{ms: "-7", xms: "nonsense", seconds: "3"}, 3 * time.Second},
		{map[string]string{ms: "18446744073709551615"}, maxPause},
		{map[string]string{ms: "18446744073709551616"}, 0},
	} {
		h := http.Header{}
		for name, value := range row.header {
			h.Set(name, value)
		}
		if got := retryAfter(h); got != row.want {
			t.Errorf("retryAfter(%v) = %v, want %v", row.header, got, row.want)
		}
	}
}

// A deadline that passes in the moment of a good answer is a deadline: the answer
// refused nothing, and came from the service. So is one in the moment of an answer that
// is not asked for again, such as the 401 with the challenge. A refusal of the try before
// is its cause.
func TestDeadlineAfterAnAnswer(t *testing.T) {
	for status, refused := range map[int]bool{200: false, 202: false, 302: false, 400: false, 401: false, 404: false, 409: false, 408: true, 429: true, 500: true, 503: true} {
		c := &call{answer: &http.Response{StatusCode: status, Body: http.NoBody}}
		err := c.explain(request{method: "GET", path: "/"}, context.DeadlineExceeded)
		var e *Error
		if !errors.Is(err, context.DeadlineExceeded) || errors.As(err, &e) != refused || errors.Is(err, ErrMalformed) {
			t.Errorf("the deadline after a %d is %v", status, err)
		}
	}
}
