package emulator

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// reply is one answer, before it is written. Requests end in a value so that
// there is one place where headers are set, and where an answer can be bent.
type reply struct {
	status int
	header http.Header // nil for none
	body   any         // written as JSON, or as it is when it is html; nil for no body
}

// html is a body that no service sends: what stands between does.
type html string

// with returns the reply with one more header.
func (r reply) with(name, value string) reply {
	if r.header == nil {
		r.header = http.Header{}
	}
	r.header.Set(name, value)
	return r
}

// Error codes of the service. Those without public evidence are the HTTP status
// times a thousand.
const (
	codeBadRequest           = 400000
	codeEndorsementKey       = 400004
	codeTwin                 = 400004 // the hub's for a property that it refuses; its message tells it from the other
	codeCustomAllocation     = 400207
	codeNoHub                = 400208
	codeHubUnauthorized      = 400209
	codeUnauthorized         = 401002
	codeNotFound             = 404000
	codeEnrollmentNotFound   = 404201
	codeRegistrationNotFound = 404202
	codeGroupNotFound        = 404202
	codeMethodNotAllowed     = 405000
	codeEnrollmentExists     = 409201
	codeGroupExists          = 409202
	codePrecondition         = 412000
	codeTooLarge             = 413000
	codeMisdirected          = 421000
	codeMediaType            = 415000
	codeThrottled            = 429000
	codeInternal             = 500000
)

// apiError is a refusal: the service's error body and its status.
type apiError struct {
	code       int
	message    string
	retryAfter int // seconds; 0 sends no header
}

func (e *apiError) Error() string { return e.message }

// status is in the first three digits of every code.
func (e *apiError) status() int { return e.code / 1000 }

func refuse(code int, format string, args ...any) error {
	return &apiError{code: code, message: fmt.Sprintf(format, args...)}
}

// errorBody is the service's ProvisioningServiceErrorDetails.
type errorBody struct {
	ErrorCode    int    `json:"errorCode"`
	TrackingID   string `json:"trackingId"`
	Message      string `json:"message"`
	TimestampUTC string `json:"timestampUtc"`
}

// refusal makes the answer for err; what is no refusal is an internal error.
func refusal(err error, now time.Time) reply {
	var e *apiError
	if !errors.As(err, &e) {
		e = &apiError{code: codeInternal, message: err.Error()}
	}
	id := newGUID()
	r := reply{status: e.status(), body: errorBody{
		ErrorCode:    e.code,
		TrackingID:   id,
		Message:      e.message,
		TimestampUTC: timestamp(now),
	}}
	if e.retryAfter > 0 {
		r = r.with("Retry-After", strconv.Itoa(e.retryAfter))
	}
	return r.with("x-ms-request-id", id).with("x-ms-error-code", strconv.Itoa(e.code))
}

// write sends the reply. Content-Length is always set: a chunked answer hangs
// some builds of the C SDK.
func (r reply) write(w http.ResponseWriter, now time.Time) error {
	var body []byte
	switch content := r.body.(type) {
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
	w.Header().Set("x-ms-request-id", newGUID())
	for name, values := range r.header {
		w.Header()[name] = values
	}
	if r.status != http.StatusNoContent {
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	}
	w.WriteHeader(r.status)
	_, err := w.Write(body)
	return err
}

// timestamp writes a time as the service does: to the tick of 100 ns, without the
// zeros at the end of the fraction.
func timestamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.9999999Z") }

// newGUID returns a random version 4 UUID.
func newGUID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails: crypto/rand ends the program instead
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
