package dps

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tpmdps/internal/environment"
	"tpmdps/internal/network"
)

func TestHundredMegabyteBody(t *testing.T) {
	block := bytes.Repeat([]byte(" "), 1<<20)
	for name, length := range map[string]string{"announced": "104857600", "chunked": ""} {
		for _, status := range []int{200, 401, 404, 503} {
			var requests, written atomic.Int64
			s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				requests.Add(1)
				if length != "" {
					w.Header().Set("Content-Length", length)
				}
				w.WriteHeader(status)
				for range 100 {
					n, err := w.Write(block)
					written.Add(int64(n))
					if err != nil {
						return
					}
				}
			}))
			c, err := NewDeviceClient(s.URL, testScope, ClientOptions{HTTPClient: s.Client(), RetryDelay: time.Microsecond})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := c.Register(context.Background(), registration, ""); !errors.Is(err, ErrTooLarge) {
				t.Errorf("%s, status %d: Register() = %v, want ErrTooLarge", name, status, err)
			}
			s.Close()
			if requests.Load() != 1 {
				t.Errorf("%s, status %d: %d requests, want 1", name, status, requests.Load())
			}
			if written.Load() > 50<<20 {
				t.Errorf("%s, status %d: %d bytes were taken off the wire", name, status, written.Load())
			}
		}
	}
}

func TestCompressedBodyIsBoundedToo(t *testing.T) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	z.Write(bytes.Repeat([]byte(" "), 4*maxBody))
	z.Close()
	if packed.Len() > maxBody/4 {
		t.Fatalf("%d bytes packed: the bound is not that of what they unpack to", packed.Len())
	}
	_, _, err := register(t, reply{status: 200, body: packed.String(), header: map[string]string{"Content-Encoding": "gzip"}})
	if !errors.Is(err, ErrTooLarge) {
		t.Errorf("Register() = %v, want ErrTooLarge", err)
	}
}

func TestBodyOfExactlyTheBound(t *testing.T) {
	body := assigning + strings.Repeat(" ", maxBody-len(assigning))
	if _, _, err := register(t, reply{status: 202, body: body}); err != nil {
		t.Errorf("1 MiB: %v", err)
	}
	if _, _, err := register(t, reply{status: 202, body: body + " "}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("1 MiB and a byte: %v, want ErrTooLarge", err)
	}
}

func TestRedirectIsNotFollowed(t *testing.T) {
	stranger := serve(t, reply{status: 202, body: assigning})
	for _, status := range []int{301, 302, 303, 307, 308} {
		s := serve(t, reply{status: status, header: map[string]string{"Location": stranger.URL + "/login?token=abc"}})
		_, err := s.device(t).Register(context.Background(), registration, "SharedAccessSignature sr=x&sig=y&se=1")
		var e *Error
		if !errors.As(err, &e) || e.Status != status {
			t.Fatalf("Register() = %v, want an *Error with status %d", err, status)
		}
		if want := "redirected to " + stranger.URL + "/login, which is not followed"; e.Message != want {
			t.Errorf("Message = %q, want %q", e.Message, want)
		}
	}
	if n := len(stranger.seen()); n != 0 {
		t.Errorf("%d requests went to another host", n)
	}
	for _, location := range []string{"", "::", "https://u:p@h/\u202e", "/relative\u009b"} {
		_, _, err := register(t, reply{status: 302, header: map[string]string{"Location": location}})
		var e *Error
		if !errors.As(err, &e) || strings.ContainsAny(e.Message, "\u202e\u009b") || strings.Contains(e.Message, "u:p") {
			t.Errorf("Location %q: %v", location, err)
		}
	}
}

