package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf16"
)

// wrongAnswer is an answer that no step may take for a success.
type wrongAnswer struct {
	name   string
	steps  []string // where it is given; nil: everywhere
	status int      // 0: that of the right answer
	header map[string]string
	body   func(right []byte) []byte // of the right answer; nil: as it is
	raw    string                    // all of it, where the framing is what is wrong; {body} is the right one
}

// The steps at which an answer is replaced.
const (
	atChallenge = "dps.challenge"
	atRegister  = "dps.register"
	atAssigned  = "dps.assigned"
	atLook      = "enroll: GET"
	atDryRun    = "enroll --dry-run: GET"
	atWrite     = "enroll: PUT"
)

var (
	answerSteps = []string{atChallenge, atRegister, atAssigned, atLook, atDryRun, atWrite}
	atVerify    = answerSteps[:3]
	atEnroll    = answerSteps[3:]
	atReading   = []string{atLook, atDryRun}
)

const (
	jsonType   = "application/json; charset=utf-8"
	tracking   = `"trackingId":"5a3b1c2d-0000-4000-8000-000000000001","timestampUtc":"2026-01-02T03:04:05.1234567Z"`
	loginPage  = "<!DOCTYPE html><html><title>Log in</title></html>"
	dayLong    = "86400"
	otherPlace = "https://elsewhere.example/login"
)

// literal is a body that has nothing to do with the right one.
func literal(body string) func([]byte) []byte { return func([]byte) []byte { return []byte(body) } }

// refuses is a body in the form of a DPS.
func refuses(code int, message string) func([]byte) []byte {
	return literal(fmt.Sprintf(`{"errorCode":%d,"message":%q,%s}`, code, message, tracking))
}

// hubBody is one in the form of an IoT Hub.
var hubBody = literal(`{"Message":"ErrorCode:IotHubUnauthorizedAccess;Unauthorized","ExceptionMessage":"Tracking ID:fb98cf343f2a4021957955f06926ed1e-G:10-TimeStamp:01/02/2026 03:04:05"}`)

// member changes members of the right answer's JSON, found by their path; a nil
// value removes one.
func member(pairs ...any) func([]byte) []byte {
	return func(right []byte) []byte {
		var all map[string]any
		if json.Unmarshal(right, &all) != nil {
			all = map[string]any{}
		}
		for i := 0; i < len(pairs); i += 2 {
			path := strings.Split(pairs[i].(string), ".")
			at := all
			for _, name := range path[:len(path)-1] {
				below, ok := at[name].(map[string]any)
				if !ok {
					below = map[string]any{}
					at[name] = below
				}
				at = below
			}
			if pairs[i+1] == nil {
				delete(at, path[len(path)-1])
			} else {
				at[path[len(path)-1]] = pairs[i+1]
			}
		}
		out, _ := json.Marshal(all)
		return out
	}
}

// inFront puts text into the right answer's JSON, before its first member.
func inFront(members string) func([]byte) []byte {
	return func(right []byte) []byte {
		return append([]byte("{"+members+","), bytes.TrimPrefix(bytes.TrimSpace(right), []byte("{"))...)
	}
}

// around wraps the right answer.
func around(before, after string) func([]byte) []byte {
	return func(right []byte) []byte { return slices.Concat([]byte(before), right, []byte(after)) }
}

func inUTF16(right []byte) []byte {
	out := []byte{0xff, 0xfe}
	for _, unit := range utf16.Encode([]rune(string(right))) {
		out = append(out, byte(unit), byte(unit>>8))
	}
	return out
}

func half(right []byte) []byte { return right[:len(right)/2] }

