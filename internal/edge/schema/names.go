package schema

import (
	"slices"
	"strings"
	"sync"

	"tpmdps/internal/spelling"
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
	k, ok := withoutSecrets()[name]
	return k, ok
}

// withoutSecrets are the names that OnlyPlace finds.
var withoutSecrets = sync.OnceValue(func() map[string]Key {
	found := map[string]Key{}
	for name, all := range placesByName() {
		if !slices.ContainsFunc(all, func(p Place) bool { return p.Key.hides() }) {
			found[name] = all[0].Key
		}
	}
	return found
})

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
	_, ok := OnlyPlace(spelling.Slip(name, allNames()))
	return ok
}

// IsName reports whether IoT Edge has a key of that name.
func IsName(name string) bool {
	return len(placesByName()[strings.TrimSpace(name)]) > 0
}

// allNames are those of all keys, each once.
var allNames = sync.OnceValue(func() []string {
	var all []string
	for _, p := range Places(func(Key) bool { return true }) {
		if !slices.Contains(all, p.Key.Name) {
			all = append(all, p.Key.Name)
		}
	}
	return all
})

// IsPersonal reports whether a key's value is shown to nobody although it is not a
// secret, but a word that stands elsewhere too: a user's name.
func IsPersonal(name string) bool { return name == "username" || name == "email" }
