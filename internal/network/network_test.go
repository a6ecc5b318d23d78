package network

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tpmdps/internal/contexttest"
	"tpmdps/internal/environment"
)

// service is an HTTPS server that counts its connections.
func service(t *testing.T) (*httptest.Server, *x509.CertPool, *atomic.Int32) {
	t.Helper()
	var connections atomic.Int32
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Host) }))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	s.StartTLS()
	t.Cleanup(s.Close)
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	return s, roots, &connections
}

func route(t *testing.T, target string, roots *x509.CertPool) *Route {
	t.Helper()
	host, port := SplitHost(target, "443")
	proxies, _, err := environment.Of(os.Environ(), false).Proxies()
	if err != nil {
		t.Fatal(err)
	}
	r := NewRoute(host, port, roots, proxies)
	t.Cleanup(func() { r.Close() })
	return r
}

// walk goes the way layer by layer.
func walk(ctx context.Context, r *Route) (Handshake, error) {
	if _, err := r.Resolve(ctx); err != nil {
		return Handshake{}, err
	}
	if _, err := r.Connect(ctx); err != nil {
		return Handshake{}, err
	}
	return r.Secure(ctx)
}

// The requests use the connection that is there. net/http opens another one where its
// writer does not get the processor for 50 ms: what is wrong is so each time.
func TestFirstRequestUsesTheConnectionThatIsThere(t *testing.T) {
	all := int32(0)
	for range 3 {
		if all = connectionsOfARoute(t); all == 1 {
			return
		}
	}
	t.Errorf("%d connections, want 1", all)
}

// connectionsOfARoute counts those of three requests on a way that was gone before.
func connectionsOfARoute(t *testing.T) int32 {
	t.Helper()
	s, roots, connections := service(t)
	r := route(t, s.URL, roots)
	seen, err := walk(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	if seen.Version == "" || seen.Subject == "" {
		t.Errorf("Secure() = %+v", seen)
	}
	client := &http.Client{Transport: r.Transport()}
	for range 3 {
		resp, err := client.Get(s.URL)
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
	all := connections.Load()
	client.CloseIdleConnections()
	resp, err := client.Get(s.URL)
	if err != nil {
		t.Fatalf("a request after the connection was lost: %v", err)
	}
	resp.Body.Close()
	if _, err := client.Get("https://elsewhere.invalid/"); !errors.Is(err, ErrConnect) {
		t.Errorf("a request for another host: %v, want ErrConnect", err)
	}
	return all
}

func TestEachLayerFailsAsItself(t *testing.T) {
	s, _, _ := service(t)
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	closing := listen(t, func(c net.Conn) { c.Close() })
	// The deadline comes when this end has the client's first byte.
	ctx, expire := contexttest.WithDeadline(t)
	silent := listen(t, func(c net.Conn) {
		c.Read(make([]byte, 1))
		expire()
		io.Copy(io.Discard, c)
	})
	tests := []struct {
		name, target string
		want         error
		says         string
	}{
		{"no such name", "nowhere.invalid:443", ErrName, "nowhere.invalid"},
		{"nobody listens", "127.0.0.1:1", ErrConnect, "refused"},
		{"another authority", s.URL, ErrCertificate, "issued by"},
		{"no TLS", strings.TrimPrefix(plain.URL, "http://"), ErrTLS, "does not speak TLS"},
		{"closes", closing, ErrTLS, ""},
		{"says nothing", silent, ErrTLS, ""}, // the last one: it brings the deadline
	}
	for _, tt := range tests {
		_, err := walk(ctx, route(t, tt.target, x509.NewCertPool()))
		if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v, want %v with %q", tt.name, err, tt.want, tt.says)
		}
	}
}

func listen(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for c, err := l.Accept(); err == nil; c, err = l.Accept() {
			go serve(c)
		}
	}()
	return l.Addr().String()
}

