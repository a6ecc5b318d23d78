package dps

import (
	"io"
	"regexp"
	"strings"
)

// redacted stands where a secret stood.
const redacted = "[redacted]"

// Redact takes the credentials out of a text: SAS signatures, bearer tokens,
// keys of connection strings and of enrollments, challenges, passwords in JSON,
// in forms and in URLs. It is the one place that knows what a secret looks
// like; errors, logs and traces all pass through it. What it cannot know is a
// password that stands alone, so those are never given to a log.
func Redact(text string) string {
	text = sharedAccess.ReplaceAllStringFunc(text, redactSAS)
	for _, s := range secrets {
		text = s.pattern.ReplaceAllString(text, s.with)
	}
	return text
}

// sharedAccess matches a shared access signature, escaped or not.
var sharedAccess = regexp.MustCompile(`(?i)SharedAccessSignature(?:\s|%20|\+)+[^\s"'<>\\]+`)

// redactSAS leaves the fields that say what a token is for: resource, expiry
// and policy are what one looks for in a trace.
func redactSAS(token string) string {
	at := strings.IndexFunc(token, func(r rune) bool { return r == ' ' || r == '\t' || r == '\n' || r == '\r' })
	if at < 0 {
		return redacted
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

// secretName matches the names under which JSON, forms and connection strings
// carry secrets, with what may stand before it.
const secretName = `(?:[a-z0-9_.-]*(?:password|passwd|secret|connection[_-]?string|(?:primary|secondary|authentication|private|symmetric|account|access|signing)[_-]?key)` +
	`|(?:access|refresh|id|bearer|sas)[_-]?token|token|device[_-]code|(?:client[_-])?assertion|signature|sig)`

// secrets are replaced in this order.
var secrets = []struct {
	pattern *regexp.Regexp
	with    string
}{
	// Members of JSON, and of JSON inside a quoted text. A value that was cut
	// short counts too.
	{regexp.MustCompile(`(?i)(\\+"` + secretName + `\\+"\s*:\s*\\+")(?:[^"\\]|\\[^"\\]|\\\\[^"\\])+`), "${1}" + redacted},
	{regexp.MustCompile(`(?i)("` + secretName + `"\s*:\s*")(?:[^"\\]|\\.)+`), "${1}" + redacted},
	// Fields of forms, of connection strings and of URLs; code= is the key of
	// an Azure Function in a web hook's URL.
	{regexp.MustCompile(`(?i)((?:^|[^a-z0-9_])` + secretName + `(?:=|%(?:25)*3d))[^\s"'<>&;\\\[]+`), "${1}" + redacted},
	{regexp.MustCompile(`(?i)([?&]code=)[^\s"'<>&;\\\[]+`), "${1}" + redacted},
	// Bearer tokens, and JSON Web Tokens wherever they stand.
	{regexp.MustCompile(`(?i)Bearer(?:\s|%20|\+)+[a-z0-9._~+/-]{12,}=*`), redacted},
	{regexp.MustCompile(`eyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)*`), redacted},
	// The login of a proxy.
	{regexp.MustCompile(`(?i)((?:https?|socks5h?)://)[^\s/@"'<>]+@`), "${1}" + redacted + "@"},
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
