package entra

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"tpmdps/internal/emulator/rest"
)

const audience = "https://azure-devices-provisioning.net"

// client is a server and whatever has to be sent to it. Its clock stands still
// until it is moved.
type client struct {
	*testing.T
	srv  *Server
	base string // URL to send to
	now  time.Time
}

func start(t *testing.T, roles ...string) *client {
	t.Helper()
	c := &client{T: t, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	listener := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rep, ok := c.srv.Answer(w, r, strings.Split(strings.Trim(r.URL.Path, "/"), "/"))
		if !ok {
			rep = rest.Refusal(rest.Refuse(404000, "not for Entra ID"), c.now)
		}
		if err := rep.Write(w, c.now); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(listener.Close)
	c.base = listener.URL
	c.srv = New(Options{
		Host: func() string { return listener.Listener.Addr().String() }, Key: []byte("a key"), Roles: roles, Now: func() time.Time { return c.now },
	})
	return c
}

// post sends a form to Entra ID and returns status and answer.
func (c *client) post(path string, form url.Values) (int, map[string]any) {
	c.Helper()
	answer, err := http.PostForm(c.base+path, form)
	if err != nil {
		c.Fatal(err)
	}
	return c.decoded(answer)
}

func (c *client) decoded(answer *http.Response) (int, map[string]any) {
	c.Helper()
	defer answer.Body.Close()
	var body map[string]any
	if err := json.NewDecoder(answer.Body).Decode(&body); err != nil {
		c.Fatal(err)
	}
	return answer.StatusCode, body
}

// secretForm asks for a token with the application's secret.
func (c *client) secretForm() url.Values {
	return url.Values{
		"grant_type": {"client_credentials"}, "client_id": {ClientID},
		"client_secret": {c.srv.ClientSecret()}, "scope": {audience + "/.default"},
	}
}

const tokenPath = "/" + TenantID + "/oauth2/v2.0/token"

// accessToken signs in with the secret; change may spoil the request.
func (c *client) accessToken(tenant string, change func(url.Values)) string {
	c.Helper()
	form := c.secretForm()
	if change != nil {
		change(form)
	}
	status, body := c.post("/"+tenant+"/oauth2/v2.0/token", form)
	token, _ := body["access_token"].(string)
	if status != http.StatusOK || token == "" {
		c.Fatalf("no token: %d %v", status, body)
	}
	return token
}

// Requests that are for nobody here, and forms that cannot be read.
func TestOtherRequests(t *testing.T) {
	c := start(t)
	for _, path := range []string{"/", "/enrollments/x", tokenPath + "/x", "/" + TenantID} {
		if answer, err := http.Get(c.base + path); err != nil || answer.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %v, %v, want 404", path, answer, err)
		}
	}
	answer, err := http.Get(c.base + "/devicelogin")
	if err != nil || answer.StatusCode != http.StatusOK || !strings.HasPrefix(answer.Header.Get("Content-Type"), "text/html") {
		t.Errorf("/devicelogin: %v, %v", answer, err)
	}
	if got := c.get("/common/discovery/instance")["tenant_discovery_endpoint"]; got != c.srv.endpoint()+"/"+TenantID+"/v2.0/.well-known/openid-configuration" {
		t.Errorf("tenant_discovery_endpoint = %v", got)
	}
	form := c.secretForm()
	form.Set("padding", strings.Repeat("x", maxForm))
	if status, body := c.post(tokenPath, form); status != http.StatusBadRequest || body["error"] != "invalid_request" {
		t.Errorf("a long form: %d %v", status, body)
	}
	form = c.secretForm()
	form.Del("client_secret")
	form.Set("client_assertion", "x.y.z")
	if status, body := c.post(tokenPath, form); status != http.StatusBadRequest || body["error"] != "invalid_request" {
		t.Errorf("an assertion of no type: %d %v", status, body)
	}
	if status, body := c.post(tokenPath, url.Values{"grant_type": {grantRefresh}, "refresh_token": {"x"}}); status != http.StatusBadRequest || body["error"] != "invalid_grant" {
		t.Errorf("an unknown refresh token: %d %v", status, body)
	}
}

func TestClientIsChecked(t *testing.T) {
	c := start(t)
	cluster, err := c.srv.clusterToken()
	if err != nil {
		t.Fatal(err)
	}
	assertion := func(token string) func(url.Values) {
		return func(f url.Values) {
			f.Del("client_secret")
			f.Set("client_assertion_type", jwtBearer)
			f.Set("client_assertion", token)
		}
	}
	for name, test := range map[string]struct {
		change func(url.Values)
		want   float64 // AADSTS, 0 for a token
	}{
		"secret":              {func(url.Values) {}, 0},
		"wrong secret":        {func(f url.Values) { f.Set("client_secret", "wrong") }, 7000215},
		"no secret":           {func(f url.Values) { f.Del("client_secret") }, 7000218},
		"unknown application": {func(f url.Values) { f.Set("client_id", TenantID) }, 700016},
		"no resource":         {func(f url.Values) { f.Set("scope", "openid") }, 1002012},
		"password grant":      {func(f url.Values) { f.Set("grant_type", "password") }, 70003},
		"cluster's token":     {assertion(cluster), 0},
		"spoilt token":        {assertion(cluster[:len(cluster)-8] + "AAAAAAAA"), 700027},
		"access token":        {assertion(c.accessToken(TenantID, nil)), 700211},
		"certificate":         {assertion(c.certificateAssertion(c.srv.endpoint()+tokenPath, time.Minute)), 0},
		"for another address": {assertion(c.certificateAssertion("https://elsewhere.example/token", time.Minute)), 700023},
		"assertion too late":  {assertion(c.certificateAssertion(c.srv.endpoint()+tokenPath, -time.Minute)), 700024},
	} {
		form := c.secretForm()
		test.change(form)
		status, body := c.post(tokenPath, form)
		var got float64
		if codes, _ := body["error_codes"].([]any); len(codes) > 0 {
			got = codes[0].(float64)
		}
		if got != test.want || (status == http.StatusOK) != (test.want == 0) {
			t.Errorf("%s: status %d, AADSTS%.0f, want AADSTS%.0f", name, status, got, test.want)
		}
	}
}

