package dps

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// operationLies are answers of every operation that are about somebody else, or
// that say two things, each with a word of the reason.
var operationLies = []struct {
	operation, body, reason string
}{
	{"get enrollment", `{"registrationId":"victim-9"}`, `registrationId is "victim-9", the request was for "machine-1"`},
	{"get enrollment", `{"registrationId":"machine-1\u0000"}`, `registrationId is "machine-1?"`},
	{"get enrollment", `{"registrationId":"mac\u212aine-1"}`, "registrationId is"},
	{"get enrollment", `{"registrationId":""}`, "it has no registrationId"},
	{"get enrollment", `{"deviceId":"machine-1"}`, "it has no registrationId"},
	{"get enrollment", `{"registrationId":"machine-1","registrationState":{"registrationId":"victim-9"}}`, "registrationState.registrationId is"},
	{"get enrollment", `{"registrationId":"machine-1","etag":"a\u0000"}`, "etag is not the ETag of one version"},
	{"put enrollment", `{"registrationId":"victim-9"}`, "registrationId is"},
	{"put enrollment", `{"registrationId":"machine-1","registrationState":{"registrationId":"victim-9"}}`, "registrationState.registrationId is"},
	{"put enrollment", `{"registrationId":"machine-1","etag":"*"}`, "etag is not the ETag of one version"},
	{"registration state", `{"registrationId":"victim-9","status":"assigned"}`, "registrationId is"},
	{"registration state", `{"status":"assigned"}`, "it has no registrationId"},
	{"registration state", `{"registrationId":null,"status":"assigned"}`, "it has no registrationId"},
	{"registration state", `{"registrationId":"machine-1","registrationId":"machine-1","status":"assigned"}`, "appears twice"},
	{"registration state", `{"registrationId":"machine-1","status":"assigned","Status":"failed"}`, "Status appears twice, once as status"},
	{"registration state", `{"registrationId":"machine-1","status":"assigned","errorCode":"400207"}`, "errorCode has a string where a whole number belongs"},
	{"registration state", `{"registrationId":"machine-1","status":"assigned","assignedHub":["a","b"]}`, "assignedHub has a list where a string belongs"},
	{"register", `{"operationId":"1","status":"assigning","registrationState":{"registrationId":"victim-9"}}`, "registrationState.registrationId is"},
	{"register", `{"operationId":"1","status":"assigning","registrationStatus":{"registrationId":"victim-9"}}`, "registrationStatus.registrationId is"},
	{"register", `{"operationId":"1","status":"assigned","registrationState":{"registrationId":"machine-1"},"registrationStatus":{"registrationId":"machine-1","deviceId":"d"}}`, "its registrationState and its registrationStatus"},
	{"register", `{"operationId":"1","operationId":"2","status":"assigning"}`, "operationId appears twice"},
	{"register", `{"operationId":"1","OperationId":"2","status":"assigning"}`, "appears twice, once as"},
	{"register", `{"operationId":"1","status":null}`, "status has null where a string belongs"},
	{"challenge", `{"operationId":"1","status":"assigned","registrationState":{"registrationId":"victim-9"}}`, "registrationState.registrationId is"},
	{"poll", `{"operationId":"5.other","status":"assigning"}`, `operationId is "5.other", the request was for "4.a.b"`},
	{"poll", `{"operationId":"4.a.b","status":"assigned","registrationState":{"registrationId":"victim-9"}}`, "registrationState.registrationId is"},
	{"poll", `{"operationId":"4.a.b","status":"assigned","registrationState":{"deviceId":"a","deviceId":"b"}}`, "registrationState.deviceId appears twice"},
	{"poll", `{"operationId":"4.a.b","status":"assigned","status":"failed"}`, "status appears twice"},
	{"poll", `{"operationId":"4.a.b","status":"assigned"}{"status":"failed"}`, "damaged"},
	{"query", `[{"registrationId":"a"},{"registrationId":"a"}]`, `[1].registrationId is "a", which is listed twice`},
	{"query", `[{"registrationId":"a"},{"registrationId":"A"}]`, "[1].registrationId"},
	{"query", `[{"registrationId":"a"},{"registrationId":""}]`, "it has no [1].registrationId"},
	{"query", `[{"registrationId":"a"},{}]`, "it has no [1].registrationId"},
	{"query", `[{"registrationId":"a"},null]`, "[1] has null where an object belongs"},
	{"query", `[{"registrationId":"a","registrationState":{"registrationId":"b"}}]`, "[0].registrationState.registrationId is"},
	{"query", `[{"registrationId":"a","registrationId":"b"}]`, "[0].registrationId appears twice"},
	{"query", `[{"registrationID":"a"}]`, "[0].registrationID must be spelled registrationId"},
	{"bulk", `{"isSuccessful":false,"errors":[{"registrationId":"victim-9","errorCode":1,"errorStatus":"x"}]}`, "errors[0].registrationId is"},
	{"bulk", `{"isSuccessful":false,"errors":[{"registrationId":"machine-1","errorCode":1,"errorStatus":"x"},{"registrationId":"Machine-1","errorCode":1,"errorStatus":"x"}]}`, "which is listed twice"},
	{"bulk", `{"isSuccessful":false,"errors":[{"registrationId":"","errorCode":1,"errorStatus":"x"}]}`, "it has no errors[0].registrationId"},
	{"bulk", `{"isSuccessful":false,"errors":[{"errorCode":1,"errorStatus":"x"}]}`, "it has no errors[0].registrationId"},
	{"bulk", `{"isSuccessful":true,"errors":[{"registrationId":"machine-1","errorCode":1,"errorStatus":"x"}]}`, "isSuccessful is true, and errors follow"},
	{"bulk", `{"isSuccessful":false,"errors":[]}`, "isSuccessful is not true, and no errors follow"},
	{"bulk", `{"isSuccessful":false,"errors":null}`, "isSuccessful is not true, and no errors follow"},
	{"bulk", `{"isSuccessful":null,"errors":[]}`, "isSuccessful has null where true or false belongs"},
	{"bulk", `{"isSuccessful":"true","errors":[]}`, "isSuccessful has a string where true or false belongs"},
	{"bulk", `{"isSuccessful":true,"errors":[],"isSuccessful":false}`, "isSuccessful appears twice"},
	{"bulk", `{"IsSuccessful":true,"errors":[]}`, "IsSuccessful must be spelled isSuccessful"},
	{"bulk", `{}`, "isSuccessful is not true"},
	{"bulk", `null`, "it is null, not an object"},
}

