package hub

import (
	"cmp"
	"net/http"
	"strings"
	"time"

	"tpmdps/internal/emulator/rest"
)

// Codes of a hub's HTTPS API, as its documentation lists them.
const (
	codeBadRequest     = 400000
	codeArgument       = 400004
	codeNoAccess       = 401002
	codeNotFound       = 404000
	codeModuleNotFound = 404010
	codeModuleExists   = 409301
	codePrecondition   = 412001
)

// errorBody is the error body of a hub's HTTPS API. IoT Edge ends over one of
// another form.
type errorBody struct {
	Message          string
	ExceptionMessage string
}

// errorNames are for refusals that are not the hub's own.
var errorNames = map[int]string{
	http.StatusBadRequest:          "ArgumentInvalid",
	http.StatusForbidden:           "OperationNotAllowed",
	http.StatusNotFound:            "ResourceNotFound",
	http.StatusTooManyRequests:     "ThrottlingException",
	http.StatusInternalServerError: "ServerError",
}

// Refusal makes the answer for err as a hub would: in the form of its errors, which
// differ from those of [rest.Refusal].
func Refusal(err error, now time.Time) rest.Reply {
	r := rest.Refusal(err, now)
	body := r.Body.(rest.ErrorBody)
	name, text, ok := strings.Cut(strings.TrimPrefix(body.Message, errorCodeMark), ";")
	if !ok || !strings.HasPrefix(body.Message, errorCodeMark) {
		name, text = cmp.Or(errorNames[r.Status], "InvalidOperation"), body.Message
	}
	r.Header.Del("x-ms-error-code")
	r.Body = errorBody{
		Message:          errorCodeMark + name + ";" + text,
		ExceptionMessage: "Tracking ID:" + body.TrackingID + "-TimeStamp:" + body.TimestampUTC,
	}
	return r.With("iothub-errorcode", name)
}

// errorCodeMark begins a hub's messages; a name follows, and a semicolon.
const errorCodeMark = "ErrorCode:"
