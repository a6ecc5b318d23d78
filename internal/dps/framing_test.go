package dps

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
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

// speaker answers each request on a connection with the same bytes, inside TLS,
// and counts the requests. It closes where the bytes may be the begin of more.
func speaker(t *testing.T, answer string) (endpoint string, client *http.Client, requests *atomic.Int32) {
	t.Helper()
	backend := httptest.NewUnstartedServer(nil) // for its certificate
	backend.StartTLS()
	t.Cleanup(backend.Close)
	roots := x509.NewCertPool()
	roots.AddCert(backend.Certificate())
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: backend.TLS.Certificates})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	requests = new(atomic.Int32)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go speak(conn, answer, requests)
		}
	}()
	client = NewHTTPClient(roots, environment.Proxies{})
	t.Cleanup(client.CloseIdleConnections)
	// Each answer ends its connection; the next one needs no signature of the server.
	client.Transport.(*http.Transport).TLSClientConfig.ClientSessionCache = tls.NewLRUClientSessionCache(0)
	return "https://" + l.Addr().String(), client, requests
}

func speak(conn net.Conn, answer string, requests *atomic.Int32) {
	defer conn.Close()
	r, err := http.ReadRequest(bufio.NewReader(conn))
	if err != nil {
		return
	}
	_, _ = io.Copy(io.Discard, r.Body)
	requests.Add(1)
	_, _ = io.WriteString(conn, answer)
}

// everyOperation is what both clients can ask.
func everyOperation(t *testing.T, endpoint string, client *http.Client) map[string]func() error {
	t.Helper()
	o := ClientOptions{HTTPClient: client, RetryDelay: time.Microsecond}
	device, err := NewDeviceClient(endpoint, testScope, o)
	if err != nil {
		t.Fatal(err)
	}
	service, err := NewServiceClient(endpoint, SharedAccessToken(testToken), o)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]func() error{
		"challenge":      func() error { _, err := device.Register(ctx, registration, ""); return err },
		"register":       func() error { _, err := device.Register(ctx, registration, testToken); return err },
		"poll":           func() error { _, err := device.Operation(ctx, "machine-1", "4.a.b", testToken); return err },
		"get enrollment": func() error { _, err := service.Enrollment(ctx, "machine-1"); return err },
		"put enrollment": func() error {
			_, err := service.PutEnrollment(ctx, Enrollment{RegistrationID: "machine-1"}, "e")
			return err
		},
		"delete enrollment":  func() error { return service.DeleteEnrollment(ctx, "machine-1", "e") },
		"registration state": func() error { _, err := service.RegistrationState(ctx, "machine-1"); return err },
		"bulk": func() error {
			_, err := service.Bulk(ctx, "create", []Enrollment{{RegistrationID: "machine-1"}})
			return err
		},
		"query": func() error {
			for _, err := range service.Enrollments(ctx, AllEnrollments, 0) {
				return err
			}
			return nil
		},
	}
}

