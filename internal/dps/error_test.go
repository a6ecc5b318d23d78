package dps

import (
	"errors"
	"strings"
	"testing"
	"unicode"
)

func TestErrorBodies(t *testing.T) {
	const tracking = "b6d8aba3-6a77-4ebb-942a-09289313fce5"
	for name, tt := range map[string]struct {
		body string
		want Error
	}{
		"plain": {
			`{"errorCode":400004,"trackingId":"` + tracking + `","message":"Endorsement key is invalid, or does not match the Enrollment.","timestampUtc":"2021-05-11T08:39:10.0276039Z","info":{"a":1}}`,
			Error{Code: 400004, TrackingID: tracking, Message: "Endorsement key is invalid, or does not match the Enrollment.", Time: "2021-05-11T08:39:10.0276039Z"},
		},
		"wrapped": {
			`{"message":"BadRequest:{\r\n \"errorCode\": 400004,\r\n \"trackingId\": \"` + tracking + `\",\r\n \"message\": \"Endorsement key is invalid\",\r\n \"timestampUtc\": \"2019-01-02T03:04:05Z\"\r\n}"}`,
			Error{Code: 400004, TrackingID: tracking, Message: "Endorsement key is invalid", Time: "2019-01-02T03:04:05Z"},
		},
		"wrapped with words after it": {
			`{"message":"BadRequest:{\"errorCode\":400004,\"message\":\"no\"} (relayed)","trackingId":"` + tracking + `"}`,
			Error{Code: 400004, TrackingID: tracking, Message: "no"},
		},
		"wrapped twice": {
			`{"message":"a:{\"message\":\"b:{\\\"errorCode\\\":404201,\\\"message\\\":\\\"inner\\\"}\"}"}`,
			Error{Code: 404201, Message: "inner"},
		},
		"wrapping that is none": {
			`{"errorCode":400000,"message":"unexpected { in the query"}`,
			Error{Code: 400000, Message: "unexpected { in the query"},
		},
		"of a hub": {
			`{"Message":"ErrorCode:IotHubUnauthorizedAccess;Unauthorized","ExceptionMessage":"Tracking ID:fb98cf343f2a4021957955f06926ed1e-G:10-TimeStamp:12/10/2020 06:42:31"}`,
			Error{Message: "ErrorCode:IotHubUnauthorizedAccess;Unauthorized", TrackingID: "fb98cf343f2a4021957955f06926ed1e-G"},
		},
		"code as a string":      {`{"errorCode":"409000","message":"conflict"}`, Error{Code: 409000, Message: "conflict"}},
		"members of wrong kind": {`{"errorCode":{},"message":"still said","trackingId":7}`, Error{Message: "still said"}},
		"control characters":    {`{"message":"a\u001b[31mb\r\nc\u202ed"}`, Error{Message: "a?[31mb??c?d"}},
		"another shape":         {`{"error":"nope"}`, Error{Body: `{"error":"nope"}`}},
		"plain text":            {"Forbidden\x1b[2J\n\n by policy", Error{Body: "Forbidden?[2J by policy"}},
		"empty":                 {"", Error{}},
		"a key":                 {`{"error":"x","unencryptedAuthenticationKey":"AAEC"}`, Error{}},
		"an echo of the request": {
			"you sent Authorization: SharedAccessSignature sr=h&sig=abc%3D&se=1&skn=p to us",
			Error{Body: "you sent Authorization: SharedAccessSignature sr=h&sig=[redacted]&se=1&skn=p to us"},
		},
		"an echoed bearer": {`{"message":"bad header 'Bearer eyJ0.eyJ1.sig'"}`, Error{Message: "bad header '[redacted]'"}},
	} {
		_, _, err := register(t, reply{status: 403, body: tt.body, header: map[string]string{"x-ms-request-id": "r-1"}})
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%s: %v, want an *Error", name, err)
			continue
		}
		got := Error{Code: e.Code, Message: e.Message, TrackingID: e.TrackingID, Time: e.Time, Body: e.Body}
		if got != tt.want {
			t.Errorf("%s: Error = %+v, want %+v", name, got, tt.want)
		}
		if e.Status != 403 || e.RequestID != "r-1" || e.Method != "PUT" || e.Path != "/0ne00000A01/registrations/machine-1/register" {
			t.Errorf("%s: Error = %+v", name, e)
		}
	}
}

func TestErrorCodeFromTheHeader(t *testing.T) {
	_, _, err := register(t, reply{status: 404, header: map[string]string{"x-ms-error-code": "404201"}})
	var e *Error
	if !errors.As(err, &e) || e.Code != 404201 {
		t.Errorf("Register() = %v, want error 404201", err)
	}
}