// proxy is an HTTP proxy that connects to one address, whatever it is asked
// for, since a name for it cannot be had in a test.
func proxy(t *testing.T, target string, status int, login string) (address string, asked *atomic.Value) {
	t.Helper()
	asked = &atomic.Value{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Store(r.Method + " " + r.Host + " " + r.Header.Get("Proxy-Authorization"))
		if login != "" && r.Header.Get("Proxy-Authorization") != login {
			status = http.StatusProxyAuthRequired
		}
		if status != http.StatusOK {
			w.WriteHeader(status)
			return
		}
		out, err := net.Dial("tcp", target)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		in, buffered, _ := w.(http.Hijacker).Hijack()
		io.WriteString(in, "HTTP/1.1 200 Connection established\r\n\r\n")
		go func() { io.Copy(out, buffered); out.Close() }()
		io.Copy(in, out)
		in.Close()
	}))
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://"), asked
}

func TestThroughAProxy(t *testing.T) {
	s, roots, _ := service(t)
	target := strings.TrimPrefix(s.URL, "https://")
	login := "Basic " + base64.StdEncoding.EncodeToString([]byte("user:canary"))
	address, asked := proxy(t, target, http.StatusOK, login)

	t.Setenv("HTTPS_PROXY", "http://user:canary@"+address)
	t.Setenv("NO_PROXY", "")
	r := route(t, "example.com:443", roots) // the name that httptest's certificate has
	if r.Proxy() != address {
		t.Errorf("Proxy() = %q, want %q", r.Proxy(), address)
	}
	if _, err := walk(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if got, want := asked.Load(), "CONNECT example.com:443 "+login; got != want {
		t.Errorf("the proxy was asked %q, want %q", got, want)
	}
	resp, err := (&http.Client{Transport: r.Transport()}).Get("https://example.com/")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()

	t.Setenv("NO_PROXY", "example.com")
	if r := route(t, "example.com:443", roots); r.Proxy() != "" {
		t.Errorf("Proxy() = %q in spite of NO_PROXY", r.Proxy())
	}
}

func TestProxyThatRefuses(t *testing.T) {
	for status, want := range map[int]error{407: ErrProxyLogin, 401: ErrProxyLogin, 403: ErrProxy, 502: ErrProxy} {
		address, _ := proxy(t, "127.0.0.1:1", status, "")
		t.Setenv("HTTPS_PROXY", "http://user:canary@"+address)
		t.Setenv("NO_PROXY", "")
		_, err := walk(t.Context(), route(t, "example.com:443", nil))
		if !errors.Is(err, want) {
			t.Errorf("status %d: %v, want %v", status, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "canary") {
			t.Errorf("status %d: the password is in %q", status, err)
		}
	}
}

func TestSplitHost(t *testing.T) {
	for text, want := range map[string][2]string{
		"https://localhost:8443": {"localhost", "8443"},
		"a.azure-devices.net":    {"a.azure-devices.net", "443"},
		"[::1]:8443":             {"::1", "8443"},
		"a:b":                    {"a:b", "443"},
	} {
		if h, p := SplitHost(text, "443"); h != want[0] || p != want[1] {
			t.Errorf("SplitHost(%q) = %q, %q, want %q", text, h, p, want)
		}
	}
}

// A certificate of another time: the clock is the first suspect, not a proxy.
func TestCertificateOfAnotherTime(t *testing.T) {
	s, roots, _ := service(t)
	r := route(t, s.URL, roots)
	r.config.Time = func() time.Time { return time.Date(2199, 1, 1, 0, 0, 0, 0, time.UTC) }
	if _, err := walk(t.Context(), r); !errors.Is(err, ErrValidity) {
		t.Errorf("Secure() = %v, want ErrValidity", err)
	}
}

// A proxy that takes the request and says nothing gives way to Ctrl-C at once.
func TestProxyThatHangsIsInterrupted(t *testing.T) {
	asked := make(chan struct{})
	silent := listen(t, func(c net.Conn) {
		c.Read(make([]byte, 1))
		close(asked)
		io.Copy(io.Discard, c)
	})
	t.Setenv("HTTPS_PROXY", "http://"+silent)
	t.Setenv("NO_PROXY", "")
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-asked; cancel() }()
	if _, err := walk(ctx, route(t, "example.com:443", nil)); !errors.Is(err, context.Canceled) {
		t.Errorf("walk() = %v, want context.Canceled", err)
	}
}