// twice repeats a member that each right answer of a step has, with another value
// behind it.
func twice(spell func(string) string) func([]byte) []byte {
	return func(right []byte) []byte {
		var all map[string]json.RawMessage
		_ = json.Unmarshal(right, &all)
		for _, name := range []string{"authenticationKey", "operationId", "registrationId"} {
			if value, ok := all[name]; ok {
				return inFront(fmt.Sprintf("%q:%s", spell(name), bytes.Replace(value, []byte(`"`), []byte(`"AAAA`), 1)))(right)
			}
		}
		return right
	}
}

func same(name string) string { return name }

// nested is JSON that is deeper than anything honest.
func nested([]byte) []byte {
	return []byte(`{"a":` + strings.Repeat("[", 200_000) + strings.Repeat("]", 200_000) + `}`)
}

// http11 is an answer byte for byte.
func http11(status, header, body string) string {
	return "HTTP/1.1 " + status + "\r\n" + header + "Content-Type: " + jsonType + "\r\n\r\n" + body
}

// wrongAnswers are what a service, a proxy, a cache or a portal may answer. The
// first lists go to every step.
var wrongAnswers = slices.Concat(wrongBodies, wrongStatuses, wrongRefusals, wrongFraming, wrongChallenges, wrongOperations, wrongEnrollments)

var wrongBodies = []wrongAnswer{
	{name: "no body", status: 200, body: literal("")},
	{name: "blanks", status: 200, body: literal(" \r\n\t ")},
	{name: "HTML", status: 200, header: map[string]string{"Content-Type": "text/html"}, body: literal(loginPage)},
	{name: "HTML that says it is JSON", status: 200, body: literal(loginPage)},
	{name: "text", status: 200, header: map[string]string{"Content-Type": "text/plain"}, body: literal("OK")},
	{name: "XML", status: 200, header: map[string]string{"Content-Type": "application/xml"}, body: literal(`<?xml version="1.0"?><error/>`)},
	{name: "form data", status: 200, body: literal("status=assigned&assignedHub=hub.example")},
	{name: "an empty object", status: 200, body: literal("{}")},
	{name: "an array", status: 200, body: literal("[]")},
	{name: "the right one in an array", status: 200, body: around("[", "]")},
	{name: "the right one wrapped", status: 200, body: around(`{"value":`, "}")},
	{name: "the right one as a text", status: 200, body: func(right []byte) []byte { out, _ := json.Marshal(string(right)); return out }},
	{name: "JSONP", status: 200, body: around("callback(", ");")},
	{name: "null", status: 200, body: literal("null")},
	{name: "true", status: 200, body: literal("true")},
	{name: "a number", status: 200, body: literal("200")},
	{name: "a string", status: 200, body: literal(`"assigned"`)},
	{name: "NaN", status: 200, body: literal("NaN")},
	{name: "half of the right one", body: half},
	{name: "the right one without its last bracket", body: func(right []byte) []byte { return bytes.TrimSuffix(bytes.TrimSpace(right), []byte("}")) }},
	{name: "the right one twice", body: func(right []byte) []byte { return slices.Concat(right, right) }},
	{name: "the right one and more", body: around("", "\n<!-- proxy -->")},
	{name: "a comment in front", body: around("/* cached */", "")},
	{name: "single quotes", body: func(right []byte) []byte { return bytes.ReplaceAll(right, []byte(`"`), []byte("'")) }},
	{name: "UTF-16", body: inUTF16},
	{name: "NUL bytes", body: around("\x00\x00", "")},
	{name: "a key twice", body: twice(same)},
	{name: "a key twice, in another case", body: twice(strings.ToUpper)},
	{name: "nested 200,000 deep", status: 200, body: nested},
	{name: "two megabytes", status: 200, body: func(right []byte) []byte { return slices.Concat(right, bytes.Repeat([]byte(" "), 2<<20)) }},
	{name: "200 with a refusal of DPS", status: 200, body: refuses(404201, "Enrollment not found.")},
	{name: "200 with a refusal of a hub", status: 200, body: hubBody},
}

