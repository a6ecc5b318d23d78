package emulator

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"tpmdps/internal/emulator/entra"
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
		"grant_type": {"client_credentials"}, "client_id": {entra.ClientID},
		"client_secret": {c.srv.ClientSecret()}, "scope": {tokenAudience + "/.default"},
	}
}

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
	good := c.accessToken(entra.TenantID, nil)
	parts := strings.Split(good, ".")
	otherPayload := strings.Split(c.accessToken(entra.TenantID, nil), ".")[1] // another jti
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"JWT"}`)) + "." + parts[1] + "."
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
		"other audience": {c.accessToken(entra.TenantID, func(f url.Values) { f.Set("scope", "https://management.azure.com/.default") }), http.StatusUnauthorized},
	} {
		if got := c.bearer("GET", "/enrollments/x", test.token); got != test.want {
			t.Errorf("%s: status %d, want %d", name, got, test.want)
		}
	}
	c.clock.move(time.Hour + time.Second)
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
		token, got := c.accessToken(entra.TenantID, nil), map[string]int{}
		for request := range want {
			method, path, _ := strings.Cut(request, " ")
			got[request] = c.bearer(method, path, token)
		}
		if !maps.Equal(got, want) {
			t.Errorf("%s: %v, want %v", role, got, want)
		}
	}
	if _, err := New(Options{Role: "owner"}); err == nil {
		t.Error("New() accepts a role that does not exist")
	}
}

// Whichever way a token was got, it opens the service.
func TestTokensOfEachGrant(t *testing.T) {
	c := start(t, Options{})
	opens := func(name, token string) {
		t.Helper()
		if got := c.bearer("GET", "/enrollments/x", token); got != http.StatusNotFound { // there is no such enrollment
			t.Errorf("%s: its token does not open the service: %d", name, got)
		}
	}
	for name, identity := range map[string]struct{ path, header, value string }{
		"App Service":     {"/msi/token", "X-IDENTITY-HEADER", c.srv.IdentityHeader()},
		"virtual machine": {"/metadata/identity/oauth2/token", "Metadata", "true"},
	} {
		a := c.send("GET", identity.path+"?resource="+tokenAudience, "", identity.header, identity.value).expect(t, 200, 0)
		opens(name, a.str(t, "access_token"))
	}
	const path = "/" + entra.TenantID + "/oauth2/v2.0/token"
	_, device := c.post("/organizations/oauth2/v2.0/devicecode", url.Values{"client_id": {"app"}, "scope": {tokenAudience + "/.default"}})
	form := url.Values{
		"grant_type": {"device_code"}, "client_id": {"app"}, "scope": {tokenAudience + "/.default openid"},
		"device_code": {device["device_code"].(string)},
	}
	if _, body := c.post(path, form); body["error"] != "authorization_pending" {
		t.Errorf("first: %v, want authorization_pending", body["error"])
	}
	status, body := c.post(path, form)
	if status != http.StatusOK {
		t.Fatalf("second: %d %v, want a token", status, body)
	}
	opens("device code", body["access_token"].(string))
	form = url.Values{"grant_type": {"refresh_token"}, "client_id": {"app"}, "scope": {tokenAudience + "/.default"}, "refresh_token": {body["refresh_token"].(string)}}
	if status, body = c.post(path, form); status != http.StatusOK {
		t.Fatalf("refreshed: %d %v, want a token", status, body)
	}
	opens("refreshed", body["access_token"].(string))
	// The published key is the one at the address that is published.
	config := c.send("GET", "/"+entra.TenantID+"/v2.0/.well-known/openid-configuration", "").expect(t, 200, 0)
	if got := config.str(t, "token_endpoint"); got != c.srv.Endpoint()+path {
		t.Errorf("token_endpoint %v, want %s", got, c.srv.Endpoint()+path)
	}
}
