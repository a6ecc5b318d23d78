package dps

import (
	"io"
	"regexp"
	"slices"
	"strings"
)

// redacted stands where a secret stood.
const redacted = "[redacted]"

// Redact takes the credentials out of a text: SAS signatures, bearer tokens,
// keys of connection strings and of enrollments, challenges, passwords in JSON,
// in forms and in URLs, private keys; also where a relay has escaped them for
// JSON or for a URL. It is the one place that knows what a secret looks like;
// errors, logs and traces all pass through it. What it cannot know is a
// password that stands alone, so those are never given to a log.
func Redact(text string) string {
	bare := strings.ToLower(hyphens.Replace(text))
	if contains(bare, nameWords) {
		text = redactMembers(text)
	}
	for _, s := range secrets {
		if contains(bare, s.words) {
			text = s.pattern.ReplaceAllString(text, s.with)
		}
	}
	if contains(bare, []string{"sharedaccesssignature"}) {
		text = sharedAccess.ReplaceAllStringFunc(text, redactSAS)
	}
	return text
}

// How a relay writes what it repeats: & is %26 or %2526 in a URL, \u0026 or
// \\u0026 in the JSON of System.Text.Json and of encoding/json.
const (
	escape = `(?:%(?:25)*|\\+u00)`
	blank  = `(?:\s|\+|` + escape + `(?:20|09)|\\+[trn])+`
	equals = `[ \t]*(?:=|` + escape + `3d)[ \t]*`
	// A name begins where a word does, or after an escaped sign.
	begins = `(?:\b|_|` + escape + `[0-9a-f]{2}|\\+[trn])`
	plain  = `(?:[^\s"'<>&;\\\[]|\\+/|\\+u00(?:2b|2f|3d))+`
	// A value may stand in quotes, which are kept. One that was broken into two
	// lines has nothing but base64 on the second; what ends that is kept, too.
	value = `(?:(\\*")[^"\\\r\n]+|(\\*')[^'\\\r\n]+|` + plain + `(?:[ \t]*(?:\r?\n|(?:\\+r)?\\+n)[ \t]*[a-z0-9+/%]{8,}={0,2}([\s"'&;<\\]|$))?)`
)

// secretName matches the names under which JSON, forms and connection strings
// carry secrets, with what may stand before it.
const secretName = `(?:[a-z0-9_.-]*(?:password|passwd|secret|token|connection[_-]?string|identity[_-]?header|` + keyName + `)` +
	`|device[_-]code|(?:client[_-])?assertion|signature|sig)`

const keyName = `(?:primary|secondary|authentication|private|symmetric|account|access|signing|api|functions|subscription)[_-]?key`

// nameWords has a word of every secretName, in lower case and without hyphens.
var nameWords = []string{
	"password", "passwd", "secret", "token", "connectionstring", "identityheader", "devicecode", "assertion", "sig",
	"primarykey", "secondarykey", "authenticationkey", "privatekey", "symmetrickey", "accountkey", "accesskey", "signingkey",
	"apikey", "functionskey", "subscriptionkey",
}

var hyphens = strings.NewReplacer("-", "", "_", "")

