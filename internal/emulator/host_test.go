package emulator

import (
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
)

// as sends a request under a Host header, and with others.
func (c *client) as(host, path string, headers ...string) int {
	c.Helper()
	req, err := http.NewRequestWithContext(c.Context(), "GET", "https://"+c.srv.Addr()+path+"?api-version=2021-10-01", nil)
	if err != nil {
		c.Fatal(err)
	}
	req.Host = host
	for i := 0; i < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	resp, err := c.http.Do(req)
	if err != nil {
		c.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

// The paths of each of the things that the emulator is.
var everyPath = []string{"/enrollments/x", "/" + DefaultIDScope + "/registrations/x/operations/y", "/devices/x/modules",
	"/common/discovery/instance", "/msi/token", "/metadata/identity/oauth2/token", webSocketPath, "/", "/nothing"}

// A name that somebody makes resolve to this machine opens nothing.
func TestForeignHosts(t *testing.T) {
	c := start(t, Options{MQTT: "127.0.0.1:0", Names: []string{"dps.bench.example"}, HubName: "hub.bench.example"})
	_, port, _ := net.SplitHostPort(c.srv.Addr())
	for _, host := range []string{"localhost", "LOCALHOST", "localhost:" + port, "localhost:443", "127.0.0.1", "127.0.0.1:" + port, "[::1]", "[::1]:443",
		"dps.bench.example", "DPS.bench.example:8443", "hub.bench.example"} {
		for _, path := range everyPath {
			if got := c.as(host, path); got == http.StatusMisdirectedRequest {
				t.Errorf("%s%s: %d", host, path, got)
			}
		}
	}
	for _, host := range []string{"evil.example", "evil.example:" + port, "localhost.evil.example", "127.0.0.1.evil.example", "evil.localhost", "xlocalhost",
		"global.azure-devices-provisioning.net", "10.0.0.1", "127.0.0.2", "[::2]", "bench.example", "x.dps.bench.example", "*", "localhost@evil.example"} {
		for _, path := range everyPath {
			if got := c.as(host, path); got != http.StatusMisdirectedRequest && got != http.StatusBadRequest { // the latter is net/http's
				t.Errorf("%s%s: %d, want 421", host, path, got)
			}
		}
	}
}

// A page of another origin is answered nowhere, whatever it asks for.
func TestForeignOrigins(t *testing.T) {
	c := start(t, Options{MQTT: "127.0.0.1:0"})
	_, port, _ := net.SplitHostPort(c.srv.Addr())
	own := "localhost:" + port
	for _, good := range [][]string{{}, {"Origin", "https://" + own}, {"Origin", "https://LOCALHOST:" + port},
		{"Sec-Fetch-Site", "same-origin"}, {"Sec-Fetch-Site", "none"}} {
		for _, path := range everyPath {
			if got := c.as(own, path, good...); got == http.StatusForbidden {
				t.Errorf("%s %v: %d", path, good, got)
			}
		}
	}
	if got := c.as("localhost:443", "/", "Origin", "https://localhost"); got == http.StatusForbidden {
		t.Errorf("the origin without its port: %d", got)
	}
	for _, bad := range [][]string{{"Origin", "null"}, {"Origin", ""}, {"Origin", "https://evil.example"}, {"Origin", "http://" + own}, {"Origin", "https://localhost"},
		{"Origin", "https://localhost:1"}, {"Origin", "https://127.0.0.1:" + port}, {"Origin", own}, {"Origin", "https://" + own + ".evil.example"},
		{"Origin", "https://" + own, "Origin", "https://evil.example"}, {"Origin", "%"}, {"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}} {
		for _, path := range everyPath {
			if got := c.as(own, path, bad...); got != http.StatusForbidden {
				t.Errorf("%s %q: %d, want 403", path, bad, got)
			}
		}
	}
	for _, addr := range []string{c.srv.Host(), c.srv.Hub()} {
		d := websocket.Dialer{TLSClientConfig: c.http.Transport.(*http.Transport).TLSClientConfig, Subprotocols: []string{"mqtt"}}
		_, resp, err := d.DialContext(c.Context(), "wss://"+addr+webSocketPath, http.Header{"Origin": {"https://evil.example"}})
		if err == nil || resp == nil || resp.StatusCode != http.StatusForbidden {
			t.Errorf("WebSocket of a foreign page: %v, %v, want 403", resp, err)
		}
	}
	// A browser asks before it sends what is not a simple request.
	a := c.send("OPTIONS", "/enrollments/x", "", "Origin", "https://evil.example", "Access-Control-Request-Method", "PUT")
	if a.StatusCode != http.StatusForbidden || slices.ContainsFunc(headerNames(a), func(n string) bool { return strings.HasPrefix(n, "Access-Control-") }) {
		t.Errorf("preflight: %d %v", a.StatusCode, a.Header)
	}
}

func headerNames(a answer) (names []string) {
	for name := range a.Header {
		names = append(names, name)
	}
	return names
}

// The hub goes by the name that it was given, and the certificate has it.
func TestHubName(t *testing.T) {
	for _, tt := range []struct{ name, mqtt, want string }{
		{"", "127.0.0.1:0", "localhost:PORT"},
		{"127.0.0.1", "127.0.0.1:0", "127.0.0.1:PORT"},
		{"localhost", "127.0.0.1:0", "localhost:PORT"},
		{"hub.bench.example", "0.0.0.0:0", "hub.bench.example:PORT"},
		{"hub.bench.example", "", "hub.bench.example"},
	} {
		c := start(t, Options{MQTT: tt.mqtt, HubName: tt.name})
		want := tt.want
		if tt.mqtt != "" {
			_, port, _ := net.SplitHostPort(c.srv.hub.Addr().String())
			want = strings.ReplaceAll(want, "PORT", port)
		}
		if got := c.srv.Hub(); got != want {
			t.Errorf("Hub() of %+v = %q, want %q", tt, got, want)
		}
		if err := c.srv.leaf.VerifyHostname(withoutPort(c.srv.Hub())); err != nil {
			t.Error(err)
		}
	}
	// A client that takes any host name for a DNS name finds the address there.
	if c := start(t, Options{}); !slices.Contains(c.srv.leaf.DNSNames, "127.0.0.1") {
		t.Errorf("names in the certificate: %v", c.srv.leaf.DNSNames)
	}
	for _, bad := range []string{"hub:8883", "https://hub", "a b", "hub/x", "[::1]", strings.Repeat("a", 256)} {
		if _, err := New(Options{HubName: bad}); err == nil {
			t.Errorf("New() with the hub name %q = nil", bad)
		}
	}
}
