package dps

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestRedact(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"Authorization: SharedAccessSignature sr=plant%2Fenrollments&sig=canary%3D&se=1800000000&skn=enroller",
			"Authorization: SharedAccessSignature sr=plant%2Fenrollments&sig=[redacted]&se=1800000000&skn=enroller"},
		{"SharedAccessSignature%20sr%3Dx%26sig%3Dcanary", "[redacted]"},
		{`a SAS token starts with "SharedAccessSignature sr="`, `a SAS token starts with "SharedAccessSignature sr="`},
		{"SharedAccessSignature canary", "SharedAccessSignature [redacted]"},
		{"Bearer eyJ0eXAi.eyJjYW5hcnki.canary_-1", "[redacted]"},
		{"the token eyJ0eXAiOiJK.eyJjYW5hcnki.canary is not taken", "the token [redacted] is not taken"},
		{"HostName=h;SharedAccessKeyName=p;SharedAccessKey=Y2FuYXJ5==", "HostName=h;SharedAccessKeyName=p;SharedAccessKey=[redacted]"},
		{"HostName%3Dh%3BSharedAccessKey%3DY2FuYXJ5%3D", "HostName%3Dh%3BSharedAccessKey%3D[redacted]"},
		{`{"tpm":{"authenticationKey": "AEAcanary=="},"status":"assigned"}`, `{"tpm":{"authenticationKey": "[redacted]"},"status":"assigned"}`},
		{`{"authenticationKey":"AEAcanary`, `{"authenticationKey":"[redacted]`},
		{`body="{\"authenticationKey\":\"AEAcanary==\",\"x\":1}"`, `body="{\"authenticationKey\":\"[redacted]\",\"x\":1}"`},
		{`{"password":"a\"canary","x":"y"}`, `{"password":"[redacted]","x":"y"}`},
		{`{"symmetricKey":{"primaryKey":"canary","secondaryKey":"canary"}}`, `{"symmetricKey":{"primaryKey":"[redacted]","secondaryKey":"[redacted]"}}`},
		{`{"access_token":"canary","expires_in":3599,"token_type":"Bearer"}`, `{"access_token":"[redacted]","expires_in":3599,"token_type":"Bearer"}`},
		{"grant_type=client_credentials&client_secret=canary~x&scope=s", "grant_type=client_credentials&client_secret=[redacted]&scope=s"},
		{"client_assertion=canary.x.y&client_assertion_type=urn", "client_assertion=[redacted]&client_assertion_type=urn"},
		{`"webhookUrl":"https://f.example/api/x?code=canary==&a=1"`, `"webhookUrl":"https://f.example/api/x?code=[redacted]&a=1"`},
		{"proxy http://me:canary@proxy:8080 refused", "proxy http://[redacted]@proxy:8080 refused"},
		{"https://plant.azure-devices-provisioning.net/enrollments?api-version=1", "https://plant.azure-devices-provisioning.net/enrollments?api-version=1"},
		{`{"registrationId":"box-1","attestation":{"tpm":{"endorsementKey":"AToAAQAL"}}}`, `{"registrationId":"box-1","attestation":{"tpm":{"endorsementKey":"AToAAQAL"}}}`},
	} {
		got := Redact(tt.text)
		if got != tt.want {
			t.Errorf("Redact(%s)\n = %s\nwant %s", tt.text, got, tt.want)
		}
		if again := Redact(got); again != got {
			t.Errorf("Redact(%s) = %s: not the same twice", got, again)
		}
	}
}

// A log quotes values, and quotes in them once more.
func TestRedactWriterBehindALog(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(RedactWriter(&out), nil))
	body := `{"authenticationKey":"canary+/==","primaryKey":"canary"}`
	log.Info("answer", "body", body, "error", fmt.Errorf("said: %q", body), "header", []string{"SharedAccessSignature sr=x&sig=canary&se=1"})
	if strings.Contains(out.String(), "canary") {
		t.Errorf("the log has the secret:\n%s", &out)
	}
}

func FuzzRedact(f *testing.F) {
	f.Add("x")
	f.Add(`\"}`)
	f.Fuzz(func(t *testing.T, around string) {
		const secret = "c4n4ryc4n4ry"
		if strings.Contains(around, secret) {
			return
		}
		for _, form := range []string{
			"HostName=h;SharedAccessKey=" + secret, `{"authenticationKey":"` + secret + `"}`, "SharedAccessSignature sr=x&sig=" + secret + "&se=1",
		} {
			if got := Redact(around + " " + form + "\n" + around); strings.Contains(got, secret) {
				t.Errorf("Redact leaves the secret: %q", got)
			}
		}
	})
}
