package redact

import (
	"regexp"
	"slices"
	"strings"
)

// Patterns takes out of a text what looks like a credential: SAS signatures, bearer
// tokens, keys of connection strings and of enrollments, challenges, passwords in
// JSON, in forms and in URLs, private keys; also where a relay has escaped them for
// JSON or for a URL. Errors, logs and traces all pass through it. What it cannot
// know is a password that stands alone, so those are never given to a log.
func Patterns(text string) string {
	bare := strings.ToLower(hyphens.Replace(text))
	if containsAny(bare, nameWords) {
		text = redactMembers(text)
	}
	for _, s := range patterns {
		if containsAny(bare, s.words) {
			text = s.pattern.ReplaceAllString(text, s.with)
		}
	}
	if containsAny(bare, []string{"sharedaccesssignature"}) {
		text = sharedAccess.ReplaceAllStringFunc(text, redactSAS)
	}
	return text
}

// How a relay writes what it repeats: & is %26 or %2526 in a URL, \u0026 or
// \\u0026 in the JSON of System.Text.Json and of encoding/json.
const (
	escapeSign = `(?:%(?:25)*|\\+u00)`
	blank      = `(?:\s|\+|` + escapeSign + `(?:20|09)|\\+[trn])+`
	equals     = `[ \t]*(?:=|` + escapeSign + `3d)[ \t]*`
	// A name begins where a word does, or after an escaped sign.
	nameStart  = `(?:\b|_|` + escapeSign + `[0-9a-f]{2}|\\+[trn])`
	plainValue = `(?:[^\s"'<>&;\\\[]|\\+/|\\+u00(?:2b|2f|3d))+`
	// A value may stand in quotes, which are kept. One that was broken into two
	// lines has nothing but base64 on the second; what ends that is kept, too.
	anyValue = `(?:(\\*")[^"\\\r\n]+|(\\*')[^'\\\r\n]+|` + plainValue + `(?:[ \t]*(?:\r?\n|(?:\\+r)?\\+n)[ \t]*[a-z0-9+/%]{8,}={0,2}([\s"'&;<\\]|$))?)`
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

// patterns are replaced in this order, where one of the words is there: most
// texts have none, and looking for words is ten times quicker.
var patterns = []struct {
	words   []string
	pattern *regexp.Regexp
	with    string
}{
	{[]string{"private key"}, regexp.MustCompile(`(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)`), Mark},
	// Fields of forms, of connection strings and of URLs; code= is the key of
	// an Azure Function in a web hook's URL, or a sign-in that can be redeemed.
	{nameWords, regexp.MustCompile(`(?i)(` + nameStart + secretName + equals + `)` + anyValue), "${1}${2}${3}" + Mark + "${4}"},
	{[]string{"code"}, regexp.MustCompile(`(?i)((?:[?&#]|` + escapeSign + `(?:3f|26|23))code` + equals + `)` + plainValue), "${1}" + Mark},
	// YAML, headers that a page repeats, and what Python and Go print.
	{nameWords, regexp.MustCompile(`(?i)(\b[a-z0-9_-]*(?:` + keyName + `|identity[_-]header|client_?secret|connection_?string)\s*:\s*)` + plainValue), "${1}" + Mark},
	{nameWords, regexp.MustCompile(`(?i)('` + secretName + `'\s*:\s*')[^'\r\n]+`), "${1}" + Mark},
	{[]string{"authorization"}, regexp.MustCompile(`(?i)(authorization["']?\s*[:=]\s*["']?(?:Basic|Negotiate|NTLM)\s+)[a-z0-9+/=._-]+`), "${1}" + Mark},
	{[]string{"cookie"}, regexp.MustCompile(`(?i)(\b(?:set-)?cookie[ \t]*:[ \t]*)[^\s"'<>\\\[][^\r\n"'<>\\]*`), "${1}" + Mark},
	// Bearer tokens, and JSON Web Tokens wherever they stand.
	{[]string{"bearer"}, regexp.MustCompile(`(?i)Bearer` + blank + `[a-z0-9._~+/-]{12,}=*`), Mark},
	{[]string{"eyj"}, regexp.MustCompile(`eyJ[A-Za-z0-9_-]{5,}(?:(?:\.|%(?:25)*2[Ee])[A-Za-z0-9_-]*)+`), Mark},
	// The login of a proxy.
	{[]string{"@"}, regexp.MustCompile(`(?i)([a-z][a-z0-9+.-]*:(?:\\*/){2})[^\s/"'<>\\]+@`), "${1}" + Mark + "@"},
}

func containsAny(text string, words []string) bool {
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
		return Mark
	case strings.Contains(token, `\`): // its fields are not told apart
		return token[:at] + " " + Mark
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
			fields[i] = Mark
		case value != "":
			fields[i] = name + "=" + Mark
		}
	}
	return token[:at] + " " + strings.Join(fields, "&")
}

// secretMember is a secret's name in JSON, or in JSON inside a quoted text, up to the
// quote that opens its value.
var secretMember = regexp.MustCompile(`(?i)"` + secretName + `\\*"(?:\s|\\+[trn])*:(?:\s|\\+[trn])*(\\*)"`)

func redactMembers(text string) string {
	var b strings.Builder
	for at := secretMember.FindStringSubmatchIndex(text); at != nil; at = secretMember.FindStringSubmatchIndex(text) {
		b.WriteString(text[:at[1]])
		text = text[at[1]:]
		if end := memberEnd(text, at[3]-at[2]); end > 0 {
			b.WriteString(Mark)
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