// brokenHTTP are answers that came and are not HTTP.
var brokenHTTP = map[string]string{
	"length negative":        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{}",
	"length of letters":      "HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n{}",
	"length empty":           "HTTP/1.1 200 OK\r\nContent-Length: 1e3\r\n\r\n{}",
	"length hexadecimal":     "HTTP/1.1 200 OK\r\nContent-Length: 0x2\r\n\r\n{}",
	"length with a sign":     "HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\n{}",
	"length of 30 digits":    "HTTP/1.1 200 OK\r\nContent-Length: 999999999999999999999999999999\r\n\r\n{}",
	"lengths that differ":    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
	"a list of lengths":      "HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\n{}",
	"interim, no end":        strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 10000),
	"continue, no end":       strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 10000),
	"interim, long":          strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: "+strings.Repeat("x", 2000)+"\r\n\r\n", 1000),
	"many headers":           "HTTP/1.1 200 OK\r\n" + strings.Repeat("X-Flood: yes\r\n", 20000) + "\r\n{}",
	"a long header":          "HTTP/1.1 200 OK\r\nX-Flood: " + strings.Repeat("x", 1<<18) + "\r\n\r\n{}",
	"a long status":          "HTTP/1.1 200 " + strings.Repeat("O", 1<<18) + "\r\n\r\n{}",
	"no line end":            strings.Repeat("H", 1<<18),
	"HTTP/2's preface":       "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
	"HTTP/2's settings":      "\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x64\x00\x04\x00\x10\x00\x00\r\n\r\n",
	"HTTP/2.0":               "HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\n{}",
	"HTTP/0.9":               "<html>welcome</html>\r\n\r\n",
	"HTTP/0.9, by name":      "HTTP/0.9 200 OK\r\nContent-Length: 2\r\n\r\n{}",
	"HTTP/11":                "HTTP/11 200 OK\r\n\r\n{}",
	"small letters":          "http/1.1 200 OK\r\n\r\n{}",
	"bare JSON":              "{\"registrationId\":\"machine-1\"}\r\n\r\n",
	"no status":              "HTTP/1.1\r\n\r\n{}",
	"an empty status":        "HTTP/1.1  OK\r\n\r\n{}",
	"a status of letters":    "HTTP/1.1 OK 200\r\n\r\n{}",
	"a status of two digits": "HTTP/1.1 20 OK\r\n\r\n{}",
	"a status of four":       "HTTP/1.1 2000 OK\r\n\r\n{}",
	"a negative status":      "HTTP/1.1 -20 OK\r\n\r\n{}",
	"status 000":             "HTTP/1.1 000 None\r\nContent-Length: 2\r\n\r\n{}",
	"status 099":             "HTTP/1.1 099 None\r\nContent-Length: 2\r\n\r\n{}",
	"status 600":             "HTTP/1.1 600 More\r\nContent-Length: 2\r\n\r\n{}",
	"status 999":             "HTTP/1.1 999 Blocked\r\nContent-Length: 2\r\n\r\n{}",
	"another protocol":       "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
	"chunk of letters":       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
	"chunk negative":         "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n",
	"chunk of 20 digits":     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffffffff\r\n{}\r\n",
	"chunk longer":           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}{}{}\r\n0\r\n\r\n",
	"chunk without size":     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n{}\r\n0\r\n\r\n",
	"chunk line, no end":     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Repeat("0", 1<<16),
	"another encoding":       "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n{}",
	"two encodings":          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
	"compressed, not so":     "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 40\r\n\r\n" + strings.Repeat("{}", 20),
	"compressed, damaged":    "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 30\r\n\r\n\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff" + strings.Repeat("\xff", 20),
	"header without colon":   "HTTP/1.1 200 OK\r\nContent-Length 2\r\n\r\n{}",
	"header without name":    "HTTP/1.1 200 OK\r\n: 2\r\n\r\n{}",
	"space before the colon": "HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\n{}",
	"header folded first":    "HTTP/1.1 200 OK\r\n folded: 2\r\n\r\n{}",
	"NUL in a value":         "HTTP/1.1 200 OK\r\nX-A: a\x00b\r\nContent-Length: 2\r\n\r\n{}",
	"escape in a value":      "HTTP/1.1 200 OK\r\nX-A: a\x1b[2Jb\r\nContent-Length: 2\r\n\r\n{}",
	"DEL in a value":         "HTTP/1.1 200 OK\r\nETag: a\x7f\r\nContent-Length: 2\r\n\r\n{}",
	"CR in a value":          "HTTP/1.1 200 OK\r\nX-A: a\rb\r\nContent-Length: 2\r\n\r\n{}",
	"NUL in a name":          "HTTP/1.1 200 OK\r\nX\x00A: a\r\nContent-Length: 2\r\n\r\n{}",
	"NUL bytes":              strings.Repeat("\x00", 4096) + "\n",
	"NUL in the status":      "HTTP/1.1 2\x000 OK\r\n\r\n{}",
	"TLS in TLS":             "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
	"a TLS alert in TLS":     "\x15\x03\x03\x00\x02\x02\x28\r\n\r\n",
	"SSH":                    "SSH-2.0-OpenSSH_9.6\r\n",
	"SMTP":                   "220 mail.example ESMTP ready\r\n",
	"MQTT's CONNACK":         "\x20\x02\x00\x00\n",
	"AMQP":                   "AMQP\x00\x01\x00\x00\r\n",
	"RTSP":                   "RTSP/1.0 200 OK\r\n\r\n",
	"ICY":                    "ICY 200 OK\r\n\r\n",
	"a secret":               "SharedAccessSignature sr=x&sig=c2VjcmV0LXNpZw%3D%3D&se=2000000000&skn=p\r\n\r\n",
}

// What came and is not HTTP is something else's answer: one try, and no words of
// net/http's alone.
func TestBrokenFraming(t *testing.T) {
	tried := 0
	for name, answer := range brokenHTTP {
		endpoint, client, requests := speaker(t, answer)
		for operation, ask := range everyOperation(t, endpoint, client) {
			requests.Store(0)
			err := ask()
			tried++
			if !errors.Is(err, ErrFraming) || !errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), "the answer is not valid HTTP: ") {
				t.Errorf("%s, %s: %v, want ErrFraming", name, operation, err)
				continue
			}
			if n := requests.Load(); n != 1 {
				t.Errorf("%s, %s: %d tries, want 1", name, operation, n)
			}
			if strings.ContainsAny(err.Error(), "\x00\x1b\r\n") || strings.Contains(err.Error(), "c2VjcmV0") || strings.Contains(err.Error(), "net/http") {
				t.Errorf("%s, %s: %q", name, operation, err)
			}
		}
	}
	t.Logf("%d answers, %d exchanges", len(brokenHTTP), tried)
}

