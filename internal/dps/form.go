package dps

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
)

// Forms of a refusal's body: what they tell is who wrote it.
const (
	// FormDPS is ProvisioningServiceErrorDetails: an errorCode, and beside it a
	// trackingId, a timestampUtc or a message. Relays wrap it in another message.
	FormDPS = "dps"
	// FormHub is what IoT Hubs write: {"Message": ..., "ExceptionMessage": ...}.
	FormHub = "hub"
	// FormOther is anything else: a page, another service's JSON.
	FormOther = "other"
	// FormNone means no body.
	FormNone = ""
)

// formOf tells who wrote the body of a refusal. A hub's has a DPS's form inside
// of its Message at times, so its own outer names go before.
func formOf(body []byte, code int) string {
	var members map[string]json.RawMessage
	switch {
	case len(body) == 0:
		return FormNone
	case json.NewDecoder(bytes.NewReader(body)).Decode(&members) != nil:
		return FormOther
	}
	own, hub := false, false
	for name := range members {
		own = own || strings.EqualFold(name, "errorCode")
		hub = hub || name == "Message" || strings.EqualFold(name, "ExceptionMessage")
	}
	switch {
	case hub && !own:
		return FormHub
	case code != 0:
		return FormDPS
	}
	return FormOther
}

// contradiction says where an answer names two codes for one refusal; "" where
// it does not.
func contradiction(header, body int) string {
	if header == 0 || body == 0 || header == body {
		return ""
	}
	return fmt.Sprintf("its header x-ms-error-code says %d, its body says errorCode %d", header, body)
}

// Details is what a refusal says, for the one who judges it (dictionary.Judge): HTTP
// status, code, words, and the form of its body. Without the service's words they
// are the beginning of the body.
func (e *Error) Details() (status, code int, message, form string) {
	return e.Status, e.Code, cmp.Or(e.Message, e.Body), e.Form
}
