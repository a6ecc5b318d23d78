package operator

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"tpmdps/internal/dps"
	"tpmdps/internal/environment"
	"tpmdps/internal/network"
)

func TestSignInError(t *testing.T) {
	in := &signIn{kind: "environment", inform: func(string) {}}
	entra := func(code int) error {
		return fmt.Errorf("ClientSecretCredential authentication failed.\n{\n  \"error_description\": \"AADSTS%d: Some words. Trace ID: 1 Correlation ID: 2\",\n}", code)
	}
	for _, test := range []struct{ err, is error }{
		{entra(90002), wrongTenant},
		{entra(700016), wrongTenant},
		{entra(70043), loginExpired},
		{entra(700082), loginExpired},
		{entra(7000222), appSecret},
		{entra(700024), loginClock},
		{entra(500011), otherAudience},
		{entra(50076), conditional},
		{entra(99999), loginRefused},
		{errors.New("Please run 'az login' to set up account"), noLogin},
		{azidentity.NewCredentialUnavailableError("AzureCLICredential: executable not found on path"), noLogin},
		{&azidentity.AuthenticationFailedError{}, loginRefused},
		{context.Canceled, context.Canceled},
	} {
		got := in.explain(test.err)
		if !errors.Is(got, test.is) {
			t.Errorf("explain(%.60q) = %v, want %v", test.err, got, test.is)
		}
		if strings.Contains(got.Error(), "\n") || strings.Contains(got.Error(), "Trace ID") {
			t.Errorf("explain(%.60q) = %q, want one sentence", test.err, got)
		}
	}
}

// What a program named az prints instead of a token is reported in words.
func TestToolWithoutToken(t *testing.T) {
	in := &signIn{kind: "cli", inform: func(string) {}}
	for _, output := range []string{
		"invalid character 'o' in literal null (expecting 'u')", "unexpected end of JSON input",
		"json: cannot unmarshal array into Go value of type struct { AccessToken string }",
		`error parsing token expiration time "": parsing time "" as "2006-01-02 15:04:05.999999": cannot parse "" as "2006"`,
	} {
		for _, text := range []string{output, "AzureCLICredential: " + output} {
			got := in.explain(azidentity.NewCredentialUnavailableError(text))
			if !errors.Is(got, noLogin) || !strings.HasSuffix(got.Error(), "it was run, and did not print a token") {
				t.Errorf("explain(%q) = %v", text, got)
			}
		}
	}
}

func TestNetworkCause(t *testing.T) {
	for text, want := range map[string]error{
		"Post \"https://x\": dial tcp: lookup x: no such host":                                               network.ErrName,
		"dial tcp 1.2.3.4:443: connect: connection refused":                                                  network.ErrConnect,
		"tls: failed to verify certificate: x509: certificate signed by unknown author":                      network.ErrCertificate,
		"tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time": network.ErrValidity,
		network.ErrProxy.Error() + ": 127.0.0.1:3128 answered 403":                                           network.ErrProxy, network.ErrProxyLogin.Error() + ": 127.0.0.1:3128": network.ErrProxyLogin,
		"tls: first record does not look like a TLS handshake": network.ErrTLS,
		"AADSTS1: no": nil,
	} {
		if got := networkCause(text); got != want {
			t.Errorf("networkCause(%q) = %v, want %v", text, got, want)
		}
	}
}

