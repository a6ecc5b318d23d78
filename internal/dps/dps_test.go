package dps

import (
	"context"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// service is a scripted DPS: answers in order, the last one again and again. It
// keeps what it was asked.
type service struct {
	*httptest.Server
	mu       sync.Mutex
	requests []seen
}

type seen struct {
	method, uri, body string
	header            http.Header
}

type reply struct {
	status int
	header map[string]string
	body   string
}

func serve(t *testing.T, replies ...reply) *service {
	t.Helper()
	s := &service{}
	s.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		next := replies[min(len(s.requests), len(replies)-1)]
		s.requests = append(s.requests, seen{r.Method, r.RequestURI, string(body), r.Header})
		s.mu.Unlock()
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		for name, value := range next.header {
			w.Header().Set(name, value)
		}
		w.WriteHeader(next.status)
		io.WriteString(w, next.body)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *service) seen() []seen {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests
}

// options make retries immediate.
func (s *service) options() ClientOptions {
	return ClientOptions{HTTPClient: s.Client(), RetryDelay: time.Microsecond, Application: "tpmdps/test"}
}

const testScope = "0ne00000A01"

func (s *service) device(t *testing.T) *DeviceClient {
	t.Helper()
	c, err := NewDeviceClient(s.URL, testScope, s.options())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const testToken = "SharedAccessSignature sr=test&sig=c2VjcmV0LXNpZw%3D%3D&se=2000000000&skn=p"

func (s *service) client(t *testing.T) *ServiceClient {
	t.Helper()
	c, err := NewServiceClient(s.URL, SharedAccessToken(testToken), s.options())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func fixture(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

var registration = Registration{RegistrationID: "machine-1", EndorsementKey: []byte{1, 2, 3}, StorageRootKey: []byte{4, 5}}

func register(t *testing.T, replies ...reply) (Answer, *service, error) {
	t.Helper()
	s := serve(t, replies...)
	a, err := s.device(t).Register(context.Background(), registration, "")
	return a, s, err
}

// quiet swallows what test servers say about handshakes that are meant to fail.
var quiet = log.New(io.Discard, "", 0)
