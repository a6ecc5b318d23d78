package dps

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"strconv"
	"time"
)

// sasScheme is what a token starts with.
const sasScheme = "SharedAccessSignature "

// SASToken makes a shared access signature for a resource, which is given
// unescaped: the value of an Authorization header. sign returns the
// HMAC-SHA256 of its argument under the key that keyName names; for a device
// that happens in its TPM. An empty keyName leaves skn out, as an IoT Hub
// wants it.
func SASToken(resource, keyName string, expiry time.Time, sign func([]byte) ([]byte, error)) (string, error) {
	// The service verifies over the escaped text exactly as it stands in the
	// token, case of the escapes included.
	sr := url.QueryEscape(resource)
	se := strconv.FormatInt(expiry.Unix(), 10)
	mac, err := sign([]byte(sr + "\n" + se))
	if err != nil {
		return "", fmt.Errorf("sign the SAS token for %s: %w", resource, err)
	}
	token := sasScheme + "sr=" + sr + "&sig=" + url.QueryEscape(base64.StdEncoding.EncodeToString(mac)) + "&se=" + se
	if keyName != "" {
		token += "&skn=" + url.QueryEscape(keyName)
	}
	return token, nil
}

// Resource is what a device's token is for: "{idScope}/registrations/{id}".
func Resource(idScope, registrationID string) string {
	return idScope + "/registrations/" + registrationID
}
