package gather

import (
	"encoding/json"
	"slices"

	"tpmdps/internal/environment"
	"tpmdps/internal/redact"
)

// redactor knows the passwords of this machine's chip, too.
func (g *gatherer) redactor() func(string) string {
	g.Learn(string(g.options.EndorsementAuth), string(g.options.OwnerAuth), g.file.EndorsementAuth, g.file.OwnerAuth)
	return Redactor(g.Known)
}

// Redactor takes everything out of a text that is known to be a secret on this machine,
// and everything that looks like one. What was JSON stays JSON.
func Redactor(known *redact.Set) func(string) string {
	return func(text string) string {
		if json.Valid([]byte(text)) {
			return redact.Patterns(string(known.JSON([]byte(text))))
		}
		return redact.Patterns(known.Text(text))
	}
}

// plainVariables are those whose value can be shown.
var plainVariables = []string{
	"TPMDPS_TPM", "TPM2TOOLS_TCTI", "TPMDPS_DPS", "TPMDPS_EK_ROOTS", "IOTHUB_DEVICE_DPS_ID_SCOPE", "PROVISIONING_IDSCOPE",
	"PROVISIONING_REGISTRATION_ID", "IOTHUB_DEVICE_DPS_ENDPOINT", "PROVISIONING_HOST", "SSL_CERT_FILE", "SSL_CERT_DIR",
	"NO_PROXY", "no_proxy", "TZ", "SUDO_USER",
}

// Variables are the names of the variables whose values a bundle shows. Those of a
// proxy, which may have a password in them, are shown without it.
func Variables() []string { return slices.Concat(plainVariables, environment.ProxyVariables()) }

// variable is one of the environment, as it can be shown.
type variable struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// shownEnvironment lists the variables that are set. Of those with secrets it says only
// that.
func shownEnvironment(values map[string]string, secrets []string) []variable {
	set := []variable{}
	add := func(names []string, show func(string) string) {
		for _, name := range names {
			if value, ok := values[name]; ok {
				set = append(set, variable{name, show(value)})
			}
		}
	}
	add(plainVariables, func(value string) string { return value })
	add(environment.ProxyVariables(), withoutLogin)
	for _, name := range secrets {
		set = append(set, variable{name, "(set, not shown)"})
	}
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
