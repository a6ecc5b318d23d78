package dps

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestSASToken(t *testing.T) {
	var signed string
	sign := func(b []byte) ([]byte, error) { signed = string(b); return []byte{0xfb, 0xff, 0xfe, 0x01}, nil }
	expiry := time.Unix(1795489669, 999)
	for _, tt := range []struct{ resource, keyName, token, signed string }{
		{Resource("0ne00000A01", "machine-1"), "registration",
			"SharedAccessSignature sr=0ne00000A01%2Fregistrations%2Fmachine-1&sig=%2B%2F%2F%2BAQ%3D%3D&se=1795489669&skn=registration",
			"0ne00000A01%2Fregistrations%2Fmachine-1\n1795489669"},
		{"hub.azure-devices.net/devices/press:7", "",
			"SharedAccessSignature sr=hub.azure-devices.net%2Fdevices%2Fpress%3A7&sig=%2B%2F%2F%2BAQ%3D%3D&se=1795489669",
			"hub.azure-devices.net%2Fdevices%2Fpress%3A7\n1795489669"},
	} {
		got, err := SASToken(tt.resource, tt.keyName, expiry, sign)
		if err != nil || got != tt.token {
			t.Errorf("SASToken(%q) = %s, %v, want %s", tt.resource, got, err, tt.token)
		}
		if signed != tt.signed {
			t.Errorf("signed %q, want %q", signed, tt.signed)
		}
	}
}

func TestSASTokenKeepsTheCause(t *testing.T) {
	cause := errors.New("TPM_RC_LOCKOUT")
	_, err := SASToken("r", "k", time.Now(), func([]byte) ([]byte, error) { return nil, cause })
	if !errors.Is(err, cause) {
		t.Errorf("SASToken() = %v, want it to wrap the signer's error", err)
	}
}

// verify checks a token as the service does: HMAC over the escaped resource as
// it stands in the token.
func verify(t *testing.T, token string, key []byte, resource string, at time.Time) {
	t.Helper()
	fields := map[string]string{}
	for part := range strings.SplitSeq(strings.TrimPrefix(token, "SharedAccessSignature "), "&") {
		name, value, _ := strings.Cut(part, "=")
		fields[name] = value
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(fields["sr"] + "\n" + fields["se"]))
	if want := url.QueryEscape(base64.StdEncoding.EncodeToString(mac.Sum(nil))); fields["sig"] != want {
		t.Errorf("sig = %s, want %s in %s", fields["sig"], want, token)
	}
	if sr, _ := url.QueryUnescape(fields["sr"]); sr != resource {
		t.Errorf("sr = %s, want %s", sr, resource)
	}
	if want := strconv.FormatInt(at.Add(sasLife).Unix(), 10); fields["se"] != want {
		t.Errorf("se = %s, want %s", fields["se"], want)
	}
}