// A connection that ends in the middle is the network's, and tried again.
func TestEndedConnectionIsNotFraming(t *testing.T) {
	for name, answer := range map[string]string{
		"nothing":                "",
		"half a status line":     "HTTP/1.1 200",
		"no end of the headers":  "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n",
		"an interim answer":      "HTTP/1.1 100 Continue\r\n\r\n",
		"less than its length":   "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{}",
		"half a chunk":           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n50\r\n{}",
		"no last chunk":          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n",
		"half of what is packed": "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n\x1f\x8b\x08\x00",
	} {
		endpoint, client, requests := speaker(t, answer)
		for operation, ask := range everyOperation(t, endpoint, client) {
			requests.Store(0)
			if err := ask(); err == nil || errors.Is(err, ErrMalformed) {
				t.Errorf("%s, %s: %v, want the network's error", name, operation, err)
			}
			want := int32(4)
			if body := strings.Contains(answer, "200 OK"); body && name != "no end of the headers" && (operation == "query" || operation == "bulk") {
				want = 1 // azcore repeats no POST whose answer had begun
			}
			if n := requests.Load(); n != want {
				t.Errorf("%s, %s: %d tries, want %d", name, operation, n, want)
			}
		}
	}
}

// Bodies that are longer or shorter than they were announced are cut there: an
// answer that is no longer JSON, or one that is.
func TestBodyBesideItsLength(t *testing.T) {
	for answer, want := range map[string]error{
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{\"registrationId\":\"machine-1\"}": ErrMalformed,
		"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n{\"registrationId\":\"machine-1\"}": ErrMalformed,
		"HTTP/1.1 204 No Content\r\nContent-Length: 30\r\n\r\n{}":                        ErrMalformed,
		"HTTP/1.1 200\r\n\r\n": ErrMalformed,
		"HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n{\"registrationId\":\"machine-1\"}{}": nil,
	} {
		endpoint, client, requests := speaker(t, answer)
		err := everyOperation(t, endpoint, client)["get enrollment"]()
		if !errors.Is(err, want) || requests.Load() != 1 {
			t.Errorf("%q: %v after %d tries, want %v after 1", answer, err, requests.Load(), want)
		}
	}
}

// Something that speaks no TLS at all, and a proxy that does not speak HTTP.
func TestOtherProtocolsOnTheWay(t *testing.T) {
	for name, greeting := range map[string]string{
		"SSH": "SSH-2.0-OpenSSH_9.6\r\n", "HTTP": "HTTP/1.1 400 Bad Request\r\n\r\n", "MQTT": "\x20\x02\x00\x00\x00\x00\x00",
		"an alert": "\x15\x03\x03\x00\x02\x02\x28", "zeros": strings.Repeat("\x00", 64), "a record of 64 KiB": "\x16\x03\x03\xff\xff" + strings.Repeat("x", 1000),
	} {
		var connections atomic.Int32
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				connections.Add(1)
				_, _ = conn.Read(make([]byte, 1024))
				_, _ = io.WriteString(conn, greeting)
				_, _ = io.Copy(io.Discard, conn) // until the client has read it, and goes
				conn.Close()
			}
		}()
		o := ClientOptions{HTTPClient: NewHTTPClient(nil, environment.Proxies{}), RetryDelay: time.Microsecond}
		c, _ := NewServiceClient(l.Addr().String(), SharedAccessToken(testToken), o)
		var record tls.RecordHeaderError
		if _, err := c.Enrollment(ctx, "machine-1"); !errors.Is(err, network.ErrTLS) && !errors.As(err, &record) || connections.Load() != 1 {
			t.Errorf("%s instead of TLS: %v after %d tries, want ErrTLS after 1", name, err, connections.Load())
		}
		u := "http://" + l.Addr().String()
		client := NewHTTPClient(nil, environment.Proxies{})
		client.Transport.(*http.Transport).Proxy = func(*http.Request) (*url.URL, error) { return url.Parse(u) }
		connections.Store(0)
		c, _ = NewServiceClient("plant", SharedAccessToken(testToken), ClientOptions{HTTPClient: client, RetryDelay: time.Microsecond})
		if name == "HTTP" || !strings.Contains(greeting, "\n") {
			continue // a refusal as any, or less than a line
		}
		if _, err := c.Enrollment(ctx, "machine-1"); !errors.Is(err, network.ErrProxy) || connections.Load() != 1 {
			t.Errorf("%s instead of a proxy: %v after %d tries, want ErrProxy after 1", name, err, connections.Load())
		}
	}
}

// The log and a trace see the same, and no secret of it.
func TestFramingInALog(t *testing.T) {
	endpoint, client, _ := speaker(t, brokenHTTP["a secret"])
	var log, trace bytes.Buffer
	client.Transport = Trace(client.Transport, &trace)
	c, err := NewDeviceClient(endpoint, testScope, ClientOptions{HTTPClient: client, Log: debugLog(&log)})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Register(context.Background(), registration, "")
	if all := fmt.Sprint(err, log.String(), trace.String()); !errors.Is(err, ErrFraming) || strings.Contains(all, "c2VjcmV0") {
		t.Errorf("%s", all)
	}
}