var wrongStatuses = []wrongAnswer{
	{name: "201 with the right body", status: 201},
	{name: "203 with the right body", status: 203},
	{name: "204", status: 204, body: literal("")},
	{name: "205", status: 205, body: literal("")},
	{name: "206 with the right body", status: 206},
	{name: "226 with the right body", status: 226},
	{name: "300", status: 300, body: literal("")},
	{name: "301", status: 301, header: map[string]string{"Location": otherPlace}, body: literal("")},
	{name: "302 without Location", status: 302, body: literal("")},
	{name: "303", status: 303, header: map[string]string{"Location": otherPlace}, body: literal("")},
	{name: "304", status: 304, body: literal("")},
	{name: "307", status: 307, header: map[string]string{"Location": otherPlace}},
	{name: "308", status: 308, header: map[string]string{"Location": "/"}},
	{name: "402", status: 402, body: literal("")},
	{name: "405", status: 405, body: refuses(405000, "Method Not Allowed")},
	{name: "407", status: 407, header: map[string]string{"Proxy-Authenticate": "Basic"}, body: literal("")},
	{name: "410", status: 410, body: literal("")},
	{name: "413", status: 413, body: refuses(413001, "Request entity too large.")},
	{name: "415", status: 415, body: refuses(415000, "Unsupported Media Type")},
	{name: "416", status: 416, body: literal("")},
	{name: "418", status: 418, body: literal("I'm a teapot")},
	{name: "418 in the form of DPS", status: 418, body: refuses(418000, "no")},
	{name: "421", status: 421, body: literal("")},
	{name: "429, wait a day", status: 429, header: map[string]string{"Retry-After": dayLong}, body: refuses(429001, "Too many requests")},
	{name: "429 without Retry-After", status: 429, body: refuses(429001, "Too many requests")},
	{name: "408", status: 408, body: literal("")},
	{name: "431", status: 431, body: literal("")},
	{name: "451", status: 451, header: map[string]string{"Content-Type": "text/html"}, body: literal(loginPage)},
	{name: "500 with HTML", status: 500, header: map[string]string{"Content-Type": "text/html"}, body: literal(loginPage)},
	{name: "500", status: 500, body: refuses(500000, "Internal server error")},
	{name: "501", status: 501, body: literal("")},
	{name: "502", status: 502, body: literal("bad gateway")},
	{name: "503, wait a day", status: 503, header: map[string]string{"Retry-After": dayLong}, body: literal("")},
	{name: "504", status: 504, body: literal("")},
	{name: "511", status: 511, body: literal(loginPage)},
	{name: "599", status: 599, body: literal("")},
	{name: "999", status: 999, body: literal("")},
}