func TestAnswersAboutOthers(t *testing.T) {
	for _, lie := range operationLies {
		s := serve(t, reply{status: 200, body: lie.body})
		err := everyOperation(t, s.URL, s.Client())[lie.operation]()
		var answer *AnswerError
		if !errors.As(err, &answer) || !strings.Contains(answer.reason, lie.reason) {
			t.Errorf("%s, %s: %v, want %q", lie.operation, lie.body, err, lie.reason)
		}
		if n := len(s.seen()); n != 1 {
			t.Errorf("%s, %s: %d requests, want 1", lie.operation, lie.body, n)
		}
	}
	t.Logf("%d answers", len(operationLies))
}

// The spelling that a service keeps is not another identity.
func TestAnswersInAnotherCase(t *testing.T) {
	for operation, body := range map[string]string{
		"get enrollment":     `{"registrationId":"MACHINE-1","registrationState":{"registrationId":"machine-1","status":"unassigned"}}`,
		"put enrollment":     `{"registrationId":"Machine-1"}`,
		"registration state": `{"registrationId":"Machine-1","status":"unassigned"}`,
		"register":           `{"operationId":"any","status":"assigning","registrationState":{"registrationId":"Machine-1"}}`,
		"poll":               `{"operationId":"4.A.B","status":"assigning","registrationState":{"status":"assigning"}}`,
		"query":              `[{"registrationId":"a"},{"registrationId":"b","provisioningStatus":null}]`,
		"bulk":               `{"errors":[],"isSuccessful":true}`,
	} {
		s := serve(t, reply{status: 200, body: body})
		if err := everyOperation(t, s.URL, s.Client())[operation](); err != nil {
			t.Errorf("%s, %s: %v", operation, body, err)
		}
	}
}

