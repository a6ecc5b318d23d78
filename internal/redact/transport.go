package redact

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
)

// Transport learns the secrets that are sent over HTTP, before the receiver can
// repeat them, and those that are received.
type Transport struct {
	Next http.RoundTripper
	Set  *Set
}

// maxLearned bounds what is kept of a body.
const maxLearned = 256 << 10

// RoundTrip implements http.RoundTripper.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	for _, name := range []string{"Authorization", "X-Identity-Header", "Secret"} { // the last two: a managed identity's
		t.credentials(req.Header.Get(name))
	}
	req = t.form(req)
	resp, err := t.Next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	resp.Body = &learnedBody{ReadCloser: resp.Body, learn: t.members}
	return resp, nil
}

// credentials learns a header: what follows the name of the scheme.
func (t *Transport) credentials(header string) {
	scheme, rest, found := strings.Cut(header, " ")
	switch {
	case !found:
		t.Set.Learn(header)
	case strings.EqualFold(scheme, "Basic"):
		if login, err := base64.StdEncoding.DecodeString(rest); err == nil {
			_, password, _ := strings.Cut(string(login), ":")
			t.Set.LearnLogin(string(login), password)
		}
	default:
		t.Set.Learn(rest)
	}
}

// form learns the secret fields of a sign-in, and returns the request with another
// body: what azcore gives out as a copy is one and the same reader, rewound.
func (t *Transport) form(req *http.Request) *http.Request {
	if req.GetBody == nil || !strings.HasPrefix(req.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		return req
	}
	body, err := req.GetBody()
	if err != nil {
		return req
	}
	text, _ := io.ReadAll(io.LimitReader(body, maxLearned))
	_ = body.Close()
	for _, secret := range parts(string(text)) {
		if secret != string(text) {
			t.Set.Learn(secret)
		}
	}
	clone := req.Clone(req.Context())
	if clone.Body, err = req.GetBody(); err != nil {
		return req
	}
	return clone
}

// secretMembers are those of answers: of a sign-in and of an enrollment.
var secretMembers = []string{"access_token", "refresh_token", "id_token", "client_secret", "primarykey", "secondarykey", "symmetrickey", "authenticationkey"}

// members learns the secret members of JSON.
func (t *Transport) members(body []byte) {
	var value any
	if json.Unmarshal(body, &value) == nil {
		t.walk(value)
	}
}

func (t *Transport) walk(value any) {
	switch v := value.(type) {
	case map[string]any:
		for name, member := range v {
			if text, ok := member.(string); ok && slices.Contains(secretMembers, strings.ToLower(name)) {
				t.Set.Learn(text)
			}
			t.walk(member)
		}
	case []any:
		for _, item := range v {
			t.walk(item)
		}
	}
}

// learnedBody is the body of an answer, of which a copy is learned from when all of
// it has been read.
type learnedBody struct {
	io.ReadCloser
	learn func([]byte)
	copy  bytes.Buffer
}

// Read implements io.Reader.
func (b *learnedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if room := maxLearned - b.copy.Len(); b.learn != nil && room > 0 {
		b.copy.Write(p[:min(n, room)])
	}
	if err != nil {
		b.done()
	}
	return n, err
}

// Close implements io.Closer.
func (b *learnedBody) Close() error {
	b.done()
	return b.ReadCloser.Close()
}

func (b *learnedBody) done() {
	if b.learn != nil {
		b.learn(b.copy.Bytes())
		b.learn = nil
	}
}
