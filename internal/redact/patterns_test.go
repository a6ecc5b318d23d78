package redact

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestPatterns(t *testing.T) {
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
		got := Patterns(tt.text)
		if got != tt.want {
			t.Errorf("Patterns(%s)\n = %s\nwant %s", tt.text, got, tt.want)
		}
		if again := Patterns(got); again != got {
			t.Errorf("Patterns(%s) = %s: not the same twice", got, again)
		}
	}
}

// Whoever relays a secret writes it in his own way: escaped, quoted, broken up.
func TestPatternsAsRelaysWriteThem(t *testing.T) {
	quoted := func(s string) string {
		data, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	const (
		sas    = "SharedAccessSignature sr=plant%2Fenrollments&sig=canary%2B%3D&se=1800000000&skn=enroller"
		member = `{"password":"a\"canary+","x":"y"}`
		pem    = "-----BEGIN RSA PRIVATE KEY-----\ncanary\n-----END RSA PRIVATE KEY-----"
	)
	for _, text := range []string{
		// JSON writes & as \u0026 and + as \u002b; others escape the slash.
		quoted(sas), quoted(quoted(sas)), quoted("sr=x&sig=canary&se=1"), quoted("https://f.example/?a=1&code=canary"),
		`sr\u003dx\u0026sig\u003dab\u002Bcanary`, `"sr=x&sig=ab\/canary"`, `{"primaryKey":"ab\/canary"}`, `SharedAccessSignature\tsr=x\u0026sig=canary`,
		member, quoted(member), quoted(quoted(member)), `{"password":"a\\\"canary"}`, `{"password":"a\\","secret":"canary"}`, `{"password":"a\\\"canary`,
		// URLs, once and twice.
		"sr%3Dx%26sig%3Dcanary%26se%3D1", "https://p.example/?to=sr%253Dx%2526sig%253Dcanary", "SharedAccessSignature%2520sr%253Dx%2526sig%253Dcanary",
		"SharedAccessSignature%09sr%3Dx%26sig%3Dcanary", "a%3Db%26client_secret%3Dcanary", "https://p.example/?to=https%3A%2F%2Ff%2Fapi%3Fcode%3Dcanary",
		"Authorization%3A%20Bearer%20canarycanary", "eyJ0eXAiOiJ%2EeyJcanary", "https://p.example/#code=canary", `http:\/\/me:canary@proxy`,
		strings.ReplaceAll(sas, "&", "&amp;"),
		// Two lines.
		"sr=x&sig=abc%2B\ncanarycanary%3D&se=1", "SharedAccessSignature sr=x&sig=abc\r\n  canarycanary%3D&se=1", "SharedAccessKey=abc\ncanarycanary==",
		`sig=abc\ncanarycanary`, "sig=abc\ndefdefdef&client_secret=canary~x", "X_TOKEN=abc\nACCOUNTKEY=canary", "X_TOKEN=abc\nAZURE_CLIENT_SECRET=ab8Q~canary",
		"SharedAccessSignature\r\n sr=x&sig=canary&se=1", pem, quoted(pem), pem[:40],
		// Blanks and quotes, as files and languages have them.
		"SharedAccessKey = canary==", "SharedAccessKey= canary==", `SharedAccessKey="canary=="`, "SharedAccessKey='canary=='", quoted(`SharedAccessKey="canary=="`),
		"SharedAccessKey: canary==", "primaryKey: canary", "map[primaryKey:canary]", "{'primaryKey': 'canary'}", `AZURE_CLIENT_SECRET="two canary"`,
		"TPMDPS_SAS_TOKEN=canary", "IDENTITY_HEADER=canary", "https://f.example/?api-key=canary",
		// Headers that a page repeats.
		"Authorization: Basic canary==", `{"Authorization":"Basic canary"}`, "Cookie: a=b; c=canary", "X-IDENTITY-HEADER: canary", "x-functions-key: canary",
		"http://me:p@canary@proxy:8080", "wss://me:canary@hub.example",
	} {
		got := Patterns(text)
		if strings.Contains(got, "canary") {
			t.Errorf("Patterns(%s) = %s", text, got)
		}
		if again := Patterns(got); again != got {
			t.Errorf("Patterns(%s) = %s: not the same twice", got, again)
		}
	}
	for _, text := range []string{ // nothing secret
		"give the hierarchy's password: --endorsement-auth-file FILE", "--connection-string: a command line is seen by every user",
		"SharedAccessKey is not base64: copy it whole", `auth_key_index = 0x100`, "https://localhost:8443/devices/a", "read token: open x: no such file",
		"keyName: registration",
	} {
		if got := Patterns(text); got != text {
			t.Errorf("Patterns(%s) = %s", text, got)
		}
	}
}

// Every name that counts has a word that is looked for first.
func TestPatternsOfEveryName(t *testing.T) {
	for _, name := range []string{
		"password", "passwd", "AZURE_CLIENT_SECRET", "access_token", "sas-token", "connection_string", "ConnectionString", "IDENTITY_HEADER", "identity-header",
		"primaryKey", "secondary_key", "authenticationKey", "private-key", "symmetricKey", "AccountKey", "SharedAccessKey", "signing_key",
		"api-key", "functionsKey", "subscription-key", "device_code", "client_assertion", "signature", "sig",
	} {
		for _, form := range []string{name + "=canary", `{"` + name + `":"canary"}`, "{'" + strings.ToUpper(name) + "': 'canary'}"} {
			if got := Patterns(form); strings.Contains(got, "canary") {
				t.Errorf("Patterns(%s) = %s", form, got)
			}
		}
	}
}

// A log quotes values, and quotes in them once more.
func TestPatternsAfterALog(t *testing.T) {
	var out bytes.Buffer
	w := new(Set).Writer(&out, Patterns)
	log := slog.New(slog.NewTextHandler(w, nil))
	body := `{"authenticationKey":"canary+/==","primaryKey":"canary"}`
	log.Info("answer", "body", body, "error", fmt.Errorf("said: %q", body), "header", []string{"SharedAccessSignature sr=x&sig=canary&se=1"})
	if strings.Contains(out.String(), "canary") || !strings.Contains(out.String(), Mark) {
		t.Errorf("the log has the secret, or nothing in its place:\n%s", &out)
	}
}

func FuzzPatterns(f *testing.F) {
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
			if got := Patterns(around + " " + form + "\n" + around); strings.Contains(got, secret) {
				t.Errorf("Patterns leaves the secret: %q", got)
			}
		}
	})
}
