package main

import (
	"os"
	"slices"
	"strings"

	"tpmdps/internal/environment"
)

// childEnvironment is the environment for the programs that this one starts, such as
// systemctl, iotedge and swtpm: without secrets, since they have a use for none. A
// proxy's address goes along without its login.
func childEnvironment() []string {
	var env []string
	for _, entry := range os.Environ() {
		name, value, _ := strings.Cut(entry, "=")
		switch {
		case isSecretVariable(name):
			continue
		case isProxyVariable(name):
			if value != "" && !strings.EqualFold(name, "no_proxy") && environment.Unreadable(value) != "" {
				continue // where a login ends in it, nobody knows
			}
			if scheme, login, rest := environment.SplitLogin(value); login != "" {
				entry = name + "=" + scheme + rest
			}
		}
		env = append(env, entry)
	}
	return env
}

// isSecretVariable goes by the names that are known, and by the words that Azure's
// tools have in theirs.
func isSecretVariable(name string) bool {
	upper := strings.ToUpper(name)
	if slices.Contains(secretVariables, upper) {
		return true
	}
	azures := slices.ContainsFunc([]string{"AZURE_", "ARM_", "IOTHUB_", "IOTEDGE_", "PROVISIONING_", "TPMDPS_", "DPS_"},
		func(prefix string) bool { return strings.HasPrefix(upper, prefix) })
	return azures && slices.ContainsFunc([]string{"SECRET", "PASSWORD", "CONNECTION_STRING", "CONNECTIONSTRING", "SAS_TOKEN", "ACCESS_KEY", "SYMMETRIC_KEY"},
		func(word string) bool { return strings.Contains(upper, word) })
}

func isProxyVariable(name string) bool { return strings.HasSuffix(strings.ToUpper(name), "_PROXY") }

// hideFromChildren takes the secrets out of this process's own environment when a
// credential has read its own, because azidentity starts az, azd, PowerShell and a
// browser with all of it. They need none of them but a proxy's login, which stays.
// What was hidden is back after the run.
func hideFromChildren(credential string) {
	var keep []string
	if credential == "managed-identity" || credential == "default" {
		keep = []string{"IDENTITY_HEADER", "MSI_SECRET"} // read anew for each token
	}
	for _, entry := range os.Environ() {
		if name, _, _ := strings.Cut(entry, "="); isSecretVariable(name) && !slices.Contains(keep, name) {
			os.Unsetenv(name)
		}
	}
}

// keepEnvironment returns what restores the secrets of the environment, for a run
// within another program.
func keepEnvironment() (restore func()) {
	values := map[string]string{}
	for _, entry := range os.Environ() {
		if name, value, _ := strings.Cut(entry, "="); isSecretVariable(name) {
			values[name] = value
		}
	}
	return func() {
		for name, value := range values {
			os.Setenv(name, value)
		}
	}
}