var wrongRefusals = []wrongAnswer{
	{name: "400 without a body", status: 400, body: literal("")},
	{name: "400 with HTML", status: 400, header: map[string]string{"Content-Type": "text/html"}, body: literal(loginPage)},
	{name: "400 of a hub", status: 400, body: hubBody},
	{name: "400 of the endorsement key", status: 400, body: refuses(400004, "Endorsement key is invalid, or does not match the Enrollment.")},
	{name: "400 of the registration ID", status: 400, body: refuses(400004, "Invalid RegistrationId")},
	{name: "400 of a twin's property", status: 400, body: refuses(400004, "Invalid property name in initialTwin: a.b")},
	{name: "400 with a code of 404", status: 400, body: refuses(404201, "Enrollment not found.")},
	{name: "400 with two codes", status: 400, header: map[string]string{"x-ms-error-code": "404201"}, body: refuses(400004, "Endorsement key is invalid")},
	{name: "400 with an unknown code", status: 400, body: refuses(400999, "something new")},
	{name: "400 cut short", status: 400, body: literal(`{"errorCode":4000`)},
	{name: "400 in a relay's message", status: 400, body: literal(`{"message":"BadRequest:{\r\n  \"errorCode\": 400004,\r\n  \"message\": \"Endorsement key is invalid\"\r\n}"}`)},
	{name: "401 without a body", status: 401, body: literal("")},
	{name: "401 with HTML", status: 401, header: map[string]string{"Content-Type": "text/html"}, body: literal(loginPage)},
	{name: "401 of a hub", status: 401, body: hubBody},
	{name: "401 of another service", status: 401, body: literal(`{"error":{"code":"InvalidAuthenticationToken","message":"no"}}`)},
	{name: "401 of DPS", status: 401, body: refuses(401002, "Unauthorized")},
	{name: "401 with a code of 404", status: 401, body: refuses(404201, "Enrollment not found.")},
	{name: "403 of DPS", status: 403, body: refuses(403000, "Forbidden")},
	{name: "403 of another service", status: 403, body: literal(`{"error":{"code":"AuthorizationFailed"}}`)},
	{name: "403 with text", status: 403, header: map[string]string{"Content-Type": "text/plain"}, body: literal("blocked by policy")},
	{name: "404 without a body", status: 404, body: literal("")},
	{name: "404 with HTML", status: 404, header: map[string]string{"Content-Type": "text/html"}, body: literal(loginPage)},
	{name: "404 of a hub", status: 404, body: hubBody},
	{name: "404 of another service", status: 404, body: literal(`{"message":"no Route matched with those values"}`)},
	{name: "404 of the ID scope", status: 404, body: refuses(404000, "Provisioning service not found.")},
	{name: "404 with a code of 400", status: 404, body: refuses(400004, "Endorsement key is invalid")},
	{name: "404 with an error code in the header alone, of 409", status: 404, header: map[string]string{"x-ms-error-code": "409201"}, body: literal("")},
	{name: "409", status: 409, body: refuses(409201, "Enrollment already exists.")},
	{name: "409 of another service", status: 409, body: literal(`{"error":"conflict"}`)},
	{name: "412", status: 412, body: refuses(412001, "Precondition failed.")},
	{name: "412 of a hub", status: 412, body: hubBody},
}

var wrongFraming = []wrongAnswer{
	{name: "the connection is closed", raw: "-"},
	{name: "no HTTP", raw: "SSH-2.0-OpenSSH_9.6\r\n"},
	{name: "a preface of HTTP/2", raw: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"},
	{name: "no status", raw: "HTTP/1.1\r\n\r\n"},
	{name: "a status that is not a number", raw: http11("ok", "", "{body}")},
	{name: "a body longer than announced", raw: http11("200 OK", "Content-Length: 4\r\n", "{body}")},
	{name: "a body shorter than announced", raw: http11("200 OK", "Content-Length: 99999\r\n", "{body}")},
	{name: "a negative length", raw: http11("200 OK", "Content-Length: -1\r\n", "{body}")},
	{name: "two lengths", raw: http11("200 OK", "Content-Length: 2\r\nContent-Length: 40\r\n", "{body}")},
	{name: "a length that is not a number", raw: http11("200 OK", "Content-Length: many\r\n", "{body}")},
	{name: "a chunk without a size", raw: http11("200 OK", "Transfer-Encoding: chunked\r\n", "zz\r\n{body}\r\n0\r\n\r\n")},
	{name: "chunks without an end", raw: http11("200 OK", "Transfer-Encoding: chunked\r\n", "10\r\n{body}")},
	{name: "a control character in a header", raw: http11("200 OK", "x-ms-request-id: a\x01b\r\nContent-Length: 2\r\n", "{}")},
	{name: "a header without a colon", raw: http11("200 OK", "nothing\r\nContent-Length: 2\r\n", "{}")},
	{name: "a flood of headers", raw: http11("200 OK", strings.Repeat("x-flood: "+strings.Repeat("y", 1000)+"\r\n", 100), "{}")},
	{name: "a flood of 100", raw: strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 200)},
	{name: "gzip that is not gzip", header: map[string]string{"Content-Encoding": "gzip"}},
}
