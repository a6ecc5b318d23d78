package main

import (
	"os"
	"runtime"

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
