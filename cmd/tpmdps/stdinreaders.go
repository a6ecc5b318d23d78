package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// stdinPaths are files that are standard input.
var stdinPaths = []string{"/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"}

// oneReader refuses a command line of which two parts read standard input: each would
// get what the other one left, and that is reported as damage of what was read.
func (s *session) oneReader(argument string) error {
	var readers []string
	if argument == "-" || slices.Contains(stdinPaths, argument) {
		readers = append(readers, argument)
	}
	for _, f := range s.flag.Command.Flags {
		name := f.Names()[0]
		if s.flag.IsSet(name) && s.readsStdin(f, name) {
			readers = append(readers, "--"+name)
		}
	}
	if len(readers) < 2 {
		return nil
	}
	return fmt.Errorf("%w: %s and %s would both read standard input: give one of them as a file", errUsage, readers[0], readers[1])
}

func (s *session) readsStdin(f cli.Flag, name string) bool {
	switch f.(type) {
	case *cli.IntFlag:
		return strings.HasSuffix(name, "-fd") && s.flag.Int(name) == 0
	case *cli.StringFlag, *cli.PathFlag:
		value := s.flag.String(name)
		if value == "-" {
			return name == "from" || name == "config" && s.flag.Command.Name == "config" && s.flag.Bool("check")
		}
		return slices.Contains(stdinPaths, filepath.Clean(value))
	}
	return false
}
