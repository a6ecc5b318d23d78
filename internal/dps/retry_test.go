package dps

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

const assigning = `{"operationId":"1","status":"assigning"}`

func TestRetriesWhatMayPass(t *testing.T) {
	for _, status := range []int{408, 429, 500, 502, 503, 504} {
		a, s, err := register(t, reply{status: status}, reply{status: status}, reply{status: 202, body: assigning})
		if err != nil || a.Operation == nil {
			t.Errorf("%d twice, then 202: %+v, %v", status, a, err)
		}
		requests := s.seen()
		if len(requests) != 3 {
			t.Fatalf("%d twice, then 202: %d requests, want 3", status, len(requests))
		}
		if requests[2].body != requests[0].body || requests[0].body == "" {
			t.Errorf("%d: body of the third try = %q, want %q", status, requests[2].body, requests[0].body)
		}
	}
}

func TestLastAnswerComesBack(t *testing.T) {
	_, s, err := register(t, reply{status: 503, body: `{"errorCode":503000,"message":"busy","trackingId":"t-1"}`})
	var e *Error
	if !errors.As(err, &e) || e.Status != 503 || e.Code != 503000 || e.Message != "busy" || e.TrackingID != "t-1" {
		t.Errorf("Register() = %v, want the *Error of the last 503", err)
	}
	if n := len(s.seen()); n != 4 {
		t.Errorf("%d requests, want 1 and 3 retries", n)
	}
}

func TestDoesNotRetryWhatWillNotPass(t *testing.T) {
	for _, status := range []int{200, 204, 301, 307, 400, 401, 403, 404, 405, 409, 412, 415, 501} {
		_, s, err := register(t, reply{status: status, body: `{"errorCode":1,"message":"no"}`})
		if err == nil {
			t.Errorf("status %d: no error", status)
		}
		if n := len(s.seen()); n != 1 {
			t.Errorf("status %d: %d requests, want 1", status, n)
		}
	}
}

func TestMaxRetries(t *testing.T) {
	for retries, want := range map[int32]int{-1: 1, 1: 2, 0: 4} {
		s := serve(t, reply{status: 429})
		o := s.options()
		o.maxRetries = retries
		c, err := NewDeviceClient(s.URL, testScope, o)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Register(context.Background(), registration, ""); err == nil {
			t.Error("no error after 429s only")
		}
		if n := len(s.seen()); n != want {
			t.Errorf("MaxRetries %d: %d requests, want %d", retries, n, want)
		}
	}
}

// When the time runs out between two tries, what was being waited for is not
// lost.
func TestDeadlineKeepsTheLastAnswer(t *testing.T) {
	s := serve(t, reply{status: 503, body: `{"errorCode":503001,"message":"busy"}`})
	ctx, cancel := context.WithCancel(context.Background())
	o := s.options()
	o.RetryDelay = time.Hour
	o.Log = debugLog(writer(func() { cancel() })) // as soon as the first try is over
	c, err := NewDeviceClient(s.URL, testScope, o)
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Register(ctx, registration, "")
	var e *Error
	if !errors.Is(err, context.Canceled) || !errors.As(err, &e) || e.Code != 503001 {
		t.Errorf("Register() = %v, want the context's error and the 503", err)
	}
}

// The same when the deadline cuts a later try.
func TestHungAfterAnAnswer(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	n := 0
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n++; n == 1 {
			w.WriteHeader(429)
			return
		}
		cancel()
		<-r.Context().Done()
	}))
	defer s.Close()
	c, err := NewDeviceClient(s.URL, testScope, ClientOptions{HTTPClient: s.Client(), RetryDelay: time.Microsecond})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Operation(ctx, "machine-1", "1", "")
	var e *Error
	if !errors.Is(err, context.Canceled) || !errors.As(err, &e) || e.Status != 429 {
		t.Errorf("Operation() = %v, want the context's error and the 429", err)
	}
}

type writer func()

func (w writer) Write(p []byte) (int, error) { w(); return len(p), nil }

func TestConnectionRefused(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.2:0") // where nobody else looks for a port
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	var tries bytes.Buffer
	c, err := NewDeviceClient(l.Addr().String(), testScope, ClientOptions{RetryDelay: time.Microsecond, Log: debugLog(&tries)})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Register(context.Background(), registration, "")
	var op *net.OpError
	if !errors.As(err, &op) {
		t.Errorf("Register() = %v, want the *net.OpError", err)
	}
	if n := strings.Count(tries.String(), "\n"); n != 4 {
		t.Errorf("%d tries, want 4", n)
	}
}

// A connection that breaks is tried again, with the body and in the middle of
// the answer.
func TestBrokenConnection(t *testing.T) {
	n := 0
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n++
		body, _ := io.ReadAll(r.Body)
		switch {
		case n == 1:
			panic(http.ErrAbortHandler)
		case n == 2:
			w.Header().Set("Content-Length", "500")
			io.WriteString(w, assigning)
		case len(body) == 0:
			w.WriteHeader(400)
		default:
			w.WriteHeader(202)
			io.WriteString(w, assigning)
		}
	}))
	defer s.Close()
	c, err := NewDeviceClient(s.URL, testScope, ClientOptions{HTTPClient: s.Client(), RetryDelay: time.Microsecond})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Register(context.Background(), registration, ""); err != nil || n != 3 {
		t.Errorf("Register() = %v after %d requests, want success after 3", err, n)
	}
}

func debugLog(w io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func TestLogHasOneLineForEachTryAndNoSecret(t *testing.T) {
	s := serve(t, reply{status: 503, header: map[string]string{"x-ms-request-id": "r-1"}},
		reply{status: 404, header: map[string]string{"x-ms-request-id": "r-2\u009b2J"}, body: `{"message":"no such enrollment"}`})
	var out bytes.Buffer
	o := s.options()
	o.Log = debugLog(&out)
	c, err := NewServiceClient(s.URL, SharedAccessToken(testToken), o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Enrollment(context.Background(), "machine-1"); !HasStatus(err, http.StatusNotFound) {
		t.Fatalf("Enrollment() = %v, want a 404", err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 2 {
		t.Fatalf("log = %s, want 2 lines", out.String())
	}
	for i, want := range [][]string{{"method=GET", "status=503", "request_id=r-1", "ms=", "/enrollments/machine-1?api-version=2021-10-01"}, {"status=404", "r-2?2J"}} {
		for _, want := range want {
			if !strings.Contains(lines[i], want) {
				t.Errorf("line %d = %s, want %q in it", i, lines[i], want)
			}
		}
	}
	if strings.Contains(out.String(), "sig=") || strings.Contains(out.String(), "Shared") {
		t.Errorf("the log shows the token: %s", out.String())
	}
	if got := s.seen()[0].header.Get("Authorization"); got != testToken {
		t.Errorf("Authorization = %q, want the token", got)
	}
}

func TestLogAboveDebugIsSilent(t *testing.T) {
	var out bytes.Buffer
	s := serve(t, reply{status: 202, body: assigning})
	o := s.options()
	o.Log = slog.New(slog.NewTextHandler(&out, nil))
	c, _ := NewDeviceClient(s.URL, testScope, o)
	if _, err := c.Register(context.Background(), registration, ""); err != nil || out.Len() != 0 {
		t.Errorf("Register() = %v, log = %q, want none", err, out.String())
	}
}
