package main

import (
	"encoding/json"

	"tpmdps/internal/environment"
	"tpmdps/internal/redact"
)

// redactor takes everything out that is known to be a secret on this machine, and
// everything that looks like one. What was JSON stays JSON.
func (g *gatherer) redactor() func(string) string {
	known := &redact.Set{}
	if g.s != nil {
		known = g.s.known()
	}
	s := streams{err: known.Writer(nil, nil)}
	s.learnEnvironment()
	s.learn(string(g.options.EndorsementAuth), string(g.options.OwnerAuth), g.file.EndorsementAuth, g.file.OwnerAuth)
	return func(text string) string {
		if json.Valid([]byte(text)) {
			return redact.Patterns(string(known.JSON([]byte(text))))
		}
		return redact.Patterns(known.Text(text))
	}
}

// The variables of a bundle: those whose value can be shown, and those of a proxy,
// which may have a password in them. Of secretVariables it is said only that they
// are set.
var plainVariables = []string{
	"TPMDPS_TPM", "TPM2TOOLS_TCTI", "TPMDPS_DPS", "IOTHUB_DEVICE_DPS_ID_SCOPE", "PROVISIONING_IDSCOPE",
	"PROVISIONING_REGISTRATION_ID", "IOTHUB_DEVICE_DPS_ENDPOINT", "PROVISIONING_HOST", "SSL_CERT_FILE", "SSL_CERT_DIR",
	"NO_PROXY", "no_proxy", "TZ", "SUDO_USER",
}

// variable is one of the environment, as it can be shown.
type variable struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// shownEnvironment lists the variables that are set.
func shownEnvironment(lookup func(string) (string, bool)) []variable {
	set := []variable{}
	add := func(names []string, show func(string) string) {
		for _, name := range names {
			if value, ok := lookup(name); ok {
				set = append(set, variable{name, show(value)})
			}
		}
	}
	add(plainVariables, func(value string) string { return value })
	add(environment.ProxyVariables(), withoutLogin)
	add(secretVariables, func(string) string { return "(set, not shown)" })
	return set
}

// withoutLogin takes name and password out of a proxy's address. Of one that cannot
// be read nobody knows where the password ends.
func withoutLogin(address string) string {
	if reason := environment.Unreadable(address); reason != "" && address != "" {
		return "(set, not shown: not usable: " + reason + ")"
	}
	scheme, login, rest := environment.SplitLogin(address)
	if login == "" {
		return address
	}
	return scheme + "[redacted]@" + rest
}
