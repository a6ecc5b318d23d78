package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"tpmdps/internal/commandline"

	"github.com/urfave/cli/v2"
)

// stdinPaths are files that are standard input.
var stdinPaths = []string{"/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"}

// oneReader refuses a command line of which two parts read standard input: each would
// get what the other one left, and that is reported as damage of what was read.
func oneReader(f flags, argument string) error {
	var readers []string
	if argument == "-" || slices.Contains(stdinPaths, argument) {
		readers = append(readers, argument)
	}
	for _, one := range f.c.Command.Flags {
		name := one.Names()[0]
		if f.typed(name) && f.readsStdin(one, name) {
			readers = append(readers, "--"+name)
		}
	}
	if len(readers) < 2 {
		return nil
	}
	return fmt.Errorf("%w: %s and %s would both read standard input: give one of them as a file", commandline.ErrUsage, readers[0], readers[1])
}

func (f flags) readsStdin(one cli.Flag, name string) bool {
	switch one.(type) {
	case *cli.IntFlag:
		return strings.HasSuffix(name, "-fd") && f.number(name) == 0
	case *cli.StringFlag, variableFlag:
		value := f.text(name)
		if value == "-" {
			return name == "from" || name == "config" && f.c.Command.Name == "config" && f.yes("check")
		}
		return slices.Contains(stdinPaths, filepath.Clean(value))
	}
	return false
}
