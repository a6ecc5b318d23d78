package rest

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// Times have the ticks of the service, and no zeros at their end.
func TestTimestamp(t *testing.T) {
	base := time.Date(2023, 5, 19, 23, 10, 53, 0, time.UTC)
	for ns, want := range map[int]string{
		0: "2023-05-19T23:10:53Z", 477793000: "2023-05-19T23:10:53.477793Z", 391551300: "2023-05-19T23:10:53.3915513Z", 500000000: "2023-05-19T23:10:53.5Z",
		100: "2023-05-19T23:10:53.0000001Z", 99: "2023-05-19T23:10:53Z", 808110000: "2023-05-19T23:10:53.80811Z", 999999999: "2023-05-19T23:10:53.9999999Z",
	} {
		if got := Timestamp(base.Add(time.Duration(ns))); got != want {
			t.Errorf("Timestamp(%d ns) = %s, want %s", ns, got, want)
		}
	}
}

func TestIfMatchForms(t *testing.T) {
	etag := NewETag()
	decoded, _ := base64.StdEncoding.DecodeString(etag)
	for _, header := range []string{"", "*", etag, `"` + etag + `"`, `W/"` + etag + `"`, string(decoded), `"x", "` + etag + `"`} {
		if err := CheckMatch(header, etag); err != nil {
			t.Errorf("CheckMatch(%s) = %v", header, err)
		}
	}
	for _, header := range []string{`""`, "x", etag[1:], NewETag(), `W/`} {
		if err := CheckMatch(header, etag); err == nil {
			t.Errorf("CheckMatch(%s) = nil, want a refusal", header)
		}
	}
}

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// received is a reply as a client gets it.
type received struct {
	*http.Response
	body []byte
}

// written sends a reply over a connection.
func written(t *testing.T, r Reply) received {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if err := r.Write(w, noon); err != nil {
			t.Error(err)
		}
	}))
	defer server.Close()
	resp, err := http.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return received{resp, body}
}

func TestWrite(t *testing.T) {
	for _, tt := range []struct {
		reply                    Reply
		body, contentType, bytes string
	}{
		{Reply{Status: 200, Body: map[string]int{"a": 1}}, `{"a":1}`, "application/json; charset=utf-8", "7"},
		{Reply{Status: 200, Body: []int{}}, `[]`, "application/json; charset=utf-8", "2"},
		{Reply{Status: 407, Body: Page("A title")},
			"<!DOCTYPE html>\n<html><head><title>A title</title></head><body><h1>A title</h1></body></html>\n", "text/html; charset=utf-8", "94"},
		{Reply{Status: 302}, "", "", "0"},
		{Reply{Status: 204}, "", "", ""},
	} {
		w := written(t, tt.reply.With("X-One", "1").With("X-Two", "2"))
		if w.StatusCode != tt.reply.Status || string(w.body) != tt.body {
			t.Errorf("%+v: %d %q, want %q", tt.reply, w.StatusCode, w.body, tt.body)
		}
		for name, want := range map[string]string{
			"Content-Type": tt.contentType, "Content-Length": tt.bytes, "X-One": "1", "X-Two": "2", "Date": "Sun, 01 Mar 2026 12:00:00 GMT",
		} {
			if got := w.Header.Get(name); got != want {
				t.Errorf("%+v: %s = %q, want %q", tt.reply, name, got, want)
			}
		}
		if w.Header.Get("x-ms-request-id") == "" {
			t.Errorf("%+v: no x-ms-request-id", tt.reply)
		}
	}
	w := httptest.NewRecorder()
	if err := (Reply{Status: 200, Body: func() {}}).Write(w, noon); err == nil {
		t.Error("a body that is not JSON was written")
	}
	if got := written(t, Reply{Status: 200}.With("x-ms-request-id", "mine")).Header.Get("x-ms-request-id"); got != "mine" {
		t.Errorf("x-ms-request-id = %q, want the reply's own", got)
	}
}

func TestRefusal(t *testing.T) {
	for _, tt := range []struct {
		err     error
		status  int
		code    string
		message string
		again   string
	}{
		{Refuse(404201, "There is no %q.", "x"), 404, "404201", `There is no "x".`, ""},
		{fmt.Errorf("wrapped: %w", Refuse(412000, "No.")), 412, "412000", "No.", ""},
		{&Error{Code: 429000, Message: "Too many.", RetryAfter: 7}, 429, "429000", "Too many.", "7"},
		{errors.New("disk full"), 500, "500000", "disk full", ""},
	} {
		w := written(t, Refusal(tt.err, noon))
		var body ErrorBody
		if err := json.Unmarshal(w.body, &body); err != nil {
			t.Fatal(err)
		}
		if w.StatusCode != tt.status || fmt.Sprint(body.ErrorCode) != tt.code || body.Message != tt.message || body.TimestampUTC != "2026-03-01T12:00:00Z" {
			t.Errorf("%v: %d %+v", tt.err, w.StatusCode, body)
		}
		if id := w.Header.Get("x-ms-request-id"); id == "" || id != body.TrackingID {
			t.Errorf("%v: x-ms-request-id %q, trackingId %q", tt.err, id, body.TrackingID)
		}
		if got := w.Header.Get("x-ms-error-code"); got != tt.code {
			t.Errorf("%v: x-ms-error-code = %q, want %s", tt.err, got, tt.code)
		}
		if got := w.Header.Get("Retry-After"); got != tt.again {
			t.Errorf("%v: Retry-After = %q, want %q", tt.err, got, tt.again)
		}
	}
	if got := Refuse(400000, "No.").Error(); got != "No." {
		t.Errorf("Error() = %q", got)
	}
}

func TestMatch(t *testing.T) {
	for _, tt := range []struct {
		pattern, path string
		want          bool
	}{
		{"enrollments/{id}", "enrollments/x", true},
		{"enrollments/{id}", "EnrollMents/x", true},
		{"enrollments/{id}", "enrollments/", false},
		{"enrollments/{id}", "enrollments", false},
		{"enrollments/{id}", "enrollments/x/y", false},
		{"enrollments/query", "enrollments/x", false},
		{"{scope}/registrations/{id}", "s/registrations/x", true},
		{"{scope}/registrations/{id}", "/registrations/x", false},
	} {
		if got := Match(tt.pattern, strings.Split(tt.path, "/")); got != tt.want {
			t.Errorf("Match(%s, %s) = %v, want %v", tt.pattern, tt.path, got, tt.want)
		}
	}
}

func TestClip(t *testing.T) {
	for _, n := range []int{0, 1, 128} {
		if text := strings.Repeat("x", n); Clip(text) != text {
			t.Errorf("%d characters were changed", n)
		}
	}
	if got := Clip(strings.Repeat("x", 129)); got != strings.Repeat("x", 128)+"..." {
		t.Errorf("129 characters = %q", got)
	}
}

// GUIDs are random, and of the form that clients check.
func TestGUIDs(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		id := NewGUID()
		if len(id) != 36 || id[14] != '4' || !strings.ContainsRune("89ab", rune(id[19])) || seen[id] {
			t.Fatalf("NewGUID() = %s", id)
		}
		seen[id] = true
	}
	if plain, err := base64.StdEncoding.DecodeString(NewETag()); err != nil || len(plain) != 38 || plain[0] != '"' {
		t.Errorf("NewETag() is %q, %v", plain, err)
	}
}