// A registration ID comes once in all pages of a query.
func TestQueryRepeatsAnEnrollment(t *testing.T) {
	s := serve(t, reply{status: 200, body: `[{"registrationId":"a"}]`, header: map[string]string{"x-ms-continuation": "2"}},
		reply{status: 200, body: `[{"registrationId":"b"}]`, header: map[string]string{"x-ms-continuation": "3"}},
		reply{status: 200, body: `[{"registrationId":"A"}]`})
	var last error
	for _, err := range s.client(t).Enrollments(ctx, AllEnrollments, 1) {
		last = err
	}
	if !errors.Is(last, ErrMalformed) || !strings.Contains(last.Error(), "which is listed twice") {
		t.Errorf("Enrollments() ended with %v, want ErrMalformed", last)
	}
}

// Body and header are two statements about one version.
func TestETagsAgree(t *testing.T) {
	for _, tt := range []struct {
		body, header, want string
		refused            bool
	}{
		{"", "", "", false}, {"e", "", "e", false}, {"", `"e"`, `"e"`, false}, {"e", `"e"`, "e", false}, {"e", `W/"e"`, "e", false},
		{"Imci", `"g"`, "Imci", false}, {"Imci", `"Imci"`, "Imci", false},
		{"e", `"f"`, "", true}, {"e", "*", "", true}, {"e", `"e", "f"`, "", true}, {"*", "", "", true}, {"", "*", "", true}, {"", `""`, "", true},
		{"Imci", `"h"`, "", true}, {"e", `"E"`, "", true}, {"e f", "", "", true}, {"", `"e" "f"`, "", true}, {strings.Repeat("e", 300), "", "", true},
	} {
		r := reply{status: 200, body: fmt.Sprintf(`{"registrationId":"machine-1","etag":%q}`, tt.body)}
		if tt.header != "" {
			r.header = map[string]string{"ETag": tt.header}
		}
		got, err := serve(t, r).client(t).Enrollment(ctx, "machine-1")
		if (err != nil) != tt.refused || got.ETag != tt.want || err != nil && !errors.Is(err, ErrMalformed) {
			t.Errorf("body %q, header %q: %q, %v, want %q", tt.body, tt.header, got.ETag, err, tt.want)
		}
	}
}

// A success does not refuse as well, in header or body.
func TestSuccessesThatRefuse(t *testing.T) {
	right := map[string]string{
		"get enrollment":     `{"registrationId":"machine-1"%s}`,
		"put enrollment":     `{"registrationId":"machine-1"%s}`,
		"registration state": `{"registrationId":"machine-1","status":"assigned"%s}`,
		"register":           `{"operationId":"any","status":"assigning"%s}`,
		"poll":               `{"operationId":"4.a.b","status":"assigning"%s}`,
		"query":              `[{"registrationId":"a"%s}]`,
		"bulk":               `{"errors":[],"isSuccessful":true%s}`,
	}
	for operation, body := range right {
		replies := []reply{{status: 200, body: fmt.Sprintf(body, ""), header: map[string]string{"x-ms-error-code": "400207"}}}
		if operation != "registration state" && operation != "query" { // they have states, with codes of their own
			replies = append(replies, reply{status: 200, body: fmt.Sprintf(body, `,"errorCode":404201,"message":"Enrollment not found."`)},
				reply{status: 200, body: fmt.Sprintf(body, `,"ERRORCODE":"404201"`)})
		}
		for _, r := range replies {
			s := serve(t, r)
			if err := everyOperation(t, s.URL, s.Client())[operation](); !errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), "of a refusal") {
				t.Errorf("%s, %s %v: %v, want ErrMalformed", operation, r.body, r.header, err)
			}
		}
	}
	s := serve(t, reply{status: 401, body: `{"authenticationKey":"AAEC"}`, header: map[string]string{"x-ms-error-code": "401002"}})
	if err := everyOperation(t, s.URL, s.Client())["challenge"](); !errors.Is(err, ErrMalformed) {
		t.Errorf("challenge and refusal: %v, want ErrMalformed", err)
	}
	failed := serve(t, reply{status: 200, body: `{"registrationId":"machine-1","status":"failed","errorCode":400207}`})
	if err := everyOperation(t, failed.URL, failed.Client())["registration state"](); err != nil {
		t.Errorf("the state of a failed registration: %v", err)
	}
}