func TestErrorText(t *testing.T) {
	for _, tt := range []struct {
		err  Error
		want string
	}{
		{Error{Method: "PUT", Path: "/p", Status: 400, Code: 400004, Message: "bad EK", TrackingID: "t-1", RequestID: "r-1"},
			"PUT /p: 400 Bad Request, error 400004: bad EK (tracking id t-1)"},
		{Error{Method: "GET", Path: "/p", Status: 404, RequestID: "r-1"}, "GET /p: 404 Not Found (request id r-1)"},
		{Error{Method: "GET", Path: "/p", Status: 599, Body: `say "no"`}, `GET /p: 599: "say \"no\""`},
	} {
		if got := tt.err.Error(); got != tt.want {
			t.Errorf("Error() = %s, want %s", got, tt.want)
		}
	}
}

const portal = "<!DOCTYPE html>\n<html><head><title>Guest\x00 network</title></head><body>Please   sign in</body></html>"

func TestHTML(t *testing.T) {
	html := map[string]string{"Content-Type": "text/html; charset=utf-8"}
	for _, status := range []int{200, 202, 401, 403, 404, 407, 511} {
		_, _, err := register(t, reply{status: status, header: html, body: portal})
		var answer *AnswerError
		if status == 511 { // a gateway's own refusal says so by its status
			var e *Error
			if !errors.As(err, &e) || e.Status != status || !strings.Contains(e.Body, "Please sign in") {
				t.Errorf("status %d: %v, want an *Error", status, err)
			}
			continue
		}
		if !errors.As(err, &answer) || !errors.Is(err, ErrMalformed) {
			t.Errorf("status %d: %v, want an *AnswerError", status, err)
			continue
		}
		if answer.Status != status || answer.contentType != "text/html; charset=utf-8" || answer.reason != "it is HTML" ||
			!strings.HasPrefix(answer.excerpt, "<!DOCTYPE html> <html><head><title>Guest? network</title>") {
			t.Errorf("status %d: %+v", status, answer)
		}
		if !strings.Contains(err.Error(), "not an answer of a DPS: it is HTML (status") {
			t.Errorf("status %d: %v", status, err)
		}
	}
}

func TestGatewayPageIsTheServiceUnavailable(t *testing.T) {
	_, s, err := register(t, reply{status: 502, header: map[string]string{"Content-Type": "text/html"}, body: portal})
	var e *Error
	if !errors.As(err, &e) || e.Status != 502 || e.Body == "" || len(s.seen()) != 4 {
		t.Errorf("Register() = %v after %d requests, want an *Error after 4", err, len(s.seen()))
	}
}

func TestExcerptIsBounded(t *testing.T) {
	for _, body := range []string{strings.Repeat("<é>", 5000), strings.Repeat("\x1b", 5000), strings.Repeat("<\u202e", 5000), strings.Repeat("\xff", 900)} {
		for _, status := range []int{200, 501} {
			_, _, err := register(t, reply{status: status, body: body})
			var answer *AnswerError
			var e *Error
			text := ""
			switch {
			case errors.As(err, &answer):
				text = answer.excerpt
			case errors.As(err, &e):
				text = e.Body
			}
			if text == "" || len(text) > 512 || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Errorf("excerpt of %d bytes: %q", len(text), text)
			}
		}
	}
}

// FuzzAnswers feeds any status and body to every reader of answers: none may
// panic, succeed with a text that is not printable, or show one in an error.
func FuzzAnswers(f *testing.F) {
	for _, name := range []string{"challenge.json", "assigned.json", "assigned_2017.json", "failed.json", "enrollment.json"} {
		f.Add(uint16(200), fixture(f, name))
		f.Add(uint16(401), fixture(f, name))
	}
	f.Add(uint16(404), `{"message":"BadRequest:{\"errorCode\":404201}"}`)
	f.Add(uint16(302), "")
	f.Fuzz(func(t *testing.T, status uint16, body string) {
		a := answer{request: request{method: "PUT", path: "/p"}, status: int(status), body: []byte(body)}
		if c, err := readChallenge(a); err == nil && (len(c.AuthenticationKey) == 0 || len(c.AuthenticationKey) > maxAuthenticationKey || c.KeyName == "") {
			t.Errorf("readChallenge() = %+v", c)
		}
		op, err := readOperation(a, "")
		if err == nil && (op.Status == "" || !pathSafe(op.ID) || strings.ContainsFunc(op.Status, unicode.IsControl)) {
			t.Errorf("readOperation() = %+v", op)
		}
		if err != nil && strings.ContainsFunc(err.Error(), unicode.IsControl) {
			t.Errorf("readOperation() = %q", err)
		}
		if text := refusal(a).Error(); strings.ContainsFunc(text, unicode.IsControl) {
			t.Errorf("refusal() = %q", text)
		}
		if e, err := readEnrollment(a); err == nil {
			if _, err := e.writable().MarshalJSON(); err != nil {
				t.Errorf("an enrollment that was read cannot be written: %v", err)
			}
		}
	})
}
