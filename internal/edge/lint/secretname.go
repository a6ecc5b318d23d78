package lint

import (
	"regexp"
	"slices"
	"strings"

	"tpmdps/internal/edge/schema"
	"tpmdps/internal/tomledit"
)

// secret notes that a key holds a secret. A key of a fixed name does if it has a
// value; of the agent's variables and container options, those whose name says so
// or whose value can be nothing else.
func (c *checker) secret(n *node, k schema.Key) {
	switch {
	case !k.Secret:
	case k.ByName:
		c.secretsBelow(n, n.name)
	case !n.table && holds(n) && !schema.IsPersonal(k.Name):
		c.holds(n)
	}
}

func (c *checker) holds(n *node) {
	if path := tomledit.Key(n.path...); !slices.Contains(c.secrets, path) {
		c.secrets = append(c.secrets, path)
	}
}

// secretsBelow looks at a key by its name, and at all that is below it.
func (c *checker) secretsBelow(n *node, name string) {
	for _, m := range n.members {
		own := m.name
		if own == "value" {
			own = name // as in symmetric_key = { value = "…" }
		}
		c.secretsBelow(m, own)
	}
	switch {
	case n.table:
	case n.entry.Kind == tomledit.Array && secretInList(n.entry.Items), n.entry.Kind == tomledit.String && isSecret(name, n.entry.Text):
		c.holds(n)
	}
}

// secretInList looks at the variables and arguments of a container: NAME=VALUE,
// --name=value, or --name and the value after it.
func secretInList(items []string) bool {
	for i, item := range items {
		name, value, assigned := strings.Cut(item, "=")
		if !assigned && strings.HasPrefix(item, "-") && i+1 < len(items) && !strings.HasPrefix(items[i+1], "-") {
			name, value, assigned = item, items[i+1], true
		}
		if reveals(item) || assigned && isSecret(strings.TrimLeft(name, "-"), value) {
			return true
		}
	}
	return false
}

// isSecret reports whether a value is a secret, by its name and by itself. Where a
// secret is kept is not one.
func isSecret(name, value string) bool {
	trimmed := strings.TrimSpace(value)
	switch lower := strings.ToLower(trimmed); {
	case reveals(trimmed):
		return true
	case lower == "", lower == "true", lower == "false", lower == "none", lower == "null",
		strings.HasPrefix(lower, "/"), strings.Contains(lower, "://"), strings.HasPrefix(lower, "file:"), strings.HasPrefix(lower, "pkcs11:"):
		return false
	}
	return secretName(name)
}

// secretValue is in values that are a secret under any name: connection strings,
// tokens, a password in a URL, a key in PEM.
var secretValue = regexp.MustCompile(`(?i)(?:sharedaccesskey|accountkey|pin-value|password|pwd)=[^;&\s]|sharedaccesssignature |[?&]sig=|://[^/?#\s@]*:[^/?#\s@]+@|-----BEGIN [A-Z ]*PRIVATE KEY`)

func reveals(value string) bool { return secretValue.MatchString(value) }

// The words of a name that say that it stands for a secret, those with which a
// longer word ends, and those that say the contrary when they stand last
// (PASSWORD_FILE) or before the word (PUBLIC_KEY).
var (
	secretWords   = strings.Fields("key keys pin pwd pass psk sas pat jwt cred creds")
	secretEndings = strings.Fields("password passwords passwd passphrase secret secrets token tokens apikey accesskey accountkey privatekey secretkey masterkey sharedkey sharedaccesskey connectionstring connstr credential credentials")
	aboutSecrets  = strings.Fields("file path dir directory folder name id ids url uri endpoint host length len size bits count policy policies type algorithm format ttl timeout expiry expires expiration lifetime validity minutes seconds secs hours days interval frequency enabled enable disabled required mode version provider issuer scope audience prefix suffix header rotation renewal cache store vault map mapping")
	publicWords   = strings.Fields("public partition routing sort foreign row column hot index")
	wordParts     = regexp.MustCompile(`[A-Z]+(?:[a-z]+)?|[a-z]+`)
	wordBoundary  = regexp.MustCompile(`([a-z0-9])([A-Z])|([A-Z])([A-Z][a-z])`)
)

// secretName reports whether a name is one of a secret. It goes by whole words, so
// that neither MONKEY nor PortMapping is one.
func secretName(name string) bool {
	words := nameWords(name)
	if len(words) == 0 || slices.Contains(aboutSecrets, words[len(words)-1]) {
		return false
	}
	for i, word := range words {
		known := slices.Contains(secretWords, word) && (i == 0 || !slices.Contains(publicWords, words[i-1]))
		known = known || slices.ContainsFunc(secretEndings, func(end string) bool { return strings.HasSuffix(word, end) })
		known = known || word == "string" && i > 0 && words[i-1] == "connection"
		if known {
			return true
		}
	}
	return false
}

// nameWords splits DB_PASSWORD, dbPassword and db-password.
func nameWords(name string) []string {
	spaced := wordBoundary.ReplaceAllString(name, "$1$3 $2$4")
	var words []string
	for _, w := range wordParts.FindAllString(spaced, -1) {
		words = append(words, strings.ToLower(w))
	}
	return words
}