func TestExplain(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	key := Operator{policy: "enroller", now: func() time.Time { return now }}
	signedIn := func(a account) Operator {
		o := key
		o.policy, o.login, o.endpoint = "", &signIn{account: a}, "https://factory.azure-devices-provisioning.net"
		return o
	}
	good := account{Object: "7a", Tenant: "t1", Audience: "https://azure-devices-provisioning.net", Expiry: now.Add(time.Hour)}
	sas := key
	sas.policy, sas.endpoint, sas.token = "", "https://factory.azure-devices-provisioning.net", dps.Token{Resource: "factory.azure-devices-provisioning.net/enrollments/box-2", Expiry: now.Add(time.Hour)}
	ended := sas
	ended.token.Expiry = now.Add(-time.Minute)
	expired, foreign := good, good
	expired.Expiry, foreign.Audience = now.Add(-time.Minute), "https://management.azure.com/"
	for name, test := range map[string]struct {
		who  Operator
		err  *dps.Error
		is   error // nil: left as it is
		hint string
	}{
		"key, wrong":              {key, &dps.Error{Status: 401, Method: http.MethodGet}, nil, ""},
		"key, no EnrollmentWrite": {key, &dps.Error{Status: 401, Method: http.MethodPut}, policyMissing, "policy enroller needs EnrollmentRead and EnrollmentWrite"},
		"key, forbidden":          {key, &dps.Error{Status: 403, Method: http.MethodGet}, policyMissing, "--rights EnrollmentRead EnrollmentWrite"},
		"key, clock":              {key, &dps.Error{Status: 401, Method: http.MethodGet, Date: now.Add(time.Hour)}, wrongClock, "2026-03-01T13:00:00Z"},
		"token, ended":            {ended, &dps.Error{Status: 401, Method: http.MethodPut, Path: "/enrollments/box-2"}, tokenExpired, "it ended at 2026-03-01T11:59:00Z: make another"},
		"token, narrow":           {sas, &dps.Error{Status: 401, Method: http.MethodGet, Path: "/enrollments/box-20"}, otherAudience, "opens the enrollment box-2 of factory."},
		"token, no write":         {sas, &dps.Error{Status: 401, Method: http.MethodPut, Path: "/enrollments/BOX-2"}, policyMissing, "the token's policy needs"},
		"token, clock":            {ended, &dps.Error{Status: 401, Method: http.MethodGet, Path: "/enrollments/box-2", Date: now.Add(-time.Hour)}, wrongClock, "timedatectl"},
		"IP filter":               {key, &dps.Error{Status: 403, Message: "Unauthorized IP address"}, networkDenied, "IP filter"},
		"private endpoint":        {signedIn(good), &dps.Error{Status: 403, Body: "Public network access is disabled"}, networkDenied, "private endpoints"},
		"role to write":           {signedIn(good), &dps.Error{Status: 403, Method: http.MethodPut, Path: "/enrollments/x"}, roleMissing, "--assignee-object-id 7a --role \"Device Provisioning Service Data Contributor\" --scope \"$(az iot dps show -n factory "},
		"role to read":            {signedIn(good), &dps.Error{Status: 403, Method: http.MethodGet}, roleMissing, "Data Reader"},
		"role, as a hub says it":  {signedIn(good), &dps.Error{Status: 401, Method: http.MethodGet, Message: "Principal 7a is not authorized for GET on /x"}, roleMissing, "Data Reader"},
		"role to query":           {signedIn(good), &dps.Error{Status: 403, Method: http.MethodPost, Path: "/enrollments/query"}, roleMissing, "Data Reader"},
		"audience":                {signedIn(foreign), &dps.Error{Status: 401}, otherAudience, "it is for https://management.azure.com/;"},
		"expired":                 {signedIn(expired), &dps.Error{Status: 401}, loginExpired, "sign in again"},
		"tenant":                  {signedIn(good), &dps.Error{Status: 401}, wrongTenant, "its tenant t1 may not be that of the DPS"},
		"a token that is no JWT":  {signedIn(account{}), &dps.Error{Status: 401}, wrongTenant, "AZURE_TENANT_ID"},
		"login, clock":            {signedIn(good), &dps.Error{Status: 401, Date: now.Add(-time.Hour)}, wrongClock, "timedatectl"},
		"something else":          {signedIn(good), &dps.Error{Status: 503}, nil, ""},
	} {
		got := test.who.Explain(fmt.Errorf("enroll: %w", test.err))
		var refused *refusal
		if errors.As(got, &refused) != (test.is != nil) || test.is != nil && (refused.reason != test.is || !errors.Is(got, test.err)) {
			t.Errorf("%s: Explain() = %v, want %v", name, got, test.is)
		}
		if test.is != nil && !strings.Contains(refused.Hint(), test.hint) {
			t.Errorf("%s: hint %q, want %q", name, refused.Hint(), test.hint)
		}
	}
}

func TestReadAccount(t *testing.T) {
	jwt := func(claims string) string {
		return "e30." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".c2ln"
	}
	for token, want := range map[string]string{
		jwt(`{"upn":"a@b.example","oid":"o","tid":"t","appid":"x"}`): "a@b.example, tenant t",
		jwt(`{"unique_name":"live.com#a@b.example","tid":"t"}`):      "live.com#a@b.example, tenant t",
		jwt(`{"azp":"app","tid":"t"}`):                               "application app, tenant t",
		jwt(`{"oid":"o"}`):                                           "o, tenant unknown",
		jwt(`{"upn":"a\u001b[2Jb","tid":"t"}`):                       "a?[2Jb, tenant t",
		jwt(`[]`):                                                    "an unnamed account, tenant unknown",
		"opaque":                                                     "an unnamed account, tenant unknown",
		"a.b.c":                                                      "an unnamed account, tenant unknown",
	} {
		if got := readAccount(token).String(); got != want {
			t.Errorf("readAccount(%q) = %q, want %q", token, got, want)
		}
	}
}

func TestClouds(t *testing.T) {
	for _, c := range clouds {
		for text, want := range map[string]string{
			"Factory": "Factory" + c.suffix, "localhost": "localhost", "localhost:8443": "localhost:8443",
			"x.azure-devices-provisioning.net": "x.azure-devices-provisioning.net", "https://x.example": "https://x.example", "": "",
		} {
			if got := c.complete(text); got != want {
				t.Errorf("%s: complete(%q) = %q, want %q", c.name, text, got, want)
			}
		}
		if !isMicrosoft(authorityHost(c, environment.Login{})) {
			t.Errorf("%s: its authority %s does not count as Microsoft's", c.name, authorityHost(c, environment.Login{}))
		}
	}
	if isMicrosoft("localhost:8443") || isMicrosoft("login.microsoftonline.com.example") || isMicrosoft("") {
		t.Error("a stranger counts as Microsoft")
	}
}
