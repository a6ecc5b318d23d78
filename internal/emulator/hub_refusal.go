package emulator

import (
	"cmp"
	"net/http"
	"strings"
	"time"

	"tpmdps/internal/emulator/rest"
)

// Codes of a hub's HTTPS API, as its documentation lists them.
const (
	codeHubArgument     = 400004
	codeHubNoAccess     = 401002
	codeModuleNotFound  = 404010
	codeModuleExists    = 409301
	codeHubPrecondition = 412001
)

// hubErrorBody is the error body of a hub's HTTPS API. IoT Edge ends over one of
// another form.
type hubErrorBody struct {
	Message          string
	ExceptionMessage string
}

// hubErrorNames are for refusals that are not the hub's own.
var hubErrorNames = map[int]string{
	http.StatusBadRequest:          "ArgumentInvalid",
	http.StatusForbidden:           "OperationNotAllowed",
	http.StatusNotFound:            "ResourceNotFound",
	http.StatusTooManyRequests:     "ThrottlingException",
	http.StatusInternalServerError: "ServerError",
}

// forHub reports whether a request is one for the hub, and not for DPS.
func forHub(hr *http.Request) bool {
	first, _, _ := strings.Cut(strings.TrimLeft(hr.URL.Path, "/"), "/")
	return strings.EqualFold(first, "devices")
}

// hubRefusal makes the answer for err as a hub would.
func hubRefusal(err error, now time.Time) rest.Reply {
	r := rest.Refusal(err, now)
	body := r.Body.(rest.ErrorBody)
	name, text, ok := strings.Cut(strings.TrimPrefix(body.Message, errorCodeMark), ";")
	if !ok || !strings.HasPrefix(body.Message, errorCodeMark) {
		name, text = cmp.Or(hubErrorNames[r.Status], "InvalidOperation"), body.Message
	}
	r.Header.Del("x-ms-error-code")
	r.Body = hubErrorBody{
		Message:          errorCodeMark + name + ";" + text,
		ExceptionMessage: "Tracking ID:" + body.TrackingID + "-TimeStamp:" + body.TimestampUTC,
	}
	return r.With("iothub-errorcode", name)
}

// errorCodeMark begins a hub's messages; a name follows, and a semicolon.
const errorCodeMark = "ErrorCode:"
