package emulator

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// post sends a form to Entra ID and returns status and answer.
func (c *client) post(path string, form url.Values) (int, map[string]any) {
	c.Helper()
	answer, err := c.http.PostForm(c.srv.Endpoint()+path, form)
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
		"client_secret": {c.srv.ClientSecret()}, "scope": {tokenAudience + "/.default"},
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

// bearer asks the service API with a token and returns the status.
func (c *client) bearer(method, path, token string) int {
	c.Helper()
	req, err := http.NewRequest(method, c.srv.Endpoint()+path+"?api-version=2021-10-01", nil)
	if err != nil {
		c.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	answer, err := c.http.Do(req)
	if err != nil {
		c.Fatal(err)
	}
	defer answer.Body.Close()
	return answer.StatusCode
}

func TestBearerIsChecked(t *testing.T) {
	c := start(t, Options{})
	good := c.accessToken(TenantID, nil)
	parts := strings.Split(good, ".")
	otherPayload := strings.Split(c.accessToken(TenantID, nil), ".")[1] // another jti
	unsigned := jwt.NewWithClaims(jwt.SigningMethodNone, c.srv.claims(subject{tenant: TenantID, object: appObjectID}, tokenAudience))
	none, err := unsigned.SignedString(jwt.UnsafeAllowNoneSignatureType)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		token string
		want  int
	}{
		"good":           {good, http.StatusNotFound}, // there is no such enrollment
		"empty":          {"", http.StatusUnauthorized},
		"no JWT":         {"x.y", http.StatusUnauthorized},
		"other payload":  {parts[0] + "." + otherPayload + "." + parts[2], http.StatusUnauthorized},
		"unsigned":       {none, http.StatusUnauthorized},
		"other tenant":   {c.accessToken("11111111-2222-4333-8444-555555555555", nil), http.StatusUnauthorized},
		"organizations":  {c.accessToken("organizations", nil), http.StatusNotFound},
		"other audience": {c.accessToken(TenantID, func(f url.Values) { f.Set("scope", "https://management.azure.com/.default") }), http.StatusUnauthorized},
	} {
		if got := c.bearer("GET", "/enrollments/x", test.token); got != test.want {
			t.Errorf("%s: status %d, want %d", name, got, test.want)
		}
	}
	c.clock.move(defaultTokenLife + time.Second)
	if got := c.bearer("GET", "/enrollments/x", good); got != http.StatusUnauthorized {
		t.Errorf("expired: status %d, want 401", got)
	}
}

func TestRoles(t *testing.T) {
	for role, want := range map[string]map[string]int{
		"contributor": {"GET /enrollments/x": 404, "DELETE /enrollments/x": 404, "POST /enrollments/query": 400, "POST /enrollments/x/attestationmechanism": 404},
		"reader":      {"GET /enrollments/x": 404, "DELETE /enrollments/x": 403, "POST /enrollments/query": 400, "POST /enrollments/x/attestationmechanism": 403},
		"none":        {"GET /enrollments/x": 403, "DELETE /enrollments/x": 403, "POST /enrollments/query": 403, "POST /enrollments/x/attestationmechanism": 403},
	} {
		c := start(t, Options{Role: role})
		token, got := c.accessToken(TenantID, nil), map[string]int{}
		for request := range want {
			method, path, _ := strings.Cut(request, " ")
			got[request] = c.bearer(method, path, token)
		}
		if !maps.Equal(got, want) {
			t.Errorf("%s: %v, want %v", role, got, want)
		}
	}
	if _, err := New(Options{Role: "owner"}); err == nil {
		t.Error("New() takes a role that there is not")
	}
}

func TestClientIsChecked(t *testing.T) {
	c := start(t, Options{})
	cluster, err := c.srv.ClusterToken()
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
		"certificate":         {assertion(c.certificateAssertion(c.srv.Endpoint()+tokenPath, time.Minute)), 0},
		"for another address": {assertion(c.certificateAssertion("https://elsewhere.example/token", time.Minute)), 700023},
		"assertion too late":  {assertion(c.certificateAssertion(c.srv.Endpoint()+tokenPath, -time.Minute)), 700024},
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
	cert, err := c.srv.entra.certificate()
	if err != nil {
		c.Fatal(err)
	}
	token := jwt.NewWithClaims(jwt.SigningMethodPS256, jwt.MapClaims{
		"aud": audience, "iss": ClientID, "sub": ClientID, "exp": c.clock.Now().Add(life).Unix(),
	})
	token.Header["x5t#S256"] = thumbprint(cert.der)
	text, err := token.SignedString(cert.key)
	if err != nil {
		c.Fatal(err)
	}
	return text
}

func TestManagedIdentity(t *testing.T) {
	c := start(t, Options{})
	for name, test := range map[string]struct {
		path, header, value string
		want                int
	}{
		"App Service":            {"/msi/token?resource=" + tokenAudience, "X-IDENTITY-HEADER", c.srv.IdentityHeader(), http.StatusOK},
		"wrong header":           {"/msi/token?resource=" + tokenAudience, "X-IDENTITY-HEADER", "x", http.StatusUnauthorized},
		"virtual machine":        {"/metadata/identity/oauth2/token?resource=" + tokenAudience, "Metadata", "true", http.StatusOK},
		"forged from outside":    {"/metadata/identity/oauth2/token?resource=" + tokenAudience, "X", "", http.StatusBadRequest},
		"an identity of another": {"/msi/token?resource=x&client_id=" + TenantID, "X-IDENTITY-HEADER", c.srv.IdentityHeader(), http.StatusBadRequest},
		"no resource":            {"/msi/token", "X-IDENTITY-HEADER", c.srv.IdentityHeader(), http.StatusBadRequest},
	} {
		req, err := http.NewRequest("GET", c.srv.Endpoint()+test.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set(test.header, test.value)
		answer, err := c.http.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		status, body := c.decoded(answer)
		if status != test.want {
			t.Errorf("%s: status %d, want %d", name, status, test.want)
		}
		if token, _ := body["access_token"].(string); status == http.StatusOK && c.bearer("GET", "/enrollments/x", token) != http.StatusNotFound {
			t.Errorf("%s: its token does not open the service", name)
		}
	}
}

// A refresh token keeps a user signed in; a device code is good once.
func TestDeviceCode(t *testing.T) {
	c := start(t, Options{})
	_, device := c.post("/organizations/oauth2/v2.0/devicecode", url.Values{"client_id": {"app"}, "scope": {tokenAudience + "/.default"}})
	form := url.Values{
		"grant_type": {grantDeviceCode}, "client_id": {"app"}, "scope": {tokenAudience + "/.default openid"},
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
	form = url.Values{"grant_type": {grantRefresh}, "client_id": {"app"}, "scope": {tokenAudience + "/.default"}, "refresh_token": {body["refresh_token"].(string)}}
	status, body = c.post(tokenPath, form)
	token, _ := body["access_token"].(string)
	if status != http.StatusOK || c.bearer("GET", "/enrollments/x", token) != http.StatusNotFound {
		t.Errorf("refreshed: status %d, its token does not open the service", status)
	}
}

// Anybody can check a token with what is published, as a service would.
func TestPublishedKey(t *testing.T) {
	c := start(t, Options{})
	config := c.get("/" + TenantID + "/v2.0/.well-known/openid-configuration")
	if config["token_endpoint"] != c.srv.Endpoint()+tokenPath {
		t.Errorf("token_endpoint %v, want %s", config["token_endpoint"], c.srv.Endpoint()+tokenPath)
	}
	set := c.get(strings.TrimPrefix(config["jwks_uri"].(string), c.srv.Endpoint()))
	key := publicKey(t, set["keys"].([]any)[0].(map[string]any))
	if _, err := jwt.Parse(c.accessToken(TenantID, nil), func(*jwt.Token) (any, error) { return key, nil }, jwt.WithTimeFunc(c.clock.Now)); err != nil {
		t.Errorf("a token, checked with the published key: %v", err)
	}
}

func (c *client) get(path string) map[string]any {
	c.Helper()
	answer, err := c.http.Get(c.srv.Endpoint() + path)
	if err != nil {
		c.Fatal(err)
	}
	status, body := c.decoded(answer)
	if status != http.StatusOK {
		c.Fatalf("GET %s: %d %v", path, status, body)
	}
	return body
}
