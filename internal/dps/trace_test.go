package dps

import (
	"bytes"
	"context"
	"encoding/base64"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// The trace has what one looks for, and nothing of what would open a door.
func TestTrace(t *testing.T) {
	key := base64.StdEncoding.EncodeToString([]byte("canary-of-the-tests"))
	s := serve(t, reply{status: 400, body: `{"errorCode":400004,"message":"you sent primaryKey","primaryKey":"` + key + `","trackingId":"t-1"}`})
	var out bytes.Buffer
	o := s.options()
	o.HTTPClient.Transport = Trace(o.HTTPClient.Transport, &out)
	cs, err := ParseConnectionString("HostName=localhost:1;SharedAccessKeyName=enroller;SharedAccessKey=" + key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := NewServiceClient(s.URL, SharedKey(cs), o)
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.PutEnrollment(context.Background(), Enrollment{
		RegistrationID: "box-1",
	}, "")
	if err == nil {
		t.Fatal("a 400 was taken for a success")
	}
	for _, want := range []string{
		"> PUT " + s.URL + "/enrollments/box-1?api-version=2021-10-01\n",
		"> Authorization: SharedAccessSignature sr=localhost%3A1&sig=[redacted]&se=",
		"&skn=enroller\n",
		`> {"registrationId":"box-1"`,
		"< HTTP/1.1 400 Bad Request, after ",
		`"trackingId":"t-1"`,
		`"primaryKey":"[redacted]"`,
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the trace lacks %q:\n%s", want, &out)
		}
	}
	if strings.Contains(out.String(), key[:12]) {
		t.Errorf("the trace shows the key:\n%s", &out)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// What the transport says reaches the caller unchanged, the error at the end of
// a body included.
func TestTraceChangesNothing(t *testing.T) {
	long := strings.Repeat("x", maxTraced+100)
	for name, body := range map[string]io.Reader{
		"short": strings.NewReader("a\x1b[31mb"), "long": strings.NewReader(long), "broken": io.MultiReader(strings.NewReader("abc"), failing{io.ErrUnexpectedEOF}),
	} {
		var out bytes.Buffer
		rt := Trace(roundTrip(func(*http.Request) (*http.Response, error) {
			return &http.Response{Proto: "HTTP/1.1", Status: "200 OK", StatusCode: 200, Header: http.Header{"Set-Cookie": {"canary"}}, Body: io.NopCloser(body)}, nil
		}), &out)
		req, err := http.NewRequestWithContext(context.Background(), "GET", "https://x.example/", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Unknown canary")
		resp, err := rt.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(resp.Body)
		if want := map[string]string{"short": "a\x1b[31mb", "long": long, "broken": "abc"}[name]; string(got) != want {
			t.Errorf("%s: the body is %d bytes, want %d", name, len(got), len(want))
		}
		if (err == io.ErrUnexpectedEOF) != (name == "broken") {
			t.Errorf("%s: the body ends with %v", name, err)
		}
		if strings.Contains(out.String(), "canary") || strings.Contains(out.String(), "\x1b") {
			t.Errorf("%s: the trace has\n%s", name, &out)
		}
	}
}

// Headers whose secret has no form that could be known.
func TestRedactHeader(t *testing.T) {
	for _, h := range [][2]string{
		{"Secret", "canary"}, {"X-Identity-Header", "canary"}, {"Set-Cookie", "sig=1; esctx=canary"}, {"Cookie", "token=1; a=canary"},
		{"Authorization", "Basic canary"}, {"Authorization", "token=1 canary"}, {"Proxy-Authorization", "NTLM canary"},
		{"Ocp-Apim-Subscription-Key", "canary"}, {"X-Auth-Token", "canary"}, {"Location", "https://x.example/?to=sr%3Dx%26sig%3Dcanary"},
	} {
		if got := redactHeader(h[0], h[1]); strings.Contains(got, "canary") {
			t.Errorf("redactHeader(%s: %s) = %s", h[0], h[1], got)
		}
	}
	for _, h := range [][2]string{{"Www-Authenticate", `Bearer realm="x"`}, {"Location", "https://x.example/?a=b"}, {"X-Ms-Continuation", "abc"}} {
		if got := redactHeader(h[0], h[1]); got != h[1] {
			t.Errorf("redactHeader(%s: %s) = %s", h[0], h[1], got)
		}
	}
}

func TestTraceOfNoAnswer(t *testing.T) {
	var out bytes.Buffer
	c, err := NewServiceClient("https://localhost:1", SharedAccessToken("SharedAccessSignature sr=x&sig=canary&se=1&skn=p"),
		ClientOptions{HTTPClient: &http.Client{Transport: Trace(nil, &out)}, maxRetries: -1, RetryDelay: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Enrollment(context.Background(), "box-1"); err == nil {
		t.Fatal("an answer came from where nobody listens")
	}
	if !strings.Contains(out.String(), "< no answer after ") || strings.Contains(out.String(), "canary") {
		t.Errorf("the trace has\n%s", &out)
	}
}