// certificateAssertion is signed in the way of MSAL.
func (c *client) certificateAssertion(audience string, life time.Duration) string {
	c.Helper()
	cert, err := c.srv.certificate()
	if err != nil {
		c.Fatal(err)
	}
	token := jwt.NewWithClaims(jwt.SigningMethodPS256, jwt.MapClaims{
		"aud": audience, "iss": ClientID, "sub": ClientID, "exp": c.now.Add(life).Unix(),
	})
	token.Header["x5t#S256"] = thumbprint(cert.der)
	text, err := token.SignedString(cert.key)
	if err != nil {
		c.Fatal(err)
	}
	return text
}

func TestManagedIdentity(t *testing.T) {
	c := start(t)
	for name, test := range map[string]struct {
		path, header, value string
		want                int
	}{
		"App Service":            {"/msi/token?resource=" + audience, "X-IDENTITY-HEADER", c.srv.IdentityHeader(), http.StatusOK},
		"wrong header":           {"/msi/token?resource=" + audience, "X-IDENTITY-HEADER", "x", http.StatusUnauthorized},
		"virtual machine":        {"/metadata/identity/oauth2/token?resource=" + audience, "Metadata", "true", http.StatusOK},
		"forged from outside":    {"/metadata/identity/oauth2/token?resource=" + audience, "X", "", http.StatusBadRequest},
		"an identity of another": {"/msi/token?resource=x&client_id=" + TenantID, "X-IDENTITY-HEADER", c.srv.IdentityHeader(), http.StatusBadRequest},
		"no resource":            {"/msi/token", "X-IDENTITY-HEADER", c.srv.IdentityHeader(), http.StatusBadRequest},
	} {
		req, err := http.NewRequest("GET", c.base+test.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set(test.header, test.value)
		answer, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		status, body := c.decoded(answer)
		if status != test.want {
			t.Errorf("%s: status %d, want %d", name, status, test.want)
		}
		if token, _ := body["access_token"].(string); status == http.StatusOK && !c.opens(token) {
			t.Errorf("%s: its token does not open the service", name)
		}
	}
}

// A refresh token keeps a user signed in; a device code is good once.
func TestDeviceCode(t *testing.T) {
	c := start(t)
	_, device := c.post("/organizations/oauth2/v2.0/devicecode", url.Values{"client_id": {"app"}, "scope": {audience + "/.default"}})
	form := url.Values{
		"grant_type": {grantDeviceCode}, "client_id": {"app"}, "scope": {audience + "/.default openid"},
		"device_code": {device["device_code"].(string)},
	}
	if _, body := c.post(tokenPath, form); body["error"] != "authorization_pending" {
		t.Errorf("first: %v, want authorization_pending", body["error"])
	}
	status, body := c.post(tokenPath, form)
	if status != http.StatusOK {
		t.Fatalf("second: %d %v, want a token", status, body)
	}
	if status, _ := c.post(tokenPath, form); status != http.StatusBadRequest {
		t.Errorf("third: status %d, want 400: the code was used", status)
	}
	form = url.Values{"grant_type": {grantRefresh}, "client_id": {"app"}, "scope": {audience + "/.default"}, "refresh_token": {body["refresh_token"].(string)}}
	status, body = c.post(tokenPath, form)
	token, _ := body["access_token"].(string)
	if status != http.StatusOK || !c.opens(token) {
		t.Errorf("refreshed: status %d, its token does not open the service", status)
	}
}

// Anybody can check a token with what is published, as a service would.
func TestPublishedKey(t *testing.T) {
	c := start(t)
	config := c.get("/" + TenantID + "/v2.0/.well-known/openid-configuration")
	if config["token_endpoint"] != c.srv.endpoint()+tokenPath {
		t.Errorf("token_endpoint %v, want %s", config["token_endpoint"], c.srv.endpoint()+tokenPath)
	}
	set := c.get(strings.TrimPrefix(config["jwks_uri"].(string), c.srv.endpoint()))
	key := publicKey(t, set["keys"].([]any)[0].(map[string]any))
	if _, err := jwt.Parse(c.accessToken(TenantID, nil), func(*jwt.Token) (any, error) { return key, nil }, jwt.WithTimeFunc(c.srv.opts.Now)); err != nil {
		t.Errorf("a token, checked with the published key: %v", err)
	}
}

func (c *client) get(path string) map[string]any {
	c.Helper()
	answer, err := http.Get(c.base + path)
	if err != nil {
		c.Fatal(err)
	}
	status, body := c.decoded(answer)
	if status != http.StatusOK {
		c.Fatalf("GET %s: %d %v", path, status, body)
	}
	return body
}
