package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"

	azlog "github.com/Azure/azure-sdk-for-go/sdk/azcore/log"

	"tpmdps/internal/dps"
)

// traced has -vv see what goes over HTTP, and the redactor learn what is secret in
// it. There is no other way out of this program for a request.
func (u *ui) traced(transport http.RoundTripper) http.RoundTripper {
	transport = &learner{next: transport, streams: u.streams}
	if !u.trace {
		return transport
	}
	return dps.Trace(transport, u.err)
}

// listenToAzure takes the log that AZURE_SDK_GO_LOGGING=all switches on: the
// SDK would write it to stderr past the redactor, with what az has said in it.
func listenToAzure(w io.Writer) {
	if os.Getenv("AZURE_SDK_GO_LOGGING") == "all" {
		azlog.SetListener(func(event azlog.Event, text string) { fmt.Fprintf(w, "%s: %s\n", event, text) })
	}
}

// learner learns the secrets that are sent, before whoever receives them can repeat
// them, and those that are received.
type learner struct {
	next    http.RoundTripper
	streams streams
}

// maxLearned bounds what is kept of a body.
const maxLearned = 256 << 10

// RoundTrip implements http.RoundTripper.
func (l *learner) RoundTrip(req *http.Request) (*http.Response, error) {
	for _, name := range []string{"Authorization", "X-Identity-Header", "Secret"} { // the last two: a managed identity's
		l.credentials(req.Header.Get(name))
	}
	req = l.form(req)
	resp, err := l.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	resp.Body = &learnedBody{ReadCloser: resp.Body, learn: l.members}
	return resp, nil
}

// credentials learns a header: what follows the name of the scheme.
func (l *learner) credentials(header string) {
	scheme, rest, found := strings.Cut(header, " ")
	switch {
	case !found:
		l.streams.learn(header)
	case strings.EqualFold(scheme, "Basic"):
		if login, err := base64.StdEncoding.DecodeString(rest); err == nil {
			_, password, _ := strings.Cut(string(login), ":")
			l.streams.learnLogin(string(login), password)
		}
	default:
		l.streams.learn(rest)
	}
}

// form learns the secret fields of a sign-in, and returns the request with another
// body: what azcore gives out as a copy is one and the same reader, rewound.
func (l *learner) form(req *http.Request) *http.Request {
	if req.GetBody == nil || !strings.HasPrefix(req.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		return req
	}
	body, err := req.GetBody()
	if err != nil {
		return req
	}
	text, _ := io.ReadAll(io.LimitReader(body, maxLearned))
	_ = body.Close()
	for _, secret := range secretParts(string(text)) {
		if secret != string(text) {
			l.streams.learn(secret)
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
func (l *learner) members(body []byte) {
	var value any
	if json.Unmarshal(body, &value) == nil {
		l.walk(value)
	}
}

func (l *learner) walk(value any) {
	switch v := value.(type) {
	case map[string]any:
		for name, member := range v {
			if text, ok := member.(string); ok && slices.Contains(secretMembers, strings.ToLower(name)) {
				l.streams.learn(text)
			}
			l.walk(member)
		}
	case []any:
		for _, item := range v {
			l.walk(item)
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
