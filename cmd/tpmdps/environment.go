package main

import (
	"os"
	"runtime"
	"slices"
	"strings"

	"tpmdps/internal/environment"
)

// variables are those of this process.
func variables() environment.Variables {
	return environment.Of(os.Environ(), runtime.GOOS == "windows")
}

// checkVariables refuses a variable that stands for a flag of this command and has
// something around its value, such as the line end of a batch file: what is named
// then is not what was meant.
func (f flags) checkVariables() error {
	for _, one := range f.c.Command.Flags {
		known, ok := one.(variableFlag)
		if !ok || f.typed(known.Name) {
			continue
		}
		from, set := variables().First(known.EnvVars...)
		if !set {
			continue
		}
		if err := from.Bare(); err != nil {
			return err
		}
	}
	return nil
}

// hideFromChildren takes the secrets out of this process's own environment when a
// credential has read its own, because azidentity starts az, azd, PowerShell and a
// browser with all of it. They need none of them but a proxy's login, which stays.
// What was hidden is back after the run.
func hideFromChildren(credential string) {
	var keep []string
	if credential == "managed-identity" || credential == "default" {
		keep = []string{"IDENTITY_HEADER", "MSI_SECRET"} // read again for each token
	}
	for _, entry := range os.Environ() {
		if name, _, _ := strings.Cut(entry, "="); environment.IsSecret(name) && !slices.Contains(keep, name) {
			os.Unsetenv(name)
		}
	}
}

// keepEnvironment returns what restores the secrets of the environment, for a run
// within another program.
func keepEnvironment() (restore func()) {
	values := map[string]string{}
	for _, entry := range os.Environ() {
		if name, value, _ := strings.Cut(entry, "="); environment.IsSecret(name) {
			values[name] = value
		}
	}
	return func() {
		for name, value := range values {
			os.Setenv(name, value)
		}
	}
}
