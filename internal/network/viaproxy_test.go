package network

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"

	"tpmdps/internal/environment"
)

// Every layer of a way through a proxy names the proxy, and what it is.
func TestProxyIsNamed(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.2:0") // where nobody else looks for a port
	if err != nil {
		t.Fatal(err)
	}
	shut := silent.Addr().String()
	silent.Close()
	for _, test := range []struct {
		proxy string
		step  func(*Route) error
		is    error
		says  string
	}{
		{"http://" + shut, connecting, ErrConnect, "no connection to " + shut + ", the proxy: "},
		{"http://proxy.invalid:3128", connecting, ErrConnect, "proxy.invalid:3128, the proxy: "},
		{"http://proxy.invalid:3128", resolving, ErrName, "proxy.invalid, the proxy: "},
		{"", resolving, ErrName, "does not resolve: service.invalid: "},
	} {
		r := &Route{host: "service.invalid", port: "443"}
		if test.proxy != "" {
			if r.proxy, err = url.Parse(test.proxy); err != nil {
				t.Fatal(err)
			}
		}
		err := test.step(r)
		if !errors.Is(err, test.is) || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%q: %v", test.proxy, err)
		}
		var knows interface{ Hint() string }
		if r.proxy != nil != errors.As(err, &knows) || r.proxy != nil && !strings.Contains(knows.Hint(), "HTTPS_PROXY names "+r.proxy.Host) {
			t.Errorf("%q: the hint is wrong", test.proxy)
		}
	}
	r := &Route{proxy: &url.URL{Scheme: "http", Host: "door:3128"}}
	if err := r.throughProxy(fmt.Errorf("%w: cut", ErrTLS)); !errors.Is(err, ErrTLS) || !strings.Contains(err.Error(), "through the proxy door:3128") {
		t.Error(err)
	}
}

func connecting(r *Route) error { _, err := r.Connect(context.Background()); return err }
func resolving(r *Route) error  { _, err := r.Resolve(context.Background()); return err }

// A connection that ends during the handshake is TLS's, whichever client made it; one
// that ends later is the exchange's.
func TestHandshakeThatEnds(t *testing.T) {
	for _, reset := range []bool{true, false} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				c.Read(make([]byte, 1))
				if reset {
					c.(*net.TCPConn).SetLinger(0)
				}
				c.Close()
			}
		}()
		host, port, _ := net.SplitHostPort(l.Addr().String())
		r := NewRoute(host, port, nil, environment.Proxies{})
		if err := connecting(r); err != nil {
			t.Fatal(err)
		}
		_, ofRoute := r.Secure(context.Background())
		client := http.Client{Transport: WatchHandshakes(&http.Transport{})}
		_, ofClient := client.Get("https://" + l.Addr().String())
		for _, err := range []error{ofRoute, ofClient} {
			if _, step := Layer(err); !errors.Is(err, ErrTLS) || step != "net.tls" || Broken(err) {
				t.Errorf("reset %v: %v at %q", reset, err, step)
			}
		}
		var cut *CutHandshake
		if !errors.As(ofClient, &cut) {
			t.Errorf("%v may not pass", ofClient)
		}
	}
}

func TestBroken(t *testing.T) {
	for _, test := range []struct {
		err  error
		want bool
	}{
		{io.ErrUnexpectedEOF, true},
		{io.EOF, true},
		{&net.OpError{Op: "read", Err: syscall.ECONNRESET}, true},
		{&net.OpError{Op: "write", Err: syscall.EPIPE}, true},
		{&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, false},
		{&net.OpError{Op: "listen", Err: syscall.EADDRINUSE}, false},
		{fmt.Errorf("%w: %w", ErrTLS, io.EOF), false},
		{fmt.Errorf("%w: %w", ErrProxy, io.EOF), false},
		{fmt.Errorf("%w: %w", ErrConnect, &net.OpError{Op: "read", Err: syscall.ECONNRESET}), false},
		{context.DeadlineExceeded, false},
		{errors.New("401"), false},
		{nil, false},
	} {
		if got := Broken(test.err); got != test.want {
			t.Errorf("Broken(%v) = %v", test.err, got)
		}
		if got := AsBroken(test.err); errors.Is(got, ErrBroken) != test.want || !errors.Is(got, test.err) {
			t.Errorf("AsBroken(%v) = %v", test.err, got)
		}
	}
}