func TestNewHTTPClientChecksTheServer(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(202)
		io.WriteString(w, assigning)
	}))
	s.Config.ErrorLog = quiet
	s.StartTLS()
	defer s.Close()
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	for name, tt := range map[string]struct {
		endpoint string
		roots    *x509.CertPool
		refused  any
	}{
		"known root":   {s.URL, roots, nil},
		"unknown root": {s.URL, x509.NewCertPool(), new(x509.UnknownAuthorityError)},
		"other name":   {strings.Replace(s.URL, "127.0.0.1", "localhost", 1), roots, new(x509.HostnameError)},
	} {
		var log bytes.Buffer
		c, err := NewDeviceClient(tt.endpoint, testScope, ClientOptions{HTTPClient: NewHTTPClient(tt.roots, environment.Proxies{}), RetryDelay: time.Microsecond, Log: debugLog(&log)})
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Register(context.Background(), registration, "")
		if (err == nil) != (tt.refused == nil) || tt.refused != nil && !errors.As(err, tt.refused) {
			t.Errorf("%s: %v, want %T", name, err, tt.refused)
		}
		if n := strings.Count(log.String(), "\n"); n != 1 {
			t.Errorf("%s: %d tries, want 1: trust does not come with time", name, n)
		}
	}
}

func TestNewHTTPClientRefusesOldTLS(t *testing.T) {
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
	s.Config.ErrorLog = quiet
	s.StartTLS()
	defer s.Close()
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	_, err := NewHTTPClient(roots, environment.Proxies{}).Get(s.URL)
	if err == nil || !strings.Contains(err.Error(), "protocol version") {
		t.Errorf("TLS 1.1: %v, want a refusal", err)
	}
}

func TestPlainHTTPServer(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	defer s.Close()
	var log bytes.Buffer
	c, _ := NewDeviceClient(strings.TrimPrefix(s.URL, "http://"), testScope, ClientOptions{RetryDelay: time.Microsecond, Log: debugLog(&log)})
	_, err := c.Register(context.Background(), registration, "")
	var record tls.RecordHeaderError
	if !errors.As(err, &record) || strings.Count(log.String(), "\n") != 1 {
		t.Errorf("Register() = %v, want tls.RecordHeaderError after one try; log %s", err, log.String())
	}
}

func TestProxyThatRefuses(t *testing.T) {
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusProxyAuthRequired)
	}))
	defer proxy.Close()
	u, _ := url.Parse(proxy.URL)
	u.User = url.UserPassword("user", "proxy-password")
	client := NewHTTPClient(nil, environment.Proxies{})
	client.Transport.(*http.Transport).Proxy = http.ProxyURL(u)
	var log bytes.Buffer
	c, _ := NewDeviceClient("", testScope, ClientOptions{HTTPClient: client, RetryDelay: time.Microsecond, Log: debugLog(&log)})
	_, err := c.Register(context.Background(), registration, "")
	if !errors.Is(err, network.ErrProxyLogin) || !strings.Contains(err.Error(), u.Host+" answered 407") {
		t.Errorf("Register() = %v, want ErrProxyLogin with the proxy and its answer", err)
	}
	if all := err.Error() + log.String(); strings.Contains(all, "proxy-password") || strings.Count(log.String(), "\n") != 1 {
		t.Errorf("error and log = %s, want one try and no password", all)
	}
}

// One connection carries the whole of a registration. net/http opens another one where its
// writer does not get the processor for 50 ms: what is wrong is so each time.
func TestOneConnection(t *testing.T) {
	all := 0
	for range 3 {
		if all = connectionsOfARegistration(t); all == 1 {
			return
		}
	}
	t.Errorf("%d connections, want 1", all)
}

func connectionsOfARegistration(t *testing.T) int {
	t.Helper()
	remotes := map[string]bool{}
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		remotes[r.RemoteAddr] = true
		if r.Method == http.MethodPut && r.Header.Get("Authorization") == "" {
			w.WriteHeader(401)
			io.WriteString(w, `{"authenticationKey":"AAEC"}`)
			return
		}
		io.WriteString(w, assigning)
	}))
	defer s.Close()
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	c, _ := NewDeviceClient(s.URL, testScope, ClientOptions{HTTPClient: NewHTTPClient(roots, environment.Proxies{})})
	ctx := context.Background()
	_, err1 := c.Register(ctx, registration, "")
	_, err2 := c.Register(ctx, registration, "token")
	_, err3 := c.Operation(ctx, "machine-1", "1", "token")
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Error(err)
	}
	return len(remotes)
}
