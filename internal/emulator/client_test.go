package emulator

import (
	"bytes"
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// clock is a service's clock that stands still until it is moved.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// hangLimit is when a test that waits for an answer gives up: it only ends a hang.
const hangLimit = 2 * time.Minute

// client is a started server and whatever has to be sent to it.
type client struct {
	*testing.T
	srv   *Server
	http  *http.Client
	clock *clock
	base  string // URL to send to; "" is the service's
}

func start(t *testing.T, o Options) *client {
	t.Helper()
	c := newClock()
	if o.Now == nil {
		o.Now = c.Now
	}
	srv, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := srv.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { srv.Close() })
	// Tests with a connection for each request resume their session.
	sessions := tls.NewLRUClientSessionCache(0)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: srv.Roots(), ClientSessionCache: sessions}}
	t.Cleanup(transport.CloseIdleConnections)
	return &client{T: t, srv: srv, http: &http.Client{Transport: transport}, clock: c}
}

// killed ends the emulator as kill -9 would: its state file is left as it is, and
// free for the next one.
func (c *client) killed() {
	c.Helper()
	if err := c.srv.state.log.file.Close(); err != nil {
		c.Fatal(err)
	}
}

// answer is a reply with its body read.
type answer struct {
	*http.Response
	body []byte
}

// send sends a request with the headers, given as name, value, name, value.
// The api-version is added where the path has none.
func (c *client) send(method, path, body string, header ...string) answer {
	c.Helper()
	if !strings.Contains(path, "?") {
		path += "?api-version=2021-10-01"
	}
	req, err := http.NewRequestWithContext(c.Context(), method, cmp.Or(c.base, c.srv.Endpoint())+path, strings.NewReader(body))
	if err != nil {
		c.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := c.http.Do(req)
	if err != nil {
		c.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		c.Fatal(err)
	}
	return answer{resp, data}
}

// service sends a request with the policy's token.
func (c *client) service(method, path, body string, header ...string) answer {
	c.Helper()
	return c.send(method, path, body, append(header, "Authorization", c.serviceToken())...)
}

// serviceToken is a token of the policy's.
func (c *client) serviceToken() string { return policyToken(c.srv) }

// policyToken is one by the clock of the server.
func policyToken(srv *Server) string {
	p := srv.state.policy
	return signed(srv.Host(), p.Name, p.Key, srv.opts.Now().Add(time.Hour))
}

// sas signs as Microsoft's SDKs do.
func signed(resource, keyName string, key []byte, expiry time.Time) string {
	return sasEscaped(url.QueryEscape(resource), keyName, key, expiry)
}

// sasEscaped signs for a resource that the caller has escaped, or not.
func sasEscaped(sr, keyName string, key []byte, expiry time.Time) string {
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s\n%d", sr, expiry.Unix())
	sig := url.QueryEscape(base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	return fmt.Sprintf("SharedAccessSignature sr=%s&sig=%s&se=%d&skn=%s", sr, sig, expiry.Unix(), keyName)
}

// expect checks the status, and the error code when it is not 0.
func (a answer) expect(t *testing.T, status, code int) answer {
	t.Helper()
	if a.StatusCode != status {
		t.Fatalf("%s %s: status %d, want %d: %s", a.Request.Method, a.Request.URL.Path, a.StatusCode, status, a.body)
	}
	if code != 0 {
		if got := a.str(t, "errorCode"); got != fmt.Sprint(code) {
			t.Errorf("%s %s: errorCode %s, want %d", a.Request.Method, a.Request.URL.Path, got, code)
		}
	}
	return a
}

// member returns the JSON at the path of member names, and whether it is there.
func (a answer) member(t *testing.T, path ...string) (json.RawMessage, bool) {
	t.Helper()
	value := json.RawMessage(a.body)
	for _, name := range path {
		var object map[string]json.RawMessage
		if err := json.Unmarshal(value, &object); err != nil {
			t.Fatalf("%s of %s: %v", name, value, err)
		}
		var ok bool
		if value, ok = object[name]; !ok {
			return nil, false
		}
	}
	return value, true
}

// str returns a member without its quotes; "" when it is not there.
func (a answer) str(t *testing.T, path ...string) string {
	t.Helper()
	value, _ := a.member(t, path...)
	return string(bytes.Trim(value, `"`))
}

func enrollmentBody(id string, chip *softChip, members string) string {
	return fmt.Sprintf(`{"registrationId":%q,"attestation":{"type":"tpm","tpm":{"endorsementKey":%q}}%s}`, id, chip.ekText(), members)
}

// enroll puts a new enrollment; members is more JSON for it, with a comma in front.
func (c *client) enroll(id string, chip *softChip, members string) answer {
	c.Helper()
	return c.service("PUT", "/enrollments/"+id, enrollmentBody(id, chip, members)).expect(c.T, 200, 0)
}

func (c *client) registerPath(id string) string {
	return "/" + c.srv.IDScope() + "/registrations/" + id + "/register"
}

func registerBody(id string, chip *softChip) string {
	return fmt.Sprintf(`{"registrationId":%q,"tpm":{"endorsementKey":%q,"storageRootKey":%q}}`, id, chip.ekText(), chip.srkText())
}

// challenge asks for the challenge, opens it and returns a token for the rest.
func (c *client) challenge(id string, chip *softChip) string {
	c.Helper()
	a := c.send("PUT", c.registerPath(id), registerBody(id, chip)).expect(c.T, 401, 0)
	key := chip.mustOpen(c.T, a.str(c.T, "authenticationKey")).key
	return c.deviceToken(id, key)
}

func (c *client) deviceToken(id string, key []byte) string {
	return signed(c.srv.IDScope()+"/registrations/"+id, "registration", key, c.clock.Now().Add(time.Hour))
}

// provision goes the whole way and returns the last answer.
func (c *client) provision(id string, chip *softChip) answer {
	c.Helper()
	token := c.challenge(id, chip)
	a := c.send("PUT", c.registerPath(id), registerBody(id, chip), "Authorization", token).expect(c.T, 202, 0)
	return c.send("GET", c.operationPath(id, a.str(c.T, "operationId")), "", "Authorization", token).expect(c.T, 200, 0)
}

func (c *client) operationPath(id, operation string) string {
	return "/" + c.srv.IDScope() + "/registrations/" + id + "/operations/" + operation
}

// hubKey opens the hub key in the last answer of a registration.
func (c *client) hubKey(a answer, chip *softChip) []byte {
	c.Helper()
	return chip.mustOpen(c.T, a.str(c.T, "registrationState", "tpm", "authenticationKey")).key
}
