package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
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
	var err bytes.Buffer
	s := &session{ui: &ui{streams: streams{err: &err}}}
	entra := func(code int) error {
		return fmt.Errorf("ClientSecretCredential authentication failed.\n{\n  \"error_description\": \"AADSTS%d: Some words. Trace ID: 1 Correlation ID: 2\",\n}", code)
	}
	for _, test := range []struct {
		err  error
		is   error
		code int
	}{
		{entra(90002), errTenant, 30},
		{entra(700016), errTenant, 30},
		{entra(70043), errTokenExpired, 30},
		{entra(700082), errTokenExpired, 30},
		{entra(7000222), errAppSecret, 30},
		{entra(700024), errLoginClock, 30},
		{entra(500011), errAudience, 30},
		{entra(50076), errConditional, 30},
		{entra(99999), errSignIn, 30},
		{errors.New("Please run 'az login' to set up account"), errNoLogin, 30},
		{azidentity.NewCredentialUnavailableError("AzureCLICredential: executable not found on path"), errNoLogin, 30},
		{&azidentity.AuthenticationFailedError{}, errSignIn, 30},
		{context.Canceled, context.Canceled, 130},
	} {
		got := signInError(s, "environment", test.err)
		if v := verdict(got); !errors.Is(got, test.is) || v.code != test.code {
			t.Errorf("signInError(%.60q) = %v, code %d, want %v, code %d", test.err, got, v.code, test.is, test.code)
		}
		if strings.Contains(got.Error(), "\n") || strings.Contains(got.Error(), "Trace ID") {
			t.Errorf("signInError(%.60q) = %q, want one sentence", test.err, got)
		}
	}
}

// What a program named az prints instead of a token is told in words.
func TestToolWithoutToken(t *testing.T) {
	s := &session{ui: &ui{streams: streams{err: io.Discard}}}
	for _, said := range []string{
		"invalid character 'o' in literal null (expecting 'u')", "unexpected end of JSON input",
		"json: cannot unmarshal array into Go value of type struct { AccessToken string }",
		`error parsing token expiration time "": parsing time "" as "2006-01-02 15:04:05.999999": cannot parse "" as "2006"`,
	} {
		for _, text := range []string{said, "AzureCLICredential: " + said} {
			got := signInError(s, "cli", azidentity.NewCredentialUnavailableError(text))
			if !errors.Is(got, errNoLogin) || !strings.HasSuffix(got.Error(), "it was run, and did not print a token") {
				t.Errorf("signInError(%q) = %v", text, got)
			}
		}
	}
}

func TestWayError(t *testing.T) {
	for text, want := range map[string]error{
		"Post \"https://x\": dial tcp: lookup x: no such host":                                               network.ErrName,
		"dial tcp 1.2.3.4:443: connect: connection refused":                                                  network.ErrConnect,
		"tls: failed to verify certificate: x509: certificate signed by unknown author":                      network.ErrCertificate,
		"tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time": network.ErrValidity,
		network.ErrProxy.Error() + ": 127.0.0.1:3128 answered 403":                                           network.ErrProxy, network.ErrProxyLogin.Error() + ": 127.0.0.1:3128": network.ErrProxyLogin,
		"tls: first record does not look like a TLS handshake": network.ErrTLS,
		"AADSTS1: no": nil,
	} {
		if got := wayError(text); got != want {
			t.Errorf("wayError(%q) = %v, want %v", text, got, want)
		}
	}
}

