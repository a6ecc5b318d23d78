package sas

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
)

// A token for a part of the service opens that part, segment by segment, in any
// case; a service that compares whole resources accepts only the one for all of it.
func TestWithinBySegment(t *testing.T) {
	for _, tt := range []struct {
		target, audience string
		want             bool
	}{
		{"h/enrollments/box-1", "h", true},
		{"h/enrollments/box-1", "H/Enrollments/", true},
		{"h/enrollments/box-1", "h/enrollments/BOX-1", true},
		{"h/enrollments/box-10", "h/enrollments/box-1", false},
		{"h/enrollments", "h/enrollments/box-1", false},
		{"h/enrollmentsx", "h/enrollments", false},
		{"h.example/enrollments", "h", false},
		{"h", "h/enrollments", false},
		{"h", "h", true},
		{"h", "", false},
	} {
		if got := covers(tt.target, tt.audience); got != tt.want {
			t.Errorf("within(%q, %q) = %v, want %v", tt.target, tt.audience, got, tt.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("sr=a%2fb&sig=AAAA&se=1&skn=x")
	f.Add("sr=&&==")
	f.Fuzz(func(t *testing.T, text string) {
		token, err := Parse(text)
		if err == nil && token.Check([]byte("a key that nobody signed with"), "a/b", time.Unix(0, 0)) == nil {
			t.Errorf("Parse(%q) is a valid token", text)
		}
	})
}

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// signed makes the fields of a token; more is what else stands in it.
func signed(sr string, key []byte, expiry time.Time, more string) string {
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s\n%d", sr, expiry.Unix())
	return fmt.Sprintf("sr=%s&sig=%s&se=%d%s", sr, url.QueryEscape(base64.StdEncoding.EncodeToString(mac.Sum(nil))), expiry.Unix(), more)
}

func TestCheck(t *testing.T) {
	key := []byte("a key")
	for name, tt := range map[string]struct{ text, want string }{ // "" is a token that opens h/devices/d
		"as it should be":    {signed("h%2fdevices%2fd", key, noon, ""), ""},
		"a part of the path": {signed("h", key, noon, "&skn=policy"), ""},
		"unescaped":          {signed("h/devices/d", key, noon, ""), ""},
		"just in time":       {signed("h", key, noon.Add(-5*time.Minute), ""), ""},
		"blanks around it":   {" " + signed("h", key, noon, "") + "\n", ""},
		"too late":           {signed("h", key, noon.Add(-5*time.Minute-time.Second), ""), "expired"},
		"another key":        {signed("h", []byte("x"), noon, ""), "signature is wrong"},
		"another resource":   {signed("h%2fdevices%2fe", key, noon, ""), "another resource"},
		"a broken audience":  {signed("h", key, noon, "&sr=%"), "token field"},
		"no expiry":          {"sr=h&sig=AAAA", "lacks"},
		"no signature":       {"sr=h&se=1", "lacks"},
		"a bare field":       {"sr", "no value"},
		"not base64":         {"sr=h&se=1&sig=!", "signature"},
		"expiry in words":    {"sr=h&se=tomorrow&sig=AAAA", "not a number"},
	} {
		token, err := Parse(tt.text)
		if err == nil {
			err = token.Check(key, "h/devices/d", noon)
		}
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
	if token, err := Parse(signed("h", key, noon, "&SKN=a%20policy")); err != nil || token.KeyName != "a policy" {
		t.Errorf("KeyName = %q, %v", token.KeyName, err)
	}
	// A plus that nobody escaped is one.
	if _, err := Parse("sr=h&se=1&sig=a+b/"); err != nil {
		t.Error(err)
	}
}

func TestFillKeys(t *testing.T) {
	for _, tt := range []struct{ raw, old, want string }{ // NEW is a key that was drawn
		{``, ``, `{"primaryKey":"NEW","secondaryKey":"NEW"}`},
		{`null`, `{"type":"tpm"}`, `{"primaryKey":"NEW","secondaryKey":"NEW"}`},
		{`{"secondaryKey":"b"}`, ``, `{"primaryKey":"NEW","secondaryKey":"b"}`},
		{`{"primaryKey":null,"more":1}`, `{"symmetricKey":{"primaryKey":"a","secondaryKey":"b"}}`, `{"primaryKey":"a","secondaryKey":"b","more":1}`},
		{`{"primaryKey":"c","secondaryKey":"d"}`, `{"symmetricKey":{"primaryKey":"a","secondaryKey":"b"}}`, `{"primaryKey":"c","secondaryKey":"d"}`},
	} {
		got := string(FillKeys(json.RawMessage(tt.raw), json.RawMessage(tt.old)))
		if drawn := regexp.MustCompile(`[A-Za-z0-9+/]{86}==`).ReplaceAllString(got, "NEW"); drawn != tt.want {
			t.Errorf("FillKeys(%s, %s) = %s, want %s", tt.raw, tt.old, got, tt.want)
		}
	}
	if first, second := FillKeys(nil, nil), FillKeys(nil, nil); string(first) == string(second) {
		t.Error("two draws are the same")
	}
}
