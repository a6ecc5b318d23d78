package hub

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"tpmdps/internal/environment"
	"tpmdps/internal/network"
)

func TestDialTellsTheWay(t *testing.T) {
	addr := listen(t, rest)
	_, port, _ := net.SplitHostPort(addr)
	o, _ := options(t, "localhost:"+port)
	c, err := Dial(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	f := c.Facts
	if f.Address != o.Host || f.Remote != addr || f.Proxy != "" || len(f.Resolved) == 0 || f.TLS.Version != "TLS 1.3" || f.TLS.Subject != "Test CA" {
		t.Errorf("Facts = %+v", f)
	}
	for range 2 {
		if err := c.Close(); err != nil {
			t.Errorf("Close() = %v", err)
		}
	}
}

func TestDialFails(t *testing.T) {
	here := listen(t, rest)
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	tests := []struct {
		name   string
		change func(*Options)
		want   error
	}{
		{"no hub", func(o *Options) { o.Host = "" }, ErrOptions},
		{"no such name", func(o *Options) { o.Host = "nowhere.invalid" }, network.ErrName},
		{"nobody listens", func(o *Options) { o.Host = "127.0.0.1:1" }, network.ErrConnect},
		{"another authority", func(o *Options) { o.Roots = nil }, network.ErrCertificate},
		{"no TLS", func(o *Options) { o.Host = strings.TrimPrefix(plain.URL, "http://") }, network.ErrTLS},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o, log := options(t, here)
			tt.change(&o)
			c, err := Dial(t.Context(), o)
			if !errors.Is(err, tt.want) || c != nil {
				t.Errorf("Dial() = %v, %v, want %v", c, err, tt.want)
			}
			mute(t, err, log)
		})
	}
}

// forwardProxy is an HTTP proxy that leads to one address, whatever it is asked
// for. It returns its own address and the requests that it gets.
func forwardProxy(t *testing.T, to, login string) (addr string, asked chan *http.Request) {
	t.Helper()
	asked = make(chan *http.Request, 1)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		req, err := http.ReadRequest(bufio.NewReader(conn))
		if err != nil {
			return
		}
		asked <- req
		if req.Header.Get("Proxy-Authorization") != login {
			io.WriteString(conn, "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n")
			return
		}
		next, err := net.Dial("tcp", to)
		if err != nil {
			return
		}
		defer next.Close()
		io.WriteString(conn, "HTTP/1.1 200 Connection established\r\n\r\n")
		go func() {
			io.Copy(next, conn)
			next.Close()
		}()
		io.Copy(conn, next)
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
	})
	return l.Addr().String(), asked
}

// proxies are those of the test's environment.
func proxies(t *testing.T) environment.Proxies {
	t.Helper()
	p, _, err := environment.Of(os.Environ(), false).Proxies()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestThroughAProxy(t *testing.T) {
	const login = "Basic bWU6b3BlbiBzZXNhbWU=" // me:open sesame
	for transport, target := range map[string]string{MQTT: "hub.test:8883", MQTTWebSocket: "hub.test:443"} {
		t.Run(transport, func(t *testing.T) {
			hub := says(accepted, granted, publish("$iothub/twin/res/200/?$rid=1", smallTwin))
			if transport == MQTTWebSocket {
				hub = upgraded(hub)
			}
			addr, asked := forwardProxy(t, listen(t, hub), login)
			t.Setenv("HTTPS_PROXY", "http://me:open%20sesame@"+addr)
			o, log := options(t, "hub.test")
			o.Transport, o.Proxies = transport, proxies(t)
			s, err := open(t.Context(), o)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if twin, err := s.Twin(t.Context()); err != nil || twin.DesiredVersion != 7 {
				t.Errorf("Twin() = %v, %v", twin, err)
			}
			if req := <-asked; req.Method != http.MethodConnect || req.Host != target {
				t.Errorf("the proxy was asked to %s %s, want CONNECT %s", req.Method, req.Host, target)
			}
			if s.conn.Facts.Proxy != addr || strings.Contains(log.String(), "sesame") {
				t.Errorf("the proxy is %q; log: %s", s.conn.Facts.Proxy, log)
			}
		})
	}
}

func TestProxyWantsALogin(t *testing.T) {
	addr, _ := forwardProxy(t, "", "Basic else")
	t.Setenv("HTTPS_PROXY", "http://me:sesame@"+addr)
	o, _ := options(t, "hub.test")
	o.Proxies = proxies(t)
	_, err := Dial(t.Context(), o)
	if !errors.Is(err, network.ErrProxyLogin) || !strings.Contains(err.Error(), "407") || strings.Contains(err.Error(), "sesame") {
		t.Errorf("Dial() = %v, want ErrProxyLogin", err)
	}
}
