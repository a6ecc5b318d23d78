package dps

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"tpmdps/internal/redact"
	"tpmdps/internal/text"
)

// Trace wraps what carries requests (nil: as [CheckFraming]) so that each
// request and each answer is written to w: method, URL, status, headers and
// bodies. Everything goes through [Redact], so a trace may be mailed. Each
// request is one write and each answer another, so requests that run at the
// same time do not mix within either.
//
// It goes below the pipeline, where the retries and the sign-in to Microsoft
// Entra ID pass too.
func Trace(next http.RoundTripper, w io.Writer) http.RoundTripper {
	return &trace{transportOrDefault(next), w}
}

type trace struct {
	next http.RoundTripper
	w    io.Writer
}

// maxTraced bounds what a trace shows of one body.
const maxTraced = 64 << 10

// RoundTrip implements http.RoundTripper.
func (t *trace) RoundTrip(req *http.Request) (*http.Response, error) {
	req, sent := t.sent(req)
	t.write("> "+req.Method+" "+req.URL.String(), req.Header, sent, ">")
	start := time.Now()
	resp, err := t.next.RoundTrip(req)
	took := time.Since(start).Round(time.Millisecond)
	if err != nil {
		t.write(fmt.Sprintf("< no answer after %s: %v", took, err), nil, nil, "<")
		return nil, err
	}
	got, err := t.peek(resp)
	title := fmt.Sprintf("< %s %s, after %s", resp.Proto, resp.Status, took)
	if err != nil {
		title += fmt.Sprintf("; its body broke off: %v", err)
	}
	t.write(title, resp.Header, got, "<")
	return resp, nil
}

// sent reads a copy of a request's body, and returns the request with another:
// what azcore gives out as a copy is one and the same reader, rewound.
func (t *trace) sent(req *http.Request) (*http.Request, []byte) {
	if req.GetBody == nil {
		return req, nil
	}
	body, err := req.GetBody()
	if err != nil {
		return req, nil
	}
	text, _ := io.ReadAll(io.LimitReader(body, maxTraced+1))
	_ = body.Close()
	clone := req.Clone(req.Context())
	if clone.Body, err = req.GetBody(); err != nil {
		return req, text
	}
	return clone, text
}

// peek reads the beginning of an answer's body and puts it back, with the error
// that ended it.
func (t *trace) peek(resp *http.Response) ([]byte, error) {
	head, err := io.ReadAll(io.LimitReader(resp.Body, maxTraced+1))
	rest := io.Reader(resp.Body)
	if err != nil {
		rest = failing{err}
	}
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(head), rest), resp.Body}
	return head, err
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// write puts one side of an exchange together. Every line is marked, and has
// nothing in it that a terminal would obey.
func (t *trace) write(title string, header http.Header, body []byte, mark string) {
	var b strings.Builder
	fmt.Fprintln(&b, printableLine(redact.Patterns(title)))
	names := make([]string, 0, len(header))
	for name := range header {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for _, value := range header[name] {
			fmt.Fprintf(&b, "%s %s: %s\n", mark, printableLine(name), printableLine(redactHeader(name, value)))
		}
	}
	if len(body) > 0 {
		fmt.Fprintln(&b, mark)
	}
	cut := len(body) > maxTraced
	for line := range strings.Lines(redact.Patterns(string(body[:min(len(body), maxTraced)]))) {
		fmt.Fprintf(&b, "%s %s\n", mark, printableLine(line))
	}
	if cut {
		fmt.Fprintf(&b, "%s [the rest is not shown]\n", mark)
	}
	_, _ = io.WriteString(t.w, b.String()) // a trace that cannot be written stops no work
}

// secretHeader matches the headers that carry a secret in a form of their own:
// a managed identity has Secret on Service Fabric and in Azure Machine Learning,
// and X-Identity-Header in App Service.
var secretHeader = regexp.MustCompile(`(?i)secret|token|cookie|-key|authorization|identity-header`)

// redactHeader hides the whole of what redact.Patterns does not know the form of, and
// leaves of a shared access signature what it is for.
func redactHeader(name, value string) string {
	if secretHeader.MatchString(name) && !strings.HasPrefix(value, sasScheme) {
		return redact.Mark
	}
	return redact.Patterns(value)
}

// printableLine replaces what moves a terminal's cursor or changes its colours.
func printableLine(s string) string {
	s = strings.ReplaceAll(strings.TrimRight(s, "\r\n"), "\t", " ")
	return text.Printable(s, len(s))
}
