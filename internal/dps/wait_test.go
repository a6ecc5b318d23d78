package dps

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tpmdps/internal/contexttest"
)

// script is a service without a network, so that it can be asked in a bubble of
// synctest, where time passes as soon as everybody waits. It answers in order, the
// last answer again and again.
type script struct {
	replies []reply
	asked   []time.Time
}

// RoundTrip implements http.RoundTripper.
func (s *script) RoundTrip(req *http.Request) (*http.Response, error) {
	next := s.replies[min(len(s.asked), len(s.replies)-1)]
	s.asked = append(s.asked, time.Now())
	w := httptest.NewRecorder()
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	for name, value := range next.header {
		w.Header().Set(name, value)
	}
	w.WriteHeader(next.status)
	io.WriteString(w, next.body)
	resp := w.Result()
	resp.Request = req
	return resp, nil
}

func (s *script) register(ctx context.Context) error {
	c, err := NewDeviceClient("dps.test", testScope, ClientOptions{HTTPClient: &http.Client{Transport: s}, RetryDelay: time.Microsecond})
	if err != nil {
		return err
	}
	_, err = c.Register(ctx, registration, "")
	return err
}

func TestRetryAfterIsHonoured(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{replies: []reply{{status: 429, header: map[string]string{"Retry-After": "1"}}, {status: 202, body: assigning}}}
		if err := s.register(t.Context()); err != nil {
			t.Fatal(err)
		}
		if took := s.asked[1].Sub(s.asked[0]); len(s.asked) != 2 || took < time.Second {
			t.Errorf("%d tries, the second came after %v, the service asked for 1 s", len(s.asked), took)
		}
	})
}

// A Retry-After that cannot be waited for returns the answer at once, whether
// it is the caller's deadline that is too short or azcore's bound of a minute.
func TestRetryAfterTooLong(t *testing.T) {
	for header, timeout := range map[string]time.Duration{"30": 20 * time.Second, "3600": 2 * time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			s := &script{replies: []reply{{status: 429, header: map[string]string{"Retry-After": header}, body: `{"errorCode":429001,"message":"slow down"}`}}}
			ctx, cancel := context.WithTimeout(t.Context(), timeout)
			defer cancel()
			began := time.Now()
			err := s.register(ctx)
			var e *Error
			if !errors.As(err, &e) || e.Status != 429 || e.Code != 429001 || e.RetryAfter == 0 {
				t.Errorf("Retry-After %s: %v, want the *Error with it", header, err)
			}
			if errors.Is(err, context.DeadlineExceeded) || len(s.asked) != 1 {
				t.Errorf("Retry-After %s: %v after %d requests, want 1", header, err, len(s.asked))
			}
			if took := time.Since(began); took != 0 {
				t.Errorf("Retry-After %s: the answer came back after %s, want at once", header, took)
			}
		})
	}
}

// The deadline comes when the service hangs: when it has the request, and when
// the client has the beginning of the body.
func TestHungService(t *testing.T) {
	release := make(chan struct{})
	arrived := make(chan struct{}, 1)
	hung := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet { // hang in the body, not before it
			w.Header().Set("Content-Length", "100")
			w.WriteHeader(200)
			io.WriteString(w, `{"operationId":`)
			w.(http.Flusher).Flush()
		} else {
			arrived <- struct{}{}
		}
		<-release
	}))
	defer hung.Close()
	defer close(release)
	client := hung.Client()
	client.Transport = bodies{client.Transport, arrived}
	c, err := NewDeviceClient(hung.URL, testScope, ClientOptions{HTTPClient: client, RetryDelay: time.Microsecond})
	if err != nil {
		t.Fatal(err)
	}
	for name, call := range map[string]func(context.Context) error{
		"before the header": func(ctx context.Context) error { _, err := c.Register(ctx, registration, ""); return err },
		"in the body":       func(ctx context.Context) error { _, err := c.Operation(ctx, "machine-1", "1", ""); return err },
	} {
		ctx, expire := contexttest.WithDeadline(t)
		go func() {
			<-arrived
			expire()
		}()
		if err := call(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("hung %s: %v, want context.DeadlineExceeded", name, err)
		}
	}
}

// bodies tells when the client has read something of an answer's body.
type bodies struct {
	inner http.RoundTripper
	begun chan<- struct{}
}

// RoundTrip implements http.RoundTripper.
func (b bodies) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := b.inner.RoundTrip(req)
	if err == nil {
		resp.Body = &watchedBody{ReadCloser: resp.Body, begun: b.begun}
	}
	return resp, err
}

type watchedBody struct {
	io.ReadCloser
	begun chan<- struct{} // nil once it is told
}

func (w *watchedBody) Read(p []byte) (int, error) {
	n, err := w.ReadCloser.Read(p)
	if n > 0 && w.begun != nil {
		w.begun <- struct{}{}
		w.begun = nil
	}
	return n, err
}

// The end of the time, and of the run, are said in plain words, and can be asked
// for.
func TestEndOfAContextInWords(t *testing.T) {
	canceled, cancel := context.WithCancel(ctx)
	cancel()
	expired, cancel := context.WithTimeout(ctx, -1)
	defer cancel()
	for _, row := range []struct {
		ctx   context.Context
		cause error
		want  string
	}{{canceled, context.Canceled, "interrupted"}, {expired, context.DeadlineExceeded, "timed out before an answer came"}} {
		_, err := serve(t, reply{status: 200, body: "{}"}).client(t).Enrollment(row.ctx, "machine-1")
		if !errors.Is(err, row.cause) || !strings.Contains(err.Error(), row.want) || strings.Contains(err.Error(), "context ") {
			t.Errorf("%v, want %q", err, row.want)
		}
	}
}