func TestExplain(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	key := operator{policy: "enroller", now: func() time.Time { return now }}
	signedIn := func(a account) operator {
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
		who  operator
		err  *dps.Error
		is   error // nil: left as it is
		hint string
	}{
		"key, wrong":              {key, &dps.Error{Status: 401, Method: http.MethodGet}, nil, "policy's key"},
		"key, no EnrollmentWrite": {key, &dps.Error{Status: 401, Method: http.MethodPut}, errPolicy, "policy enroller needs EnrollmentRead and EnrollmentWrite"},
		"key, forbidden":          {key, &dps.Error{Status: 403, Method: http.MethodGet}, errPolicy, "--rights EnrollmentRead EnrollmentWrite"},
		"key, clock":              {key, &dps.Error{Status: 401, Method: http.MethodGet, Date: now.Add(time.Hour)}, errClock, "2026-03-01T13:00:00Z"},
		"token, ended":            {ended, &dps.Error{Status: 401, Method: http.MethodPut, Path: "/enrollments/box-2"}, errSASExpired, "it ended at 2026-03-01T11:59:00Z: make another"},
		"token, narrow":           {sas, &dps.Error{Status: 401, Method: http.MethodGet, Path: "/enrollments/box-20"}, errAudience, "opens the enrollment box-2 of factory."},
		"token, no write":         {sas, &dps.Error{Status: 401, Method: http.MethodPut, Path: "/enrollments/BOX-2"}, errPolicy, "the token's policy needs"},
		"token, clock":            {ended, &dps.Error{Status: 401, Method: http.MethodGet, Path: "/enrollments/box-2", Date: now.Add(-time.Hour)}, errClock, "timedatectl"},
		"IP filter":               {key, &dps.Error{Status: 403, Message: "Unauthorized IP address"}, errIPFilter, "IP filter"},
		"private endpoint":        {signedIn(good), &dps.Error{Status: 403, Body: "Public network access is disabled"}, errIPFilter, "private endpoints"},
		"role to write":           {signedIn(good), &dps.Error{Status: 403, Method: http.MethodPut, Path: "/enrollments/x"}, errRole, "--assignee-object-id 7a --role \"Device Provisioning Service Data Contributor\" --scope \"$(az iot dps show -n factory "},
		"role to read":            {signedIn(good), &dps.Error{Status: 403, Method: http.MethodGet}, errRole, "Data Reader"},
		"role, as a hub says it":  {signedIn(good), &dps.Error{Status: 401, Method: http.MethodGet, Message: "Principal 7a is not authorized for GET on /x"}, errRole, "Data Reader"},
		"role to query":           {signedIn(good), &dps.Error{Status: 403, Method: http.MethodPost, Path: "/enrollments/query"}, errRole, "Data Reader"},
		"audience":                {signedIn(foreign), &dps.Error{Status: 401}, errAudience, "it is for https://management.azure.com/;"},
		"expired":                 {signedIn(expired), &dps.Error{Status: 401}, errTokenExpired, "sign in again"},
		"tenant":                  {signedIn(good), &dps.Error{Status: 401}, errTenant, "its tenant t1 may not be that of the DPS"},
		"a token that is no JWT":  {signedIn(account{}), &dps.Error{Status: 401}, errTenant, "AZURE_TENANT_ID"},
		"login, clock":            {signedIn(good), &dps.Error{Status: 401, Date: now.Add(-time.Hour)}, errClock, "timedatectl"},
		"something else":          {signedIn(good), &dps.Error{Status: 503}, nil, "try again"},
	} {
		got := test.who.explain(fmt.Errorf("enroll: %w", test.err))
		v, code := verdict(got), 30
		if test.err.Status == 503 {
			code = 32
		}
		var refused *refusal
		if errors.As(got, &refused) != (test.is != nil) || test.is != nil && refused.is != test.is {
			t.Errorf("%s: explain() = %v, want %v", name, got, test.is)
		}
		if v.code != code || !strings.Contains(v.hint, test.hint) {
			t.Errorf("%s: code %d, hint %q, want %d, %q", name, v.code, v.hint, code, test.hint)
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
		if !ofMicrosoft(authorityHost(c, environment.Login{})) {
			t.Errorf("%s: its authority %s is not taken for Microsoft's", c.name, authorityHost(c, environment.Login{}))
		}
	}
	if ofMicrosoft("localhost:8443") || ofMicrosoft("login.microsoftonline.com.example") || ofMicrosoft("") {
		t.Error("a stranger is taken for Microsoft")
	}
}
