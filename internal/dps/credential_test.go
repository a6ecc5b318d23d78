package dps

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

func mustParse(t *testing.T) ConnectionString {
	t.Helper()
	cs, err := ParseConnectionString(connectionString)
	if err != nil {
		t.Fatal(err)
	}
	return cs
}

// TestSecretsDoNotPrint shows every value that has a secret in every way that
// Go offers, alone and inside other values.
func TestSecretsDoNotPrint(t *testing.T) {
	cs := mustParse(t)
	service, err := NewServiceClient("plant", SharedKey(cs), ClientOptions{})
	if err != nil {
		t.Fatal(err)
	}
	holder := struct {
		Public  ConnectionString
		private ConnectionString
		cred    Credential
		p       *ConnectionString
	}{cs, cs, SharedKey(cs), &cs}
	values := map[string]any{
		"connection string": cs, "pointer": &cs, "holder": holder, "holder pointer": &holder,
		"slice": []any{cs, SharedKey(cs)}, "map": map[string]any{"cs": cs},
		"shared key": SharedKey(cs), "token": SharedAccessToken(testToken), "token pointer": new(SharedAccessToken(testToken)),
		"client": service,
		"error":  fmt.Errorf("use %v: %w", cs, errors.New("refused")),
	}
	for name, v := range values {
		var out bytes.Buffer
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		if j, err := json.Marshal(v); err == nil {
			out.Write(j)
		}
		slog.New(slog.NewTextHandler(&out, nil)).Info("m", "v", v)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("m", "v", v)
		all := out.String()
		for _, secret := range []string{
			secretKey, secretKey[:16], "secret-key-of", fmt.Sprintf("%x", "secret-key-of"), strings.Trim(fmt.Sprint([]byte("secret-key")), "[]"),
			"c2VjcmV0LXNpZw", fmt.Sprintf("%x", "c2VjcmV0LXNpZw"),
		} {
			if strings.Contains(all, secret) {
				t.Errorf("%s shows the secret %q:\n%s", name, secret, all)
			}
		}
	}
	if got, want := cs.String(), "HostName=plant.azure-devices-provisioning.net;SharedAccessKeyName=enroller;SharedAccessKey=[redacted]"; got != want {
		t.Errorf("String() = %s, want %s", got, want)
	}
}

func TestSharedKeySignsAndRenews(t *testing.T) {
	s := serve(t, reply{status: 200, body: fixture(t, "enrollment.json")})
	now := time.Unix(1800000000, 0)
	p := &sharedKeyPolicy{cs: mustParse(t), now: func() time.Time { return now }}
	c := &ServiceClient{newClient(s.URL, serviceAPIVersion, p, s.options())}
	for _, step := range []struct {
		after time.Duration
		made  time.Duration // when the token that must be sent was made
	}{{0, 0}, {49 * time.Minute, 0}, {51 * time.Minute, 51 * time.Minute}, {3 * time.Hour, 3 * time.Hour}} {
		start := time.Unix(1800000000, 0)
		now = start.Add(step.after)
		if _, err := c.Enrollment(context.Background(), "machine-1"); err != nil {
			t.Fatal(err)
		}
		seen := s.seen()
		token := seen[len(seen)-1].header.Get("Authorization")
		if !strings.HasSuffix(token, "&skn=enroller") {
			t.Errorf("token = %s, want skn=enroller at its end", token)
		}
		verify(t, token, []byte("secret-key-of-the-tests==="), "plant.azure-devices-provisioning.net", start.Add(step.made))
	}
}

type tokenSource struct {
	scopes []string
	err    error
}

func (s *tokenSource) GetToken(_ context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	s.scopes = o.Scopes
	return azcore.AccessToken{Token: "entra-token", ExpiresOn: time.Now().Add(time.Hour)}, s.err
}

func TestEntra(t *testing.T) {
	for scope, want := range map[string]string{"": "https://azure-devices-provisioning.net/.default", "https://x/.default": "https://x/.default"} {
		s := serve(t, reply{status: 200, body: fixture(t, "enrollment.json")})
		source := &tokenSource{}
		c, err := NewServiceClient(s.URL, Entra(source, scope), s.options())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Enrollment(context.Background(), "machine-1"); err != nil {
			t.Fatal(err)
		}
		if got := s.seen()[0].header.Get("Authorization"); got != "Bearer entra-token" {
			t.Errorf("Authorization = %q", got)
		}
		if len(source.scopes) != 1 || source.scopes[0] != want {
			t.Errorf("scopes = %v, want %s", source.scopes, want)
		}
	}
}

func TestEntraRefusalIsNotRetried(t *testing.T) {
	s := serve(t, reply{status: 200})
	source := &tokenSource{err: errors.New("no such tenant")}
	c, _ := NewServiceClient(s.URL, Entra(source, ""), s.options())
	if _, err := c.Enrollment(context.Background(), "machine-1"); !errors.Is(err, source.err) || len(s.seen()) != 0 {
		t.Errorf("Enrollment() = %v, want the credential's error", err)
	}
}

func TestBadCredentials(t *testing.T) {
	for name, c := range map[string]Credential{
		"none":              {},
		"empty string":      SharedKey(ConnectionString{}),
		"empty token":       SharedAccessToken(" "),
		"connection string": SharedAccessToken(connectionString),
		"two lines":         SharedAccessToken(testToken + "\nX: y"),
		"no Entra":          Entra(nil, ""),
	} {
		_, err := NewServiceClient("plant", c, ClientOptions{})
		if !errors.Is(err, ErrCredential) || strings.Contains(err.Error(), secretKey[:12]) {
			t.Errorf("%s: %v, want ErrCredential", name, err)
		}
	}
}
