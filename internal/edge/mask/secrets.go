package mask

import (
	"regexp"
	"slices"
	"strings"

	"tpmdps/internal/edge/rawline"
	"tpmdps/internal/edge/schema"
	"tpmdps/internal/tomledit"
)

// secretWord is in the names of variables that hold secrets.
var secretWord = regexp.MustCompile(`(?i)key|secret|passw|token|connection_?string|credential|pin`)

// keyFile is the path of a key's file, without the file:// that belongs before it:
// neither base64 nor a person's password looks so.
var keyFile = regexp.MustCompile(`^(/[A-Za-z0-9._+-]+)+\.(pem|key|der|crt|cer|p8|pk8)$`)

// keyPlace is where a key is, which is not a secret: a URL, or the path that people
// write in its place. Only the usual directories count, as base64 may begin with a
// slash, too.
var keyPlace = regexp.MustCompile(`^\s*(?i:file|pkcs11):|^/(?:boot|data|etc|home|media|mnt|opt|root|run|srv|tmp|usr|var)/`)

// Secrets are the secrets in a config.toml, broken or not: passwords, keys,
// connection strings, PINs, and what the agent's variables of such names have. A
// name where only a password belongs is one too, if it looks like that: the two were
// exchanged. They are for those who keep them out of what is printed.
func Secrets(data []byte) []string {
	var found []string
	add := func(name, value string, sure bool) {
		pin := PIN(value)
		switch {
		case pin != "":
			found = append(found, pin)
		case keyFile.MatchString(value), keyPlace.MatchString(value), schema.IsPersonal(name):
		case sure || secretWord.MatchString(name) && !schema.IsHarmless(name):
			found = append(found, value)
		}
	}
	doc, err := tomledit.Parse(data)
	if err != nil || len(data) > schema.MaxFile {
		for line := range strings.Lines(string(data)) {
			if m := rawline.Setting.FindStringSubmatch(strings.TrimSpace(line)); m != nil {
				name := strings.Trim(m[1][strings.LastIndexByte(m[1], '.')+1:], `"' `)
				value, _ := rawline.Word(m[2])
				add(name, strings.Trim(value, `"' `), schema.IsName(name) && !schema.IsHarmless(name))
			}
		}
		return found
	}
	for _, e := range doc.Entries() {
		name := e.Path[len(e.Path)-1]
		k, ok := schema.Lookup(e.Path)
		if swapped := exchanged(e.Path); swapped != "" {
			found = append(found, swapped)
		}
		if e.Kind == tomledit.String {
			add(name, e.Text, ok && k.Secret && e.Path[0] != "agent")
		}
		for _, item := range e.Items { // NAME=VALUE, of a container
			if variable, value, ok := strings.Cut(item, "="); ok {
				add(variable, value, false)
			}
		}
	}
	return found
}

// ofSecrets are tables whose values are all secrets.
var ofSecrets = [][]string{{"tpm", "hierarchy_authorization"}, {"provisioning", "attestation", "symmetric_key"}}

// madeUp is in names that are not misspelt keys: digits, capitals, other signs.
var madeUp = regexp.MustCompile(`[^a-z_-]`)

// shortestMadeUp is the length in bytes from which a name may be a password.
const shortestMadeUp = 6

// exchanged is the name in a path that may be the secret which belongs after it;
// "" if there is none. A key that was misspelt is shown.
func exchanged(path []string) string {
	for _, table := range ofSecrets {
		n := len(table)
		if len(path) <= n || !slices.Equal(path[:n], table) {
			continue
		}
		if _, known := schema.Lookup(path[:n+1]); !known && len(path[n]) >= shortestMadeUp && madeUp.MatchString(path[n]) {
			return path[n]
		}
	}
	return ""
}

// PIN is the PIN in the URI of a key on a token.
func PIN(uri string) string {
	_, pin, found := strings.Cut(uri, "pin-value=")
	if !found {
		return ""
	}
	pin, _, _ = strings.Cut(pin, "&")
	pin, _, _ = strings.Cut(pin, ";")
	return pin
}
