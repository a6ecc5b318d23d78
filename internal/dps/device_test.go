package dps

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestRegisterSendsWhatTheSDKsSend(t *testing.T) {
	s := serve(t, reply{status: 202, body: `{"operationId":"5.a.b","status":"assigning"}`, header: map[string]string{"Retry-After": "3"}})
	r := registration
	r.Payload = json.RawMessage(`{"line":7}`)
	a, err := s.device(t).Register(context.Background(), r, "SharedAccessSignature sr=x")
	if err != nil {
		t.Fatal(err)
	}
	if a.Challenge != nil || a.Operation == nil {
		t.Fatalf("Register() = %+v, want an operation only", a)
	}
	op := *a.Operation
	if op.ID != "5.a.b" || op.Status != "assigning" || op.State != nil || op.RetryAfter != 3*time.Second || op.Date.IsZero() {
		t.Errorf("Operation = %+v", op)
	}
	got := s.seen()[0]
	if want := "/0ne00000A01/registrations/machine-1/register?api-version=2021-06-01"; got.method != "PUT" || got.uri != want {
		t.Errorf("request = %s %s, want PUT %s", got.method, got.uri, want)
	}
	if want := `{"registrationId":"machine-1","tpm":{"endorsementKey":"AQID","storageRootKey":"BAU="},"payload":{"line":7}}`; got.body != want {
		t.Errorf("body = %s, want %s", got.body, want)
	}
	for name, want := range map[string]string{
		"Accept":        "application/json",
		"Content-Type":  "application/json; charset=utf-8",
		"Authorization": "SharedAccessSignature sr=x",
	} {
		if got := got.header.Get(name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	if ua := got.header.Get("User-Agent"); !strings.HasPrefix(ua, "tpmdps/test ") {
		t.Errorf("User-Agent = %q, want it to start with the application", ua)
	}
}

func TestRegisterWithoutToken(t *testing.T) {
	_, s, err := register(t, reply{status: 202, body: `{"operationId":"1","status":"assigning"}`})
	if err != nil {
		t.Fatal(err)
	}
	if got, ok := s.seen()[0].header["Authorization"]; ok {
		t.Errorf("Authorization = %q, want none", got)
	}
	if strings.Contains(s.seen()[0].body, "payload") {
		t.Errorf("body = %s, want no payload", s.seen()[0].body)
	}
}

func TestChallenge(t *testing.T) {
	for name, size := range map[string]int{"challenge.json": 920, "challenge_plaintext_key.json": 956} {
		a, s, err := register(t, reply{status: 401, body: fixture(t, name)})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if a.Challenge == nil || a.Operation != nil {
			t.Fatalf("%s: Register() = %+v, want a challenge only", name, a)
		}
		c := a.Challenge
		if len(c.AuthenticationKey) != size || c.KeyName != "registration" || c.Date.IsZero() ||
			c.Message != "Authorization required, resend request using supplied key" {
			t.Errorf("%s: challenge of %d bytes %+v", name, len(c.AuthenticationKey), c)
		}
		if n := len(s.seen()); n != 1 {
			t.Errorf("%s: %d requests, want 1: a challenge is no failure", name, n)
		}
	}
}

func TestChallengeKeyName(t *testing.T) {
	const key = `"authenticationKey":"AAEC"`
	for body, want := range map[string]string{
		`{` + key + `}`:                        "registration",
		`{` + key + `,"keyName":null}`:         "registration",
		`{` + key + `,"keyName":"other"}`:      "other",
		`{"message":5,` + key + `}`:            "registration",
		`{"AuthenticationKey":"AA\r\nEC"}`:     "registration",
		"\ufeff{" + key + `,"keyName":"bom"}`:  "bom",
		`{` + key + `,"errorCode":0,"info":1}`: "registration",
	} {
		a, _, err := register(t, reply{status: 401, body: body})
		if err != nil || a.Challenge == nil {
			t.Errorf("%s: Register() = %+v, %v, want a challenge", body, a, err)
			continue
		}
		if a.Challenge.KeyName != want || string(a.Challenge.AuthenticationKey) != "\x00\x01\x02" {
			t.Errorf("%s: challenge = %+v, want key name %q", body, a.Challenge, want)
		}
	}
}

func TestBadChallenge(t *testing.T) {
	for _, tt := range []struct{ body, reason string }{
		{`{"authenticationKey":"***"}`, "authenticationKey is not base64"},
		{`{"authenticationKey":"AAE"}`, "authenticationKey is not base64"},
		{`{"authenticationKey":"\r\n"}`, "authenticationKey is empty"},
		{`{"authenticationKey":7}`, "authenticationKey is not a string"},
		{`{"authenticationKey":"` + strings.Repeat("AAAA", 1366) + `"}`, "authenticationKey is too long"},
		{`{"authenticationKey":"` + strings.Repeat("AAAA", 200000) + `"}`, "authenticationKey is too long"},
		{`{"authenticationKey":"AAEC","keyName":5}`, "keyName"},
		{`{"authenticationKey":"AAEC","keyName":"a\u001b[31m"}`, "keyName"},
		{fixture(t, "challenge.json")[:500], "cut short"},
	} {
		a, _, err := register(t, reply{status: 401, body: tt.body})
		var answer *AnswerError
		if !errors.As(err, &answer) || !errors.Is(err, ErrMalformed) || !strings.Contains(answer.reason, tt.reason) {
			t.Errorf("%.60s: Register() = %+v, %v, want ErrMalformed with %q", tt.body, a, err, tt.reason)
			continue
		}
		if answer.excerpt != "" {
			t.Errorf("%.60s: excerpt %q shows what may be a key", tt.body, answer.excerpt)
		}
	}
}

func TestUnauthorizedWithoutKeyIsARefusal(t *testing.T) {
	for _, body := range []string{
		`{"errorCode":401002,"trackingId":"ada7d102-449e-4031-a1e7-e60ac75804ea","message":"Unauthorized","timestampUtc":"2024-01-02T03:04:05Z"}`,
		`{"errorCode":401002,"trackingId":"ada7d102-449e-4031-a1e7-e60ac75804ea","message":"Unauthorized","timestampUtc":"2024-01-02T03:04:05Z","authenticationKey":""}`,
		`{"errorCode":401002,"trackingId":"ada7d102-449e-4031-a1e7-e60ac75804ea","message":"Unauthorized","timestampUtc":"2024-01-02T03:04:05Z","authenticationKey":null}`,
	} {
		a, _, err := register(t, reply{status: 401, body: body})
		var e *Error
		if !errors.As(err, &e) || a != (Answer{}) {
			t.Fatalf("Register() = %+v, %v, want an *Error", a, err)
		}
		if e.Status != 401 || e.Code != 401002 || e.Message != "Unauthorized" || e.Time != "2024-01-02T03:04:05Z" ||
			e.TrackingID != "ada7d102-449e-4031-a1e7-e60ac75804ea" || e.Date.IsZero() || e.Body != "" {
			t.Errorf("Error = %+v", e)
		}
	}
}

func TestPoll(t *testing.T) {
	for name, want := range map[string]RegistrationState{
		"assigned.json": {RegistrationID: "machine-1", AssignedHub: "example-hub.azure-devices.net", DeviceID: "machine-1",
			Status: "assigned", Substatus: "initialAssignment", CreatedAt: "2024-03-04T05:06:07.1234567Z", UpdatedAt: "2024-03-04T05:06:08.7654321Z",
			ETag: "IjBhYjFjMmQzLTAwMDAtMDMwMC0wMDAwLTY1ZTVhMGYwMDAwMCI="},
		"assigned_2017.json": {RegistrationID: "0i5TqsmQhQY22LYp3Lhl3p2lAsuXdu1v8NO7zCKYpn0=", AssignedHub: "example-hub.azure-devices.example",
			DeviceID: "0000machine1", Status: "assigned", UpdatedAt: "2017-07-01T08:15:30.7654321Z"},
		"failed.json": {RegistrationID: "machine-1", Status: "failed", ErrorCode: 400207,
			ErrorMessage: "Custom allocation failed with status code: 500", UpdatedAt: "2024-03-04T05:06:08.7654321Z"},
	} {
		asked := struct {
			OperationID       string
			RegistrationState struct{ RegistrationID string }
		}{}
		body := fixture(t, name)
		if err := json.Unmarshal([]byte(strings.Replace(body, "registrationStatus", "registrationState", 1)), &asked); err != nil {
			t.Fatal(err)
		}
		s := serve(t, reply{status: 200, body: body})
		op, err := s.device(t).Operation(context.Background(), asked.RegistrationState.RegistrationID, asked.OperationID, "token")
		if err != nil || op.State == nil {
			t.Fatalf("%s: Operation() = %+v, %v", name, op, err)
		}
		got := *op.State
		if got.Status == "assigned" {
			if got.TPM == nil || len(got.TPM.AuthenticationKey) != 874 {
				t.Errorf("%s: TPM = %+v, want a key of 874 bytes", name, got.TPM)
			}
		}
		if name == "assigned.json" && string(got.Payload) != `{"line":7}` {
			t.Errorf("%s: payload = %s", name, got.Payload)
		}
		got.TPM, got.Payload = nil, nil
		if name == "assigned_2017.json" {
			want.RegistrationID = got.RegistrationID // base64 of an EK's digest then
		}
		if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) {
			t.Errorf("%s: state = %+v, want %+v", name, got, want)
		}
		if op.Status != want.Status || op.ID == "" {
			t.Errorf("%s: operation = %+v", name, op)
		}
	}
}

func TestPollRequest(t *testing.T) {
	s := serve(t, reply{status: 202, header: map[string]string{"Retry-After": "5"},
		body: `{"status":"assigning","registrationState":{"registrationId":"machine-1","status":"assigning"}}`})
	op, err := s.device(t).Operation(context.Background(), "machine-1", "4.a/b+c=.d", "SharedAccessSignature sr=y")
	if err != nil {
		t.Fatal(err)
	}
	if op.ID != "4.a/b+c=.d" || op.RetryAfter != 5*time.Second || op.State.Status != "assigning" {
		t.Errorf("Operation() = %+v", op)
	}
	got := s.seen()[0]
	want := "/0ne00000A01/registrations/machine-1/operations/4.a%2Fb+c=.d?api-version=2021-06-01"
	if got.method != "GET" || got.uri != want || got.body != "" || got.header.Get("Authorization") != "SharedAccessSignature sr=y" {
		t.Errorf("request = %+v, want GET %s", got, want)
	}
}

func TestUnknownStatusPassesThrough(t *testing.T) {
	a, _, err := register(t, reply{status: 200, body: `{"operationId":"1","status":"quaran\u001btined","registrationState":{"status":"odd\nword","errorCode":400208}}`})
	if err != nil {
		t.Fatal(err)
	}
	if op := a.Operation; op.Status != "quaran?tined" || op.State.Status != "odd?word" || op.State.ErrorCode != 400208 {
		t.Errorf("Operation = %+v %+v", op, op.State)
	}
}

func TestMalformedOperation(t *testing.T) {
	for _, tt := range []struct{ body, reason string }{
		{``, "the body is empty"},
		{`{}`, "it has no status"},
		{`{"operationId":"1"}`, "it has no status"},
		{`{"status":"assigning"}`, "it has no usable operationId"},
		{`{"status":"assigning","operationId":".."}`, "it has no usable operationId"},
		{`{"status":"assigning","operationId":"a\nb"}`, "it has no usable operationId"},
		{`{"status":"assigning","operationId":7}`, "operationId has a number where a string belongs"},
		{`{"operationId":"1","status":"assi`, "its JSON is damaged or cut short"},
		{`["assigned"]`, "it is a list, not an object"},
		{`"assigned"`, "it is a string, not an object"},
		{`assigned`, "it is not JSON"},
		{`<html><body>Sign in to the guest network</body></html>`, "it is HTML"},
		{`{"operationId":"1","status":"assigned","registrationState":{"tpm":{"authenticationKey":"!"}}}`, "tpm.authenticationKey is not base64"},
		{`{"operationId":"1","status":"assigned","registrationState":{"tpm":{"authenticationKey":"` + strings.Repeat("AAAA", 5000) + `"}}}`, "tpm.authenticationKey is too long"},
		{`{"operationId":"1","status":"assigned","registrationState":{"tpm":7}}`, "registrationState.tpm has a number where an object belongs"},
		{`{"operationId":"1","status":"assigned","registrationState":{"assignedHub":{}}}`, "registrationState.assignedHub has an object where a string belongs"},
		{strings.Repeat(`{"a":`, 20000), "nested too deep"},
		{strings.Repeat(`{"a":`, 20), "cut short"},
	} {
		a, _, err := register(t, reply{status: 200, body: tt.body})
		var answer *AnswerError
		if !errors.As(err, &answer) || !strings.Contains(answer.reason, tt.reason) {
			t.Errorf("%.70s: Register() = %+v, %v, want %q", tt.body, a, err, tt.reason)
		}
	}
}

func TestOperationIDFromAFile(t *testing.T) {
	s := serve(t, reply{status: 200})
	for _, id := range []string{"", ".", "..", "a b", "a\x00", strings.Repeat("a", 300)} {
		if _, err := s.device(t).Operation(context.Background(), "machine-1", id, ""); err == nil {
			t.Errorf("Operation(%q) succeeded", id)
		}
	}
	if n := len(s.seen()); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
}

func TestNewDeviceClient(t *testing.T) {
	if _, err := NewDeviceClient("http://x.example", testScope, ClientOptions{}); !errors.Is(err, ErrEndpoint) {
		t.Errorf("http endpoint: %v, want ErrEndpoint", err)
	}
	if _, err := NewDeviceClient("", "", ClientOptions{}); err == nil {
		t.Error("an empty ID scope was accepted")
	}
	c, err := NewDeviceClient("", testScope, ClientOptions{})
	if err != nil || c.endpoint != DefaultDeviceEndpoint {
		t.Errorf("NewDeviceClient() = %v, %v", c, err)
	}
}
