package rest

import (
	"errors"
	"fmt"
	"strconv"
	"time"
)

// Codes of refusals that are made here.
const (
	codePrecondition = 412000
	codeInternal     = 500000
)

// Error is a refusal: what the service's error body says, and when to come again.
type Error struct {
	Code       int // its first three digits are the status
	Message    string
	RetryAfter int // seconds; 0 sends no header
}

// Error implements error.
func (e *Error) Error() string { return e.Message }

// Refuse makes an [Error] with a message in the way of fmt.Sprintf.
func Refuse(code int, format string, args ...any) error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// ErrorBody is the service's ProvisioningServiceErrorDetails.
type ErrorBody struct {
	ErrorCode    int    `json:"errorCode"`
	TrackingID   string `json:"trackingId"`
	Message      string `json:"message"`
	TimestampUTC string `json:"timestampUtc"`
}

// Refusal makes the answer for err, with an [ErrorBody]. What is not an [Error] is
// an internal one.
func Refusal(err error, now time.Time) Reply {
	var e *Error
	if !errors.As(err, &e) {
		e = &Error{Code: codeInternal, Message: err.Error()}
	}
	id := NewGUID()
	r := Reply{Status: e.Code / 1000, Body: ErrorBody{
		ErrorCode:    e.Code,
		TrackingID:   id,
		Message:      e.Message,
		TimestampUTC: Timestamp(now),
	}}
	if e.RetryAfter > 0 {
		r = r.With("Retry-After", strconv.Itoa(e.RetryAfter))
	}
	return r.With("x-ms-request-id", id).With("x-ms-error-code", strconv.Itoa(e.Code))
}

// longestQuote is the most of a text that a message quotes, in bytes.
const longestQuote = 128

// Clip shortens text from outside for a message.
func Clip(text string) string {
	if len(text) > longestQuote {
		return text[:longestQuote] + "..."
	}
	return text
}
