package main

import (
	"net/url"
	"os"
	"regexp"
	"strings"

	"tpmdps/internal/environment"
	"tpmdps/internal/redact"
)

// learning can be switched off by tests, to see that their search finds what is
// taken out otherwise.
var learning = true

// redacted are the streams as a command gets them: what was learned does not pass,
// nor, on stderr, what looks like a secret. flush passes on what they hold back.
func (s streams) redacted() (_ streams, flush func()) {
	known := &redact.Set{}
	out, errs := known.Writer(s.out, nil), known.Writer(s.err, redact.Patterns)
	s.out, s.err = out, errs
	return s, func() {
		_ = errs.Flush() // there is nobody left to be told
		_ = out.Flush()
	}
}

// known is the set of this run's secrets.
func (s streams) known() *redact.Set {
	if w, ok := s.err.(*redact.Writer); ok {
		return w.Set()
	}
	return &redact.Set{} // the streams of a test
}

// learn makes secrets known to whatever is printed from now on. It is called where a
// secret is read, with all that was read: of a connection string or a SAS token only
// the secret part is kept.
func (s streams) learn(secrets ...string) {
	if !learning {
		return
	}
	for _, secret := range secrets {
		s.known().Add(secretParts(secret)...)
	}
}

// redact takes out of a text what is known and what looks like a secret: for texts
// that go elsewhere than to the streams.
func (s streams) redact(text string) string { return redact.Patterns(s.known().Text(text)) }

// secretField is the name of a field of a connection string, a token or a form whose
// value is a secret.
var secretField = regexp.MustCompile(`(?i)^\s*(?:.*key|sig|.*secret|.*password|.*assertion|.*token|.*code)\s*$`)

// plainField is one beside which the secrets are: a host, a policy, an application.
var plainField = regexp.MustCompile(`(?i)(?:^|[^a-z0-9_-])(?:hostname|endpoint|accountname|deviceid|sr|se|skn|grant_type|client_id)\s*=`)

// secretParts are the secrets in a text: the values of its secret fields, and the
// text itself unless it is known to be more than a secret.
func secretParts(text string) []string {
	text = strings.ReplaceAll(strings.TrimSpace(text), `\u0026`, "&") // as PowerShell and Go write JSON
	var parts []string
	for field := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ';' || r == '&' || r == '\n' }) {
		name, value, found := strings.Cut(field, "=")
		if space := strings.LastIndexByte(strings.TrimSpace(name), ' '); space >= 0 {
			name = strings.TrimSpace(name)[space:] // SharedAccessSignature sig=
		}
		if value = strings.Trim(strings.TrimSpace(value), `"'`); found && secretField.MatchString(name) && strings.Trim(value, "=") != "" {
			parts = append(parts, value)
			if bare, _, quoted := strings.Cut(value, `"`); quoted && bare != "" {
				parts = append(parts, bare) // what stands behind it is JSON
			}
		}
	}
	if len(parts) > 0 && plainField.MatchString(text) {
		return parts
	}
	return append(parts, text)
}

// learnEnvironment learns what the environment has, whether this run uses it or not.
func (s streams) learnEnvironment() {
	for _, name := range secretVariables {
		s.learn(os.Getenv(name))
	}
	for _, name := range environment.ProxyVariables() {
		_, login, _ := environment.SplitLogin(os.Getenv(name))
		_, password, _ := strings.Cut(login, ":")
		s.learnLogin(login, password)
	}
}

// learnLogin learns a login as it stands in a URL, and as it is sent.
func (s streams) learnLogin(login, password string) {
	if password == "" || !learning {
		return
	}
	s.known().Add(login, password) // an & in it is no sign of a field
	if plain, err := url.PathUnescape(login); err == nil {
		s.known().Add(plain)
	}
	if plain, err := url.PathUnescape(password); err == nil {
		s.known().Add(plain)
	}
}
