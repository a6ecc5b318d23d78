package entra

import (
	"crypto/rsa"
	"crypto/tls"
	"errors"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// opens reports whether the service would accept the token.
func (c *client) opens(token string) bool {
	_, err := c.srv.Check(token, audience)
	return err == nil
}

func TestCheck(t *testing.T) {
	c := start(t)
	good := c.accessToken(TenantID, nil)
	parts := strings.Split(good, ".")
	otherPayload := strings.Split(c.accessToken(TenantID, nil), ".")[1] // another jti
	unsigned := jwt.NewWithClaims(jwt.SigningMethodNone, c.srv.claims(subject{tenant: TenantID, object: appObjectID}, audience))
	none, err := unsigned.SignedString(jwt.UnsafeAllowNoneSignatureType)
	if err != nil {
		t.Fatal(err)
	}
	stranger := c.srv.claims(subject{tenant: TenantID, object: appObjectID}, audience)
	stranger.TenantID = "11111111-2222-4333-8444-555555555555"
	otherTenant, err := c.srv.sign(stranger)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		token string
		want  bool
	}{
		"good":           {good, true},
		"blanks":         {" " + good + "\n", true},
		"empty":          {"", false},
		"no JWT":         {"x.y", false},
		"other payload":  {parts[0] + "." + otherPayload + "." + parts[2], false},
		"unsigned":       {none, false},
		"other issuer":   {c.accessToken("11111111-2222-4333-8444-555555555555", nil), false},
		"other tenant":   {otherTenant, false},
		"organizations":  {c.accessToken("organizations", nil), true},
		"other audience": {c.accessToken(TenantID, func(f url.Values) { f.Set("scope", "https://management.azure.com/.default") }), false},
	} {
		if got := c.opens(test.token); got != test.want {
			t.Errorf("%s: opens the service: %v, want %v", name, got, test.want)
		}
	}
	c.now = c.now.Add(defaultTokenLife + time.Second)
	if c.opens(good) {
		t.Error("an expired token opens the service")
	}
}

// A token says who it is for, with the roles of the server.
func TestPrincipal(t *testing.T) {
	for _, roles := range [][]string{nil, {"Reader"}, {"Reader", "Writer"}} {
		c := start(t, roles...)
		got, err := c.srv.Check(c.accessToken(TenantID, nil), audience)
		if want := (Principal{ObjectID: appObjectID, Roles: roles}); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("Check() = %+v, %v, want %+v", got, err, want)
		}
	}
}

// The secrets last as long as the key, and are not each other's.
func TestSecrets(t *testing.T) {
	a, again, b := New(Options{Key: []byte("a")}), New(Options{Key: []byte("a")}), New(Options{Key: []byte("b")})
	if a.ClientSecret() != again.ClientSecret() || a.IdentityHeader() != again.IdentityHeader() {
		t.Error("the secrets of one key differ")
	}
	seen := map[string]bool{a.ClientSecret(): true, a.IdentityHeader(): true, b.ClientSecret(): true, b.IdentityHeader(): true}
	if len(seen) != 4 || seen[""] {
		t.Errorf("%d secrets, want 4", len(seen))
	}
}

// What is written is what credentials are made of.
func TestWriteFiles(t *testing.T) {
	c, dir := start(t), t.TempDir()
	variables, err := c.srv.WriteFiles(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, v := range variables {
		names = append(names, v[0])
	}
	if want := []string{"AZURE_AUTHORITY_HOST", "AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET",
		"AZURE_FEDERATED_TOKEN_FILE", "IDENTITY_ENDPOINT", "IDENTITY_HEADER"}; !slices.Equal(names, want) {
		t.Errorf("variables %q, want %q", names, want)
	}
	if pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "client.pem"), filepath.Join(dir, "client.pem")); err != nil || pair.Leaf.Subject.CommonName != "tpmdps emulator client" {
		t.Errorf("client.pem: %v", err)
	}
	token, err := os.ReadFile(filepath.Join(dir, "federated-token"))
	if err != nil {
		t.Fatal(err)
	}
	form := c.secretForm()
	form.Del("client_secret")
	form.Set("client_assertion_type", jwtBearer)
	form.Set("client_assertion", string(token))
	if status, body := c.post(tokenPath, form); status != http.StatusOK {
		t.Errorf("federated-token: %d %v, want a token", status, body)
	}
	if _, err := c.srv.WriteFiles(filepath.Join(dir, "missing")); err == nil {
		t.Error("files were written into a folder that is not there")
	}
	if err := os.Mkdir(filepath.Join(dir, "second"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "second", "federated-token"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := c.srv.WriteFiles(filepath.Join(dir, "second")); err == nil {
		t.Error("a folder was replaced by a file")
	}
}

// Where no key can be made, nobody gets a token, and is told so as Entra ID would.
func TestWithoutKeys(t *testing.T) {
	c := start(t)
	good := c.accessToken(TenantID, nil)
	cluster, err := c.srv.clusterToken()
	if err != nil {
		t.Fatal(err)
	}
	byCertificate := c.certificateAssertion(c.srv.endpoint()+tokenPath, time.Minute)
	failed := errors.New("no entropy")
	key := c.srv.signing
	c.srv.signing = func() (*rsa.PrivateKey, error) { return nil, failed }
	if _, err := c.srv.Check(good, audience); !errors.Is(err, failed) {
		t.Errorf("Check() = %v, want %v", err, failed)
	}
	if _, err := c.srv.WriteFiles(t.TempDir()); !errors.Is(err, failed) {
		t.Errorf("WriteFiles() = %v, want %v", err, failed)
	}
	refused := func(what, method, path string, form url.Values, wantStatus int, want string) {
		t.Helper()
		req, err := http.NewRequest(method, c.base+path, strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Metadata", "true")
		answer, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if status, body := c.decoded(answer); status != wantStatus || body["error"] != want {
			t.Errorf("%s: %d %v, want %d %s", what, status, body, wantStatus, want)
		}
	}
	assertion := func(token string) url.Values {
		f := c.secretForm()
		f.Del("client_secret")
		f.Set("client_assertion_type", jwtBearer)
		f.Set("client_assertion", token)
		return f
	}
	refused("secret", "POST", tokenPath, c.secretForm(), http.StatusInternalServerError, "server_error")
	refused("cluster's token", "POST", tokenPath, assertion(cluster), http.StatusUnauthorized, "invalid_client")
	refused("keys", "GET", "/"+TenantID+"/discovery/v2.0/keys", nil, http.StatusInternalServerError, "server_error")
	refused("machine", "GET", "/metadata/identity/oauth2/token?resource="+audience, nil, http.StatusInternalServerError, "server_error")

	c.srv.signing = key
	c.srv.certificate = func() (clientCertificate, error) { return clientCertificate{}, failed }
	refused("certificate", "POST", tokenPath, assertion(byCertificate), http.StatusUnauthorized, "invalid_client")
	if _, err := c.srv.WriteFiles(t.TempDir()); !errors.Is(err, failed) {
		t.Errorf("WriteFiles() = %v, want %v", err, failed)
	}
	c.srv.certificate = newClientCertificate // another one
	refused("another certificate", "POST", tokenPath, assertion(byCertificate), http.StatusUnauthorized, "invalid_client")
}
