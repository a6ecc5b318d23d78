package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"tpmdps/internal/dps"
	"tpmdps/internal/environment"
	"tpmdps/internal/operator"
	"tpmdps/internal/secretfile"
	"tpmdps/internal/verdict"
)

// openOperator makes an operator who asks nobody: by a key, or by an account if the
// key is zero.
func openOperator(t *testing.T, key operator.Key) *operator.Operator {
	t.Helper()
	o := operator.Options{
		DPS: "plant", AuthType: "key", Credential: "device-code", Key: key,
		Client:      dps.ClientOptions{HTTPClient: dps.NewHTTPClient(nil, environment.Proxies{})},
		Environment: environment.Of(nil, false),
		Files:       secretfile.Policy{Warn: func(string) {}},
		Warn:        func(string) {},
		Inform:      func(string) {},
		Learn:       func(...string) {},
		Await:       func(_ context.Context, _ string, f func()) error { f(); return nil },
	}
	if key.Text == "" {
		o.AuthType = "login"
	}
	op, err := operator.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return op
}

// Operators as the service knows them, and what it refuses them with.
func refusedOperators(t *testing.T) map[string]struct {
	err  error
	code int
	hint string
} {
	t.Helper()
	token := func(resource string, expiry time.Time) operator.Key {
		return operator.Key{Text: fmt.Sprintf("SharedAccessSignature sr=%s&sig=c2VjcmV0c2lnbmF0dXJl%%3D&se=%d&skn=enroller", resource, expiry.Unix()), IsToken: true, Source: "a test"}
	}
	const host = "plant.azure-devices-provisioning.net"
	hour := time.Now().Add(time.Hour)
	key := openOperator(t, operator.Key{Text: dressCS, Source: "a test"})
	sas := openOperator(t, token(host+"/enrollments/box-2", hour))
	ended := openOperator(t, token(host, hour.Add(-2*time.Hour)))
	login := openOperator(t, operator.Key{})
	return map[string]struct {
		err  error
		code int
		hint string
	}{
		"key, wrong":              {key.Explain(&dps.Error{Status: 401, Method: http.MethodGet}), 30, "policy's key"},
		"key, no EnrollmentWrite": {key.Explain(&dps.Error{Status: 401, Method: http.MethodPut}), 30, "policy enroller needs EnrollmentRead and EnrollmentWrite"},
		"key, forbidden":          {key.Explain(&dps.Error{Status: 403, Method: http.MethodGet}), 30, "--rights EnrollmentRead EnrollmentWrite"},
		"key, clock":              {key.Explain(&dps.Error{Status: 401, Method: http.MethodGet, Date: hour}), 30, hour.UTC().Format(time.RFC3339)},
		"token, ended":            {ended.Explain(&dps.Error{Status: 401, Method: http.MethodPut, Path: "/enrollments/box-2"}), 30, ": make another"},
		"token, narrow":           {sas.Explain(&dps.Error{Status: 401, Method: http.MethodGet, Path: "/enrollments/box-20"}), 30, "opens the enrollment box-2 of plant."},
		"token, no write":         {sas.Explain(&dps.Error{Status: 401, Method: http.MethodPut, Path: "/enrollments/BOX-2"}), 30, "the token's policy needs"},
		"IP filter":               {key.Explain(&dps.Error{Status: 403, Message: "Unauthorized IP address"}), 30, "IP filter"},
		"private endpoint":        {login.Explain(&dps.Error{Status: 403, Body: "Public network access is disabled"}), 30, "private endpoints"},
		"role to write":           {login.Explain(&dps.Error{Status: 403, Method: http.MethodPut, Path: "/enrollments/x"}), 30, "--assignee-object-id OBJECT-ID --role \"Device Provisioning Service Data Contributor\" --scope \"$(az iot dps show -n plant "},
		"role to read":            {login.Explain(&dps.Error{Status: 403, Method: http.MethodGet}), 30, "Data Reader"},
		"a token that is no JWT":  {login.Explain(&dps.Error{Status: 401}), 30, "AZURE_TENANT_ID"},
		"login, clock":            {login.Explain(&dps.Error{Status: 401, Date: hour.Add(-2 * time.Hour)}), 30, "timedatectl"},
		"something else":          {key.Explain(&dps.Error{Status: 503}), 32, "try again"},
		"canceled":                {fmt.Errorf("sign in: %w", context.Canceled), 130, ""},
		"no DPS":                  {operator.ErrNoDPS, 2, "--dps NAME"},
		"no credential":           {operator.ErrNoCredential, 30, "PROVISIONING_CONNECTION_STRING"},
		"a wrong option":          {operator.ErrOptions, 2, ""},
		"an empty key":            {fmt.Errorf("cannot read cs: %w", secretfile.ErrEmpty), 2, ""},
	}
}

// Whatever an operator is refused with has its exit code, and says what to do next.
func TestOperatorExits(t *testing.T) {
	for name, test := range refusedOperators(t) {
		if v := verdict.Of(fmt.Errorf("enroll: %w", test.err)); v.Code != test.code || !strings.Contains(v.Hint, test.hint) {
			t.Errorf("%s: code %d, hint %q, want %d, %q", name, v.Code, v.Hint, test.code, test.hint)
		}
	}
	for _, reason := range operator.Reasons() {
		if v := verdict.Of(fmt.Errorf("enroll: %w", reason)); v.Code != 30 || v.Hint != reason.Hint() {
			t.Errorf("%v: code %d, hint %q, want 30, %q", reason, v.Code, v.Hint, reason.Hint())
		}
	}
	if n := len(operator.Reasons()); n != 14 {
		t.Errorf("there are %d reasons, want 14", n)
	}
}
