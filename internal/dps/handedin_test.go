package dps

import (
	"strings"
	"testing"
)

// A connection string that was broken into lines, or stands among others, is found;
// where more than one could be meant, none is.
func TestCredentialTextInLines(t *testing.T) {
	broken := connectionString[:70] + "\n" + connectionString[70:110] + "\r\n  " + connectionString[110:]
	parts := strings.ReplaceAll(connectionString, ";", "\n")
	for name, text := range map[string]string{
		"broken":                  broken,
		"broken, in quotes":       `"` + broken + `"`,
		"a field a line":          parts,
		"a field a line, ;":       strings.ReplaceAll(connectionString, ";", ";\n"),
		"comments":                "# the plant's\n; old\n// see the wiki\n\n" + connectionString + "\n# end\n",
		"a file of variables":     "SSL_CERT_FILE=/etc/ca.pem\nPROVISIONING_CONNECTION_STRING=\"" + connectionString + "\"\nTPMDPS_DPS=https://localhost:8443\n",
		"a table":                 "ConnectionString\n----------------\n" + connectionString + "\n",
		"a table with a frame":    "ConnectionString\n+------------+\n" + connectionString,
		"begins in the first one": connectionString[:4] + "\n" + connectionString[4:],
	} {
		if got, err := CredentialText(text); err != nil || got != connectionString {
			t.Errorf("%s: CredentialText(%q) = %q, %v", name, text, got, err)
		}
		if cs, err := ParseConnectionString(text); err != nil || cs.KeyName != "enroller" {
			t.Errorf("%s: %v, %v", name, cs, err)
		}
	}
	other := strings.Replace(connectionString, "Plant", "other", 1)
	for text, want := range map[string]string{
		connectionString + "\n" + other:                        "there are 2 of them, on a line each",
		"A=" + connectionString + "\nB=" + testToken:           "there are 2 of them, on a line each",
		`{"a":"` + connectionString + `","b":"` + other + `"}`: "there are 2 of them in this JSON",
		`{"connectionString":"` + connectionString:             "it begins as JSON but is incomplete",
		`{"keyName":"a","primaryKey":"` + secretKey + `"}`:     "this is a policy as JSON",
		`[]`: "JSON in which there is no connection string",
		`{"a":{"b":[null,1,true,{"c":"HostNames"}]}}`: "JSON in which there is no connection string",
	} {
		got, err := CredentialText(text)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), secretKey[:12]) {
			t.Errorf("CredentialText(%q) = %q, %v, want %q", text, got, err, want)
		}
	}
	// Of a token nothing is put together.
	for _, text := range []string{testToken[:60] + "\n" + testToken[60:], testToken + "\nrest"} {
		if token, err := ParseToken(text); err == nil {
			t.Errorf("ParseToken(%q) = %v", text, token)
		}
	}
}

// What is no credential comes back as it is, and a bare one too: the text that comes
// back has nothing left to take off.
func FuzzCredentialText(f *testing.F) {
	for _, text := range []string{connectionString, testToken, "export A=\"" + connectionString + "\"", `{"a":"` + testToken + `"}`, "a\nb", "“", "{", "\x00"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := CredentialText(text)
		if err != nil {
			return
		}
		if again, err := CredentialText(got); err == nil && beginsWhole.MatchString(got) && !strings.ContainsAny(got, "\r\n") && again != got {
			t.Errorf("CredentialText(%q) = %q, and of that %q", text, got, again)
		}
	})
}
