package dps

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Answers that are not what a DPS says.
var (
	// ErrMalformed marks an answer that no DPS gives: HTML, not JSON, cut
	// short, or without a member that must be there. The usual cause is a proxy
	// or a captive portal that answered in the service's place.
	ErrMalformed = errors.New("not an answer of a DPS")
	// ErrTooLarge marks an answer whose body is longer than 1 MiB.
	ErrTooLarge = errors.New("the answer is larger than 1 MiB")
)

// Error is a refusal: an answer with a status of 300 or more that is not
// a challenge. Its texts are printable and bounded.
type Error struct {
	Status     int           // HTTP status
	Code       int           // the service's errorCode, such as 404201; 0 if it gave none
	Form       string        // of the body: FormDPS, FormHub, FormOther or FormNone
	Message    string        // the service's words, or where a redirect pointed
	TrackingID string        // what Microsoft's support asks for
	RequestID  string        // x-ms-request-id
	Time       string        // the service's timestampUtc as it gave it
	Date       time.Time     // the Date header, zero if absent: the service's clock
	RetryAfter time.Duration // 0 if the service gave none
	Method     string
	Path       string // the URL's path, without the query
	Body       string // at most 512 printable bytes of a body that was not the service's error shape
}

// Error says which request was refused, how, and what to quote to support.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s: %d", e.Method, e.Path, e.Status)
	if text := http.StatusText(e.Status); text != "" {
		b.WriteString(" " + text)
	}
	if e.Code != 0 {
		fmt.Fprintf(&b, ", error %d", e.Code)
	}
	switch {
	case e.Message != "":
		b.WriteString(": " + e.Message)
	case e.Body != "":
		fmt.Fprintf(&b, ": %q", e.Body)
	}
	if e.TrackingID != "" {
		b.WriteString(" (tracking id " + e.TrackingID + ")")
	} else if e.RequestID != "" {
		b.WriteString(" (request id " + e.RequestID + ")")
	}
	return b.String()
}

// AnswerError is an answer that is not what a DPS says; it wraps
// [ErrMalformed]. Its texts are printable and bounded.
type AnswerError struct {
	method      string
	path        string
	Status      int    // HTTP status
	contentType string // the Content-Type header
	reason      string // what is wrong with it, such as "authenticationKey is not base64"
	excerpt     string // the first printable bytes of the body, at most 512; empty where the body may hold a key
}

// Error names the request and what is wrong with the answer.
func (e *AnswerError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s: %v: %s (status %d", e.method, e.path, ErrMalformed, e.reason, e.Status)
	if e.contentType != "" {
		b.WriteString(", " + e.contentType)
	}
	b.WriteString(")")
	if e.excerpt != "" {
		fmt.Fprintf(&b, ": %q", e.excerpt)
	}
	return b.String()
}

// Unwrap makes errors.Is(err, ErrMalformed) true.
func (e *AnswerError) Unwrap() error { return ErrMalformed }
