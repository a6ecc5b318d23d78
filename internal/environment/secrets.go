package environment

import (
	"slices"
	"strings"
)

// Secrets are the variables in which this program, or azidentity, finds a secret.
var Secrets = []string{
	"PROVISIONING_CONNECTION_STRING", "TPMDPS_SAS_TOKEN",
	"AZURE_CLIENT_SECRET", "AZURE_CLIENT_CERTIFICATE_PASSWORD", "AZURE_PASSWORD", "IDENTITY_HEADER", "MSI_SECRET",
}

// WithoutSecrets is the environment for the programs that this one starts, such as
// systemctl, iotedge and swtpm: they have a use for no secret. A proxy's address goes
// along without its login.
func (v Variables) WithoutSecrets() []string {
	var env []string
	for _, entry := range v.entries {
		name, value, _ := strings.Cut(entry, "=")
		switch {
		case IsSecret(name):
			continue
		case isProxy(name):
			if value != "" && !strings.EqualFold(name, "no_proxy") && Unreadable(value) != "" {
				continue // where a login ends in it, nobody knows
			}
			if scheme, login, rest := SplitLogin(value); login != "" {
				entry = name + "=" + scheme + rest
			}
		}
		env = append(env, entry)
	}
	return env
}

// IsSecret tells by its name whether a variable holds a secret: by the names that are
// known, and by the words that Azure's tools have in theirs.
func IsSecret(name string) bool {
	upper := strings.ToUpper(name)
	if slices.Contains(Secrets, upper) {
		return true
	}
	azures := slices.ContainsFunc([]string{"AZURE_", "ARM_", "IOTHUB_", "IOTEDGE_", "PROVISIONING_", "TPMDPS_", "DPS_"},
		func(prefix string) bool { return strings.HasPrefix(upper, prefix) })
	return azures && slices.ContainsFunc([]string{"SECRET", "PASSWORD", "CONNECTION_STRING", "CONNECTIONSTRING", "SAS_TOKEN", "ACCESS_KEY", "SYMMETRIC_KEY"},
		func(word string) bool { return strings.Contains(upper, word) })
}

func isProxy(name string) bool { return strings.HasSuffix(strings.ToUpper(name), "_PROXY") }
