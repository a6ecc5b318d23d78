package schema

import (
	"slices"
	"strings"
	"sync"
	"unicode/utf8"
)

// Formerly are names of IoT Edge 1.1's config.yaml, and of the files that
// config.toml is turned into, with what config.toml has for them. So people who
// copy from an old page find it.
var Formerly = map[string]string{
	"scope_id":                        "id_scope",
	"device_ca_cert":                  "cert of [edge_ca]",
	"device_ca_pk":                    "pk of [edge_ca]",
	"trusted_ca_certs":                "trust_bundle_cert",
	"dynamic_reprovisioning":          "auto_reprovisioning_mode",
	"always_reprovision_on_startup":   `auto_reprovisioning_mode = "AlwaysOnStartup"`,
	"device_connection_string":        "connection_string",
	"certificates":                    "[edge_ca] and trust_bundle_cert",
	"content_trust_ca_certs":          "ca_certs of [moby_runtime.content_trust]",
	"max_requests":                    "[aziot_max_requests]",
	"homedir":                         "nothing",
	"homedir_path":                    "nothing",
	"endpoints":                       "nothing",
	"principal":                       "nothing",
	"auto_generated_ca_lifetime_days": "auto_generated_edge_ca_expiry_days",
}

// OnlyPlace finds a key by its name, if there is no secret in it wherever it
// stands.
func OnlyPlace(name string) (Key, bool) {
	all := Places(func(k Key) bool { return k.Called(name) })
	if len(all) == 0 || slices.ContainsFunc(all, func(p Place) bool { return p.Key.hides() }) {
		return Key{}, false
	}
	return all[0].Key, true
}

// Nearest finds the name that a misspelt one may stand for.
func Nearest(name string, known []string) (string, bool) {
	length := utf8.RuneCountInString(name)
	limit := min(length/4, 3)
	best, found := "", false
	if len(name) > 64 {
		return "", false // of no key
	}
	for _, k := range known {
		if n := utf8.RuneCountInString(k) - length; n > max(limit, 0) || -n > max(limit, 0) {
			continue // so many letters are missing, or too many
		}
		if d := Distance(name, k); d <= limit || d == 0 {
			best, found, limit = k, true, d-1
		}
	}
	return best, found
}

// Distance counts the letters that are wrong, missing, too many, or swapped
// (Damerau and Levenshtein); case and the sort of dash do not count.
func Distance(a, b string) int {
	fold := func(s string) []rune { return []rune(strings.ReplaceAll(strings.ToLower(s), "-", "_")) }
	s, t := fold(a), fold(b)
	rows := make([][]int, len(s)+1)
	for i := range rows {
		rows[i] = make([]int, len(t)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(s); i++ {
		for j := 1; j <= len(t); j++ {
			cost := 1
			if s[i-1] == t[j-1] {
				cost = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && s[i-1] == t[j-2] && s[i-2] == t[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(s)][len(t)]
}

// IsHarmless reports whether a name, or the one that it is a slip of, holds no
// secret wherever it stands.
func IsHarmless(name string) bool {
	name = strings.Trim(strings.TrimSpace(name), `"'`)
	if now, ok := Formerly[name]; ok {
		name = now
	}
	if _, ok := OnlyPlace(name); ok {
		return true
	}
	near, ok := Nearest(name, allNames())
	if ok {
		_, ok = OnlyPlace(near)
	}
	return ok
}

// IsName reports whether IoT Edge has a key of that name.
func IsName(name string) bool {
	return len(Places(func(k Key) bool { return k.Called(strings.TrimSpace(name)) })) > 0
}

// allNames are those of all keys.
var allNames = sync.OnceValue(func() []string {
	var all []string
	for _, p := range Places(func(Key) bool { return true }) {
		all = append(all, p.Key.Name)
	}
	return all
})

// IsPersonal reports whether a key's value is shown to nobody although it is not a
// secret, but a word that stands elsewhere too: a user's name.
func IsPersonal(name string) bool { return name == "username" || name == "email" }
