package dps

import (
	"bytes"
	"encoding/json"
	"errors"
	"regexp"
	"strconv"
	"strings"

	"tpmdps/internal/text"
)

// errorBody is ProvisioningServiceErrorDetails of the service's OpenAPI files,
// and the shape that an IoT Hub's refusal has when DPS relays it (Message,
// ExceptionMessage; encoding/json matches names without case).
type errorBody struct {
	ErrorCode        json.RawMessage `json:"errorCode"`
	TrackingID       string          `json:"trackingId"`
	Message          string          `json:"message"`
	TimestampUTC     string          `json:"timestampUtc"`
	ExceptionMessage string          `json:"exceptionMessage"`
}

// maxWrapping bounds how many times an error may be wrapped in the message of
// another; one was seen.
const maxWrapping = 3

// readBody fills e from the service's error shape. It reports false when the
// body has nothing of it.
func (e *Error) readBody(body []byte) bool {
	var b errorBody
	for range maxWrapping {
		var inner errorBody
		if !parseErrorBody(body, &inner) {
			break
		}
		b.merge(inner)
		// Relays put the whole body into the message: "BadRequest:{...}".
		_, rest, found := strings.Cut(inner.Message, "{")
		if !found {
			break
		}
		body = []byte("{" + rest)
	}
	e.Code = errorCode(b.ErrorCode)
	e.Message = show(b.Message, 500)
	e.TrackingID = show(b.TrackingID, 80)
	e.Time = show(b.TimestampUTC, 40)
	if m := hubTrackingID.FindStringSubmatch(b.ExceptionMessage); m != nil && e.TrackingID == "" {
		e.TrackingID = m[1]
	}
	return e.Code != 0 || e.Message != ""
}

// twoMeanings is what is unclear in the JSON of a refusal, "" for nothing: one
// that appears twice under any spelling, for one.
func twoMeanings(body []byte) string {
	var unclear *text.JSONError
	if !bytes.HasPrefix(body, []byte("{")) || !errors.As(text.DecodeJSON(body, &struct{}{}), &unclear) || unclear.Syntax {
		return "" // no JSON; or a relay's closing words follow it
	}
	return show(unclear.Reason, 200)
}

// parseErrorBody accepts members of a wrong type as absent: a refusal is worth
// more than its decoration.
func parseErrorBody(body []byte, b *errorBody) bool {
	var members map[string]json.RawMessage
	// A Decoder, because a relay's closing words may follow the object.
	if json.NewDecoder(bytes.NewReader(body)).Decode(&members) != nil {
		return false
	}
	for name, raw := range members {
		var into *string
		switch strings.ToLower(name) {
		case "errorcode":
			b.ErrorCode = raw
			continue
		case "trackingid":
			into = &b.TrackingID
		case "message":
			into = &b.Message
		case "timestamputc":
			into = &b.TimestampUTC
		case "exceptionmessage":
			into = &b.ExceptionMessage
		default:
			continue
		}
		if json.Unmarshal(raw, into) != nil {
			*into = ""
		}
	}
	return true
}

// merge takes what an inner error says over what the outer one said.
func (b *errorBody) merge(inner errorBody) {
	if len(inner.ErrorCode) > 0 {
		b.ErrorCode = inner.ErrorCode
	}
	for _, pair := range [][2]*string{
		{&b.TrackingID, &inner.TrackingID},
		{&b.Message, &inner.Message},
		{&b.TimestampUTC, &inner.TimestampUTC},
		{&b.ExceptionMessage, &inner.ExceptionMessage},
	} {
		if *pair[1] != "" {
			*pair[0] = *pair[1]
		}
	}
}

// hubTrackingID finds the id in "Tracking ID:fb98...-G:10-TimeStamp:...".
var hubTrackingID = regexp.MustCompile(`Tracking ID:\s*([0-9A-Za-z-]{8,64})`)

// errorCode reads a code that is a number or a string of digits; 0 if neither.
func errorCode(raw []byte) int {
	n, err := strconv.ParseInt(strings.Trim(string(raw), `" `), 10, 32)
	if err != nil {
		return 0
	}
	return int(n)
}
