package redact

import (
	"net/url"
	"regexp"
	"strings"
)

// Learn adds what is secret in texts, each of them all that was read: of a connection
// string, a SAS token or a form only the secret fields are kept.
func (s *Set) Learn(texts ...string) {
	for _, text := range texts {
		s.Add(parts(text)...)
	}
}

// LearnLogin adds a login, name and password, as it stands in a URL, and as it is sent.
func (s *Set) LearnLogin(login, password string) {
	if password == "" {
		return
	}
	s.Add(login, password) // an & in it does not end a field
	if plain, err := url.PathUnescape(login); err == nil {
		s.Add(plain)
	}
	if plain, err := url.PathUnescape(password); err == nil {
		s.Add(plain)
	}
}

// secretField is the name of a field of a connection string, a token or a form whose
// value is a secret.
var secretField = regexp.MustCompile(`(?i)^\s*(?:.*key|sig|.*secret|.*password|.*assertion|.*token|.*code)\s*$`)

// plainField is one beside which the secrets are: a host, a policy, an application.
var plainField = regexp.MustCompile(`(?i)(?:^|[^a-z0-9_-])(?:hostname|endpoint|accountname|deviceid|sr|se|skn|grant_type|client_id)\s*=`)

// parts are the secrets in a text: the values of its secret fields, and the
// text itself unless it is known to be more than a secret.
func parts(text string) []string {
	text = strings.ReplaceAll(strings.TrimSpace(text), `\u0026`, "&") // as PowerShell and Go write JSON
	var secrets []string
	for field := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ';' || r == '&' || r == '\n' }) {
		name, value, found := strings.Cut(field, "=")
		if space := strings.LastIndexByte(strings.TrimSpace(name), ' '); space >= 0 {
			name = strings.TrimSpace(name)[space:] // SharedAccessSignature sig=
		}
		if value = strings.Trim(strings.TrimSpace(value), `"'`); found && secretField.MatchString(name) && strings.Trim(value, "=") != "" {
			secrets = append(secrets, value)
			if bare, _, quoted := strings.Cut(value, `"`); quoted && bare != "" {
				secrets = append(secrets, bare) // what follows it is JSON
			}
		}
	}
	if len(secrets) > 0 && plainField.MatchString(text) {
		return secrets
	}
	return append(secrets, text)
}