// The ETag of a registration stands in two places, too.
func TestETagsOfRegistrationsAgree(t *testing.T) {
	for operation, body := range map[string]string{
		"registration state": `{"registrationId":"machine-1","status":"assigned","etag":"e"}`,
		"poll":               `{"operationId":"4.a.b","status":"assigned","registrationState":{"etag":"e"}}`,
		"register":           `{"operationId":"4.a.b","status":"assigned","registrationState":{"etag":"e"}}`,
	} {
		for header, refused := range map[string]bool{"": false, `"e"`: false, `"f"`: true, "*": true} {
			r := reply{status: 200, body: body, header: map[string]string{}}
			if header != "" {
				r.header["ETag"] = header
			}
			s := serve(t, r)
			if err := everyOperation(t, s.URL, s.Client())[operation](); errors.Is(err, ErrMalformed) != refused || !refused && err != nil {
				t.Errorf("%s, header %q: %v, want refused %t", operation, header, err, refused)
			}
		}
	}
}

// Nothing is written over every version, or over one of several.
func TestPutNeedsOneVersion(t *testing.T) {
	s := serve(t, reply{status: 200, body: `{"registrationId":"machine-1"}`})
	for _, etag := range []string{"*", `"*"`, `W/"*"`, `"a", "b"`, "a b", "a\r\nX: y", `"`, `""`} {
		if _, err := s.client(t).PutEnrollment(ctx, Enrollment{RegistrationID: "machine-1"}, etag); err == nil {
			t.Errorf("PutEnrollment with If-Match %q succeeded", etag)
		}
	}
	if n := len(s.seen()); n != 0 {
		t.Errorf("%d requests, want none", n)
	}
}

// A refusal that says two things is none; nor is a challenge.
func TestRefusalsWithTwoMeanings(t *testing.T) {
	for _, tt := range []struct {
		status int
		body   string
	}{
		{400, `{"errorCode":400004,"errorCode":400001,"message":"x"}`}, {400, `{"errorCode":400004,"ErrorCode":400001,"message":"x"}`},
		{404, `{"errorCode":404201,"message":"not found","Message":"found"}`}, {409, `{"message":"a","message":"a"}`},
		{401, `{"authenticationKey":"AAEC","authenticationKey":"AAED"}`}, {401, `{"authenticationKey":"AAEC","AuthenticationKey":"AAED"}`},
		{401, `{"authenticationKey":"AAEC","keyName":"a","KeyName":"b"}`}, {401, `{"authenticationKey":"AAEC"} {}`},
		{600, `{"errorCode":600000,"message":"x"}`}, {999, `{"message":"blocked"}`},
	} {
		s := serve(t, reply{status: tt.status, body: tt.body})
		if err := everyOperation(t, s.URL, s.Client())["challenge"](); !errors.Is(err, ErrMalformed) || len(s.seen()) != 1 {
			t.Errorf("%d %s: %v after %d requests, want ErrMalformed after 1", tt.status, tt.body, err, len(s.seen()))
		}
	}
}
