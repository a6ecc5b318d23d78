// Package rest has what the REST APIs of the emulated services have in common:
// answers as values, error bodies, ETags.
//
// The one rule: a handler ends in a [Reply] or an error, and writes nothing. So
// there is one place where headers are set, and where an answer can be bent.
package rest

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Reply is one answer, before it is written.
type Reply struct {
	Status int
	Header http.Header // nil for none
	Body   any         // written as JSON, or as it is when it is a [Page]; nil for no body
}

// html is a body that no service sends: what stands between does.
type html string

// Page makes a body of the kind that something in between answers with: HTML, with
// the title as its text.
func Page(title string) any {
	return html(fmt.Sprintf("<!DOCTYPE html>\n<html><head><title>%s</title></head><body><h1>%[1]s</h1></body></html>\n", title))
}

// With returns the reply with one more header.
func (r Reply) With(name, value string) Reply {
	if r.Header == nil {
		r.Header = http.Header{}
	}
	r.Header.Set(name, value)
	return r
}

// Write sends the reply at the time now. Content-Length is always set: a chunked
// answer hangs some builds of the C SDK.
func (r Reply) Write(w http.ResponseWriter, now time.Time) error {
	var body []byte
	switch content := r.Body.(type) {
	case nil:
	case html:
		body = []byte(content)
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
	default:
		var err error
		if body, err = json.Marshal(content); err != nil {
			return err
		}
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
	}
	w.Header().Set("Date", now.UTC().Format(http.TimeFormat)) // clients compare their clock with it
	w.Header().Set("x-ms-request-id", NewGUID())
	for name, values := range r.Header {
		w.Header()[name] = values
	}
	if r.Status != http.StatusNoContent {
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	}
	w.WriteHeader(r.Status)
	_, err := w.Write(body)
	return err
}

// Timestamp writes a time as the service does: to the tick of 100 ns, without the
// zeros at the end of the fraction.
func Timestamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.9999999Z") }

// NewGUID returns a random version 4 UUID.
func NewGUID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails: crypto/rand ends the program instead
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// Match reports whether a path, in unescaped segments, fits the pattern of a
// route. In a pattern, braces stand for any segment; other segments are compared
// in any case, as the service does.
func Match(pattern string, path []string) bool {
	return slices.EqualFunc(strings.Split(pattern, "/"), path, func(pattern, segment string) bool {
		if strings.HasPrefix(pattern, "{") {
			return segment != ""
		}
		return strings.EqualFold(pattern, segment)
	})
}
