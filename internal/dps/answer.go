package dps

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"tpmdps/internal/redact"
	"tpmdps/internal/text"
)

// answer is an HTTP response with its body read.
type answer struct {
	request request
	status  int
	header  http.Header
	body    []byte
}

// readAnswer takes the body from where azcore's download policy left it.
func readAnswer(r request, resp *http.Response) answer {
	a := answer{request: r, status: resp.StatusCode, header: resp.Header}
	if seeker, ok := resp.Body.(io.Seeker); ok {
		// The retry policy drains an answer that it does not consider the last.
		_, _ = seeker.Seek(0, io.SeekStart)
	}
	a.body, _ = io.ReadAll(resp.Body) // from memory: cannot fail
	a.body = bytes.TrimPrefix(bytes.TrimSpace(a.body), []byte("\xef\xbb\xbf"))
	return a
}

// decode reads the JSON body of an answer whose status must be one of ok, and
// refuses one that is about somebody else than the request.
func (a answer) decode(v any, ok ...int) error { return a.decodePage(v, map[string]bool{}, ok...) }

// decodePage is decode for one of several answers, which share what was seen.
func (a answer) decodePage(v any, seen map[string]bool, ok ...int) error {
	if !slices.Contains(ok, a.status) {
		return refusal(a)
	}
	if err := text.DecodeJSON(a.body, v); err != nil {
		return a.malformed(a.jsonFault(err))
	}
	if code := a.refusalCode(v); code != 0 {
		return a.malformed(fmt.Sprintf("its status is %d, and it has the error code %d of a refusal", a.status, code))
	}
	return a.checkSubject(v, seen)
}

// refusalCode is the error code that an answer has although its status is that of
// a success, 0 if none. A state of a registration has one of its own there.
func (a answer) refusalCode(v any) int {
	var body errorBody
	if _, state := v.(*RegistrationState); !state {
		parseErrorBody(a.body, &body)
	}
	return cmp.Or(errorCode([]byte(a.header.Get("x-ms-error-code"))), errorCode(body.ErrorCode))
}

// jsonFault says in words why the body could not be read.
func (a answer) jsonFault(err error) string {
	var unclear *text.JSONError
	switch {
	case len(a.body) == 0:
		return "the body is empty"
	case a.isHTML():
		return "it is HTML"
	case errors.As(err, &unclear) && !unclear.Syntax:
		return show(unclear.Reason, 200)
	case a.body[0] == '{' || a.body[0] == '[':
		return "its JSON is damaged or cut short"
	}
	return "it is not JSON"
}

func (a answer) isHTML() bool {
	return strings.Contains(strings.ToLower(a.header.Get("Content-Type")), "html") || bytes.HasPrefix(a.body, []byte("<"))
}

func (a answer) malformed(reason string) *AnswerError {
	return &AnswerError{
		method:      a.request.method,
		path:        a.request.path,
		Status:      a.status,
		contentType: show(a.header.Get("Content-Type"), 80),
		reason:      reason,
		excerpt:     a.excerpt(),
	}
}

// excerpt returns the beginning of the body for a person to look at, or nothing
// where it could hold a key: an answer of 2017 carried one in the clear.
func (a answer) excerpt() string {
	if bytes.Contains(bytes.ToLower(a.body), []byte("authenticationkey")) {
		return ""
	}
	head := a.body[:min(len(a.body), 4096)]
	return clip(show(strings.Join(strings.Fields(string(head)), " "), 512), 512)
}

func (a answer) retryAfter() time.Duration { return retryAfter(a.header) }

func (a answer) date() time.Time {
	t, err := http.ParseTime(a.header.Get("Date"))
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}

// The shortest and the longest pause that a service is believed to want.
const (
	minPause = 10 * time.Millisecond
	maxPause = 24 * time.Hour
)

// retryAfter reads the headers that azcore reads, and in its order: the two in
// milliseconds, then Retry-After in seconds or as a date (RFC 9110 section
// 10.2.3). It is 0 when none of them says anything, and otherwise from minPause,
// so that no service has its clients ask without a pause, to maxPause.
func retryAfter(h http.Header) time.Duration {
	for _, header := range []struct {
		name string
		unit time.Duration
	}{{"retry-after-ms", time.Millisecond}, {"x-ms-retry-after-ms", time.Millisecond}, {"Retry-After", time.Second}} {
		if n, err := strconv.ParseUint(h.Get(header.name), 10, 64); err == nil && n > 0 {
			return max(time.Duration(min(n, uint64(maxPause/header.unit)))*header.unit, minPause)
		}
	}
	if t, err := http.ParseTime(h.Get("Retry-After")); err == nil && time.Until(t) > 0 {
		return min(max(time.Until(t), minPause), maxPause)
	}
	return 0
}

// refusal turns an answer that is not a success into an error: an *Error, or an
// *AnswerError when it cannot come from a DPS.
func refusal(a answer) error {
	e := &Error{
		Status:     a.status,
		RequestID:  show(a.header.Get("x-ms-request-id"), 80),
		Date:       a.date(),
		RetryAfter: a.retryAfter(),
		Method:     a.request.method,
		Path:       a.request.path,
	}
	switch {
	case a.status >= 300 && a.status < 400:
		e.Message = "redirected" + redirectTarget(a.header.Get("Location")) + ", which is not followed"
		return e
	case a.status < 400:
		return a.malformed("the status is not one of this operation")
	case a.isHTML() && a.status < 500 && a.status != http.StatusRequestTimeout && a.status != http.StatusTooManyRequests:
		// A gateway's 5xx page says that the service is not reached; any other
		// page was written by something that took the service's place.
		return a.malformed("it is HTML")
	}
	if unclear := twoMeanings(a.body); unclear != "" && a.status < 500 {
		return a.malformed(unclear)
	}
	if !e.readBody(a.body) {
		if a.status < 500 && bytes.HasPrefix(a.body, []byte("{")) && !json.Valid(a.body) {
			// It could be a challenge that was cut short: no refusal at all.
			return a.malformed("its JSON is damaged or cut short")
		}
		e.Body = a.excerpt()
	}
	e.Form = formOf(a.body, e.Code)
	header := errorCode([]byte(a.header.Get("x-ms-error-code")))
	if reason := contradiction(header, e.Code); reason != "" {
		return a.malformed(reason)
	}
	e.Code = cmp.Or(e.Code, header)
	return e
}

// redirectTarget names where a redirect points, without the query, which may
// repeat what was sent.
func redirectTarget(location string) string {
	u, err := url.Parse(location)
	if err != nil || location == "" {
		return ""
	}
	u = &url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}
	return " to " + show(u.String(), 200)
}

// show makes a text of the service fit for a terminal: printable, at most n
// characters, without credentials.
func show(s string, n int) string {
	if len(s) > 16<<10 {
		s = s[:16<<10]
	}
	return text.Printable(redact.Patterns(s), n)
}

// clip cuts a printable text to n bytes at a character's boundary.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}
