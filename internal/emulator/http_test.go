package emulator

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// All answers have a length, keep the connection and name the request. The C SDK
// sends "Host: name:443" and a header it misspells.
func TestConnectionIsKept(t *testing.T) {
	chip, _ := chips()
	c := start(t, Options{})
	c.enroll("dev1", chip, "")
	conn, err := tls.Dial("tcp", c.srv.Addr(), &tls.Config{RootCAs: c.srv.Roots(), ServerName: "localhost"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(hangLimit))
	if v := conn.ConnectionState().NegotiatedProtocol; v == "h2" {
		t.Error("HTTP/2 was negotiated")
	}
	answers := bufio.NewReader(conn)
	requests := []struct {
		method, path, body string
		status             int
	}{
		{"PUT", c.registerPath("dev1"), registerBody("dev1", chip), 401},
		{"PUT", c.registerPath("dev9"), registerBody("dev9", chip), 404},
		{"PUT", c.registerPath("dev1"), "{", 400},
		{"GET", "/nothing/here", "{}", 404},
		{"PATCH", "/enrollments/dev1", "", 405},
		{"GET", "/enrollments/dev1", "", 401},
		{"PUT", c.registerPath("dev1"), registerBody("dev1", chip), 401},
	}
	for _, r := range requests {
		fmt.Fprintf(conn, "%s %s?api-version=2021-06-01 HTTP/1.1\r\nUserAgent: prov_device_client/1.0\r\nAccept: application/json\r\n"+
			"Content-Type: application/json; charset=utf-8\r\nConnection: keep-alive\r\nHost: localhost:443\r\ncontent-length: %d\r\n\r\n%s",
			r.method, r.path, len(r.body), r.body)
		resp, err := http.ReadResponse(answers, nil)
		if err != nil {
			t.Fatalf("%s %s: %v", r.method, r.path, err)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode != r.status {
			t.Errorf("%s %s: status %d, want %d: %s", r.method, r.path, resp.StatusCode, r.status, body)
		}
		if resp.ContentLength != int64(len(body)) || len(resp.TransferEncoding) > 0 {
			t.Errorf("%s %s: Content-Length %d, Transfer-Encoding %v", r.method, r.path, resp.ContentLength, resp.TransferEncoding)
		}
		if resp.Close {
			t.Errorf("%s %s: the connection is to be closed", r.method, r.path)
		}
		for _, name := range []string{"x-ms-request-id", "Date"} {
			if resp.Header.Get(name) == "" {
				t.Errorf("%s %s: no %s", r.method, r.path, name)
			}
		}
	}
}

// A refusal has one ID, in the header and in the body; other answers have one of
// their own.
func TestRequestID(t *testing.T) {
	c := start(t, Options{})
	seen := map[string]bool{}
	for _, path := range []string{"/enrollments/x", "/enrollmentGroups/x", "/registrations/x", "/nothing", "/enrollments"} {
		a := c.service("GET", path, "")
		id := a.Header.Get("x-ms-request-id")
		if tracking := a.str(t, "trackingId"); id == "" || id != tracking || len(a.Header.Values("x-ms-request-id")) != 1 {
			t.Errorf("%s: x-ms-request-id %v, trackingId %q", path, a.Header.Values("x-ms-request-id"), tracking)
		}
		seen[id] = true
	}
	seen[c.service("POST", "/enrollments/query", everything).expect(t, 200, 0).Header.Get("x-ms-request-id")] = true
	if len(seen) != 6 || seen[""] {
		t.Errorf("IDs of 6 answers: %v", seen)
	}
}

func TestDateIsTheServicesClock(t *testing.T) {
	c := start(t, Options{})
	a := c.send("GET", "/", "")
	if got, want := a.Header.Get("Date"), "Sun, 01 Mar 2026 12:00:00 GMT"; got != want {
		t.Errorf("Date = %q, want %q", got, want)
	}
}

func TestRouting(t *testing.T) {
	c := start(t, Options{})
	tests := []struct {
		method, path string
		code         int
	}{
		{"GET", "/", 404000},
		{"GET", "//", 404000},
		{"GET", "/enrollments", 405000},
		{"GET", "/enrollments/", 405000},
		{"POST", "/Enrollments/", 400000}, // the C SDK's bulk: a slash behind
		{"POST", "/enrollments/x/y", 404000},
		{"POST", "/enrollments/a%2Fattestationmechanism", 405000},
		{"GET", "/enrollments/query", 404201}, // an ID like any other
		{"PUT", "/enrollmentGroups/g", 400000},
		{"GET", "/enrollmentGroups/g", 404202},
		{"GET", "/enrollmentGroups", 405000},
		{"POST", "/registrations/g/query", 404202},
		{"GET", "/x/registrations/y/operations/", 404000},
		{"DELETE", "/0ne00000E11/registrations/y/register", 405000},
		{strings.Repeat("X", 300), "/enrollments", 405000},
	}
	for _, tt := range tests {
		c.service(tt.method, tt.path, "{}").expect(t, tt.code/1000, tt.code)
	}
	c.service("PUT", "/enrollments/x", "<html>", "Content-Type", "text/html").expect(t, 415, 415000)
	c.service("PUT", "/enrollments/x", strings.Repeat(" ", maxServiceBody+1)).expect(t, 413, 413000)
}

// A path that is not what Go's client would send.
func TestBrokenEscapes(t *testing.T) {
	c := start(t, Options{})
	conn, err := tls.Dial("tcp", c.srv.Addr(), &tls.Config{RootCAs: c.srv.Roots(), ServerName: "localhost"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(hangLimit))
	fmt.Fprint(conn, "PUT /0ne00000E11/registrations/dev%2/register?api-version=2021-06-01 HTTP/1.1\r\nHost: localhost\r\n\r\n")
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 400 {
		t.Errorf("status %d, want 400", resp.StatusCode)
	}
}

func TestLimit(t *testing.T) {
	chip, _ := chips()
	c := start(t, Options{Limit: 6})
	for range 6 {
		c.service("GET", "/enrollments/x", "").expect(t, 404, 404201)
	}
	a := c.service("GET", "/enrollments/x", "").expect(t, 429, 429000)
	if got := a.Header.Get("Retry-After"); got != "10" {
		t.Errorf("Retry-After = %q, want 10", got)
	}
	c.send("PUT", c.registerPath("x"), registerBody("x", chip)).expect(t, 404, 404201) // a quota of its own
	c.clock.move(9 * time.Second)
	c.service("GET", "/enrollments/x", "").expect(t, 429, 429000)
	c.clock.move(time.Second)
	c.service("GET", "/enrollments/x", "").expect(t, 404, 404201)
	c.service("GET", "/enrollments/x", "").expect(t, 429, 429000)
	c.clock.move(time.Hour) // what is saved up ends at a minute's worth
	for range 6 {
		c.service("GET", "/enrollments/x", "").expect(t, 404, 404201)
	}
	c.service("GET", "/enrollments/x", "").expect(t, 429, 429000)
}

// Both readings of the limit, for each request of the enrollment API: how many operations
// it is, and what the header says when there are none left.
func TestLimitCounts(t *testing.T) {
	chip, _ := chips()
	bulk := func(mode, kind, id string, n int) string {
		items := make([]string, n)
		for i := range items {
			items[i] = fmt.Sprintf(`{%q:"dev%d","attestation":{"type":"symmetricKey"}}`, id, i)
		}
		return fmt.Sprintf(`{"mode":%q,%q:[%s]}`, mode, kind, strings.Join(items, ","))
	}
	individuals := func(mode string, n int) string { return bulk(mode, "enrollments", "registrationId", n) }
	for _, tt := range []struct {
		name, method, path, body string
		calls, items             int
	}{
		{"GET", "GET", "/enrollments/x", "", 1, 1},
		{"PUT", "PUT", "/enrollments/dev1", enrollmentBody("dev1", chip, ""), 1, 1},
		{"DELETE", "DELETE", "/enrollments/dev1", "", 1, 1},
		{"query", "POST", "/enrollments/query", everything, 1, 1},
		{"bulk of 1", "POST", "/enrollments", individuals("create", 1), 1, 1},
		{"bulk of 10", "POST", "/enrollments", individuals("create", 10), 1, 10},
		{"bulk of 7, refused each", "POST", "/enrollments", individuals("delete", 7), 1, 7},
		{"bulk in capitals", "POST", "/Enrollments/", individuals("create", 4), 1, 4},
		{"bulk of groups", "POST", "/enrollmentGroups", bulk("create", "enrollmentGroups", "enrollmentGroupId", 3), 1, 3},
		{"groups to the wrong place", "POST", "/enrollments", bulk("create", "enrollmentGroups", "enrollmentGroupId", 3), 1, 1},
		{"bulk of 11", "POST", "/enrollments", individuals("create", 11), 1, 1},
		{"bulk of 0", "POST", "/enrollments", individuals("create", 0), 1, 1},
		{"bulk that is no JSON", "POST", "/enrollments", "{", 1, 1},
	} {
		for counts, want := range map[string]int{"": tt.calls, LimitCalls: tt.calls, LimitItems: tt.items} {
			c := start(t, Options{Limit: 60, LimitCounts: counts})
			c.service(tt.method, tt.path, tt.body)
			left := 0
			for ; ; left++ {
				if a := c.service("GET", "/enrollments/x", ""); a.StatusCode == 429 {
					if got := a.Header.Get("Retry-After"); got != "1" {
						t.Errorf("%s, %q: Retry-After %q", tt.name, counts, got)
					}
					break
				}
			}
			if got := 60 - left; got != want {
				t.Errorf("%s counts as %d with %q, want %d", tt.name, got, counts, want)
			}
			if want < 2 {
				continue
			}
			// What is too much now is refused as a whole, and says how long.
			a := c.service(tt.method, tt.path, tt.body).expect(t, 429, 429000)
			if got := a.Header.Get("Retry-After"); got != fmt.Sprint(want) {
				t.Errorf("%s, %q: Retry-After %q, want %d", tt.name, counts, got, want)
			}
			c.clock.move(time.Duration(want)*time.Second - time.Millisecond)
			c.service(tt.method, tt.path, tt.body).expect(t, 429, 429000)
			c.clock.move(time.Millisecond)
			c.service(tt.method, tt.path, tt.body).expect(t, 200, 0)
		}
	}
}

// With a limit below a bulk operation's size one goes through, and is paid for afterwards.
func TestLimitBelowABulkOperation(t *testing.T) {
	c := start(t, Options{Limit: 6, LimitCounts: LimitItems})
	body := `{"mode":"create","enrollments":[` + strings.TrimSuffix(strings.Repeat(`{"registrationId":"a","attestation":{"type":"symmetricKey"}},`, 10), ",") + `]}`
	c.service("POST", "/enrollments", body).expect(t, 200, 0)
	for range 3 { // 4 to pay for, and 6 for the next
		a := c.service("POST", "/enrollments", body).expect(t, 429, 429000)
		if got := a.Header.Get("Retry-After"); got != "100" {
			t.Errorf("Retry-After = %q, want 100", got)
		}
		c.clock.move(100 * time.Second)
		c.service("POST", "/enrollments", body).expect(t, 200, 0)
	}
}

// A client that sends nothing does not keep the server from closing.
func TestCloseWithIdleClient(t *testing.T) {
	c := start(t, Options{Listen: "127.0.0.2:0"} /* where nobody else looks for a port */)
	conn, err := net.Dial("tcp", c.srv.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := c.srv.Close(); err != nil {
		t.Errorf("Close() = %v", err)
	}
	if err := c.srv.Close(); err != nil {
		t.Errorf("second Close() = %v", err)
	}
	if _, err := net.Dial("tcp", c.srv.Addr()); err == nil {
		t.Error("the server still listens")
	}
}