// secrets are replaced in this order, where one of the words is there: most
// texts have none, and looking for words is ten times quicker.
var secrets = []struct {
	words   []string
	pattern *regexp.Regexp
	with    string
}{
	{[]string{"private key"}, regexp.MustCompile(`(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)`), redacted},
	// Fields of forms, of connection strings and of URLs; code= is the key of
	// an Azure Function in a web hook's URL, or a sign-in that can be redeemed.
	{nameWords, regexp.MustCompile(`(?i)(` + begins + secretName + equals + `)` + value), "${1}${2}${3}" + redacted + "${4}"},
	{[]string{"code"}, regexp.MustCompile(`(?i)((?:[?&#]|` + escape + `(?:3f|26|23))code` + equals + `)` + plain), "${1}" + redacted},
	// YAML, headers that a page repeats, and what Python and Go print.
	{nameWords, regexp.MustCompile(`(?i)(\b[a-z0-9_-]*(?:` + keyName + `|identity[_-]header|client_?secret|connection_?string)\s*:\s*)` + plain), "${1}" + redacted},
	{nameWords, regexp.MustCompile(`(?i)('` + secretName + `'\s*:\s*')[^'\r\n]+`), "${1}" + redacted},
	{[]string{"authorization"}, regexp.MustCompile(`(?i)(authorization["']?\s*[:=]\s*["']?(?:Basic|Negotiate|NTLM)\s+)[a-z0-9+/=._-]+`), "${1}" + redacted},
	{[]string{"cookie"}, regexp.MustCompile(`(?i)(\b(?:set-)?cookie[ \t]*:[ \t]*)[^\s"'<>\\\[][^\r\n"'<>\\]*`), "${1}" + redacted},
	// Bearer tokens, and JSON Web Tokens wherever they stand.
	{[]string{"bearer"}, regexp.MustCompile(`(?i)Bearer` + blank + `[a-z0-9._~+/-]{12,}=*`), redacted},
	{[]string{"eyj"}, regexp.MustCompile(`eyJ[A-Za-z0-9_-]{5,}(?:(?:\.|%(?:25)*2[Ee])[A-Za-z0-9_-]*)+`), redacted},
	// The login of a proxy.
	{[]string{"@"}, regexp.MustCompile(`(?i)([a-z][a-z0-9+.-]*:(?:\\*/){2})[^\s/"'<>\\]+@`), "${1}" + redacted + "@"},
}

func contains(text string, words []string) bool {
	return slices.ContainsFunc(words, func(word string) bool { return strings.Contains(text, word) })
}

// sharedAccess matches a shared access signature, escaped or not.
var sharedAccess = regexp.MustCompile(`(?i)SharedAccessSignature` + blank + `(?:[^\s"'<>\\]|\\+/|\\+u00[23][0-9a-f])+`)

// redactSAS leaves the fields that say what a token is for: resource, expiry
// and policy are what one looks for in a trace.
func redactSAS(token string) string {
	at := strings.IndexAny(token, " \t\r\n")
	switch {
	case at < 0:
		return redacted
	case strings.Contains(token, `\`): // its fields are not told apart
		return token[:at] + " " + redacted
	}
	fields := strings.Split(strings.TrimSpace(token[at:]), "&")
	for i, field := range fields {
		name, value, found := strings.Cut(field, "=")
		switch strings.ToLower(name) {
		case "sr", "se", "skn":
			continue
		}
		switch {
		case !found:
			fields[i] = redacted
		case value != "":
			fields[i] = name + "=" + redacted
		}
	}
	return token[:at] + " " + strings.Join(fields, "&")
}

// member is a secret's name in JSON, or in JSON inside a quoted text, up to the
// quote that opens its value.
var member = regexp.MustCompile(`(?i)"` + secretName + `\\*"(?:\s|\\+[trn])*:(?:\s|\\+[trn])*(\\*)"`)

func redactMembers(text string) string {
	var b strings.Builder
	for at := member.FindStringSubmatchIndex(text); at != nil; at = member.FindStringSubmatchIndex(text) {
		b.WriteString(text[:at[1]])
		text = text[at[1]:]
		if end := memberEnd(text, at[3]-at[2]); end > 0 {
			b.WriteString(redacted)
			text = text[end:]
		}
	}
	return b.String() + text
}

// memberEnd finds the end of a value whose quotes have depth backslashes before
// them, which is one less than a power of two: a quote of the value's own has
// more. A value that was cut short ends with the text.
func memberEnd(text string, depth int) int {
	run := 0
	for i := range len(text) {
		switch text[i] {
		case '\\':
			run++
			continue
		case '"':
			if run < depth || (run-depth)%(2*(depth+1)) == 0 {
				return i - min(run, depth)
			}
		}
		run = 0
	}
	return len(text)
}

// RedactWriter passes on what is written to it, redacted. Each write has to
// hold whole lines, as those of fmt and log/slog do.
func RedactWriter(w io.Writer) io.Writer { return redactWriter{w} }

type redactWriter struct{ io.Writer }

// Write reports all of p as written, however long it has become.
func (w redactWriter) Write(p []byte) (int, error) {
	if _, err := io.WriteString(w.Writer, Redact(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}
