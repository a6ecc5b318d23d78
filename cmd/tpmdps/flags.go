package main

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"tpmdps/internal/commandline"
	"tpmdps/internal/edge"
)

// variableFlag is a flag that a variable of the environment may stand for. urfave/cli
// would set it from there, and could not tell the two apart afterwards; here the flag
// set has what was typed, and [flags.setting] knows the variables.
type variableFlag struct{ *cli.StringFlag }

// Apply implements cli.Flag.
func (f variableFlag) Apply(set *flag.FlagSet) error {
	typed := *f.StringFlag
	typed.EnvVars = nil
	return typed.Apply(set)
}

// typedOnly makes flags with variables such ones.
func typedOnly(all []cli.Flag) []cli.Flag {
	out := slices.Clone(all)
	for i, f := range out {
		if known, ok := f.(*cli.StringFlag); ok && len(known.EnvVars) > 0 {
			out[i] = variableFlag{known}
		}
	}
	return out
}

// flags are the flags of a command that runs. Each command reads them in one function,
// into a struct of its own; nothing after that knows them.
type flags struct{ c *cli.Context }

// origins of a setting, besides the name of a variable.
const (
	isDefault     = ""
	onCommandLine = "command line"
	inFile        = "file"
)

// setting is a text that was given, and where.
type setting struct {
	text string
	from string // an origin
	flag string // the flag's name
	path string // of the file, where it is from one
}

// setting is a flag's value: what was typed, else what its variables say, else its
// default. A variable that is empty counts as not set.
func (f flags) setting(name string) setting {
	s := setting{text: f.c.String(name), flag: name}
	if f.typed(name) {
		s.from = onCommandLine
		return s
	}
	if known, ok := commandline.Flag(f.c.Command, name).(variableFlag); ok {
		if v, set := variables().First(known.EnvVars...); set {
			s.text, s.from = v.Value, v.Variable
		}
	}
	return s
}

// typed tells whether the value was given on the command line.
func (s setting) typed() bool { return s.from == onCommandLine }

// orFile is the file's value where there is one, unless one was typed: variables of the
// environment are there for other runs.
func (s setting) orFile(path, text string) setting {
	if text == "" || s.typed() {
		return s
	}
	return setting{text: text, from: inFile, flag: s.flag, path: path}
}

// origin is where it was given, for people.
func (s setting) origin() string {
	switch s.from {
	case onCommandLine:
		return "--" + s.flag
	case inFile:
		return s.path
	}
	return s.from
}

// fault says of an error about this value where the value stands, unless that is the
// command line.
func (s setting) fault(err error) error {
	switch {
	case err == nil || s.from == onCommandLine || s.from == isDefault:
		return err
	case s.from == inFile:
		return &edge.FileError{Path: s.path, Err: err}
	}
	return &variableFault{s.from, s.flag, err}
}

// variableFault is an error of a value that stands in a variable. Its hint does not
// name the flag, which was not given.
type variableFault struct {
	variable, flag string
	err            error
}

func (e *variableFault) Error() string { return e.variable + ": " + e.err.Error() }
func (e *variableFault) Unwrap() error { return e.err }

// Hint is what to do about the variable; "" where the error's own hint names no flag.
func (e *variableFault) Hint() string {
	switch e.flag {
	case "tpm":
		return "for example " + e.variable + "=/dev/tpmrm0"
	case "registration-id":
		return "unset the variable to use the ID that is derived from the chip"
	}
	return ""
}

// typed tells whether a flag was given on the command line, under any of its names.
func (f flags) typed(name string) bool { return f.c.IsSet(name) }

func (f flags) text(name string) string            { return f.setting(name).text }
func (f flags) yes(name string) bool               { return f.c.Bool(name) }
func (f flags) number(name string) int             { return f.c.Int(name) }
func (f flags) duration(name string) time.Duration { return f.c.Duration(name) }
func (f flags) list(name string) []string          { return f.c.StringSlice(name) }

// rule says which flags of a command have no meaning beside, or without, another one. A
// flag that is ignored in silence would be taken for done. Variables of the environment
// do not count: they are there for other runs.
type rule struct {
	flag     string   // its name, or a name and a value ("auth-type login")
	excludes []string // beside it these mean nothing
	only     []string // without it these mean nothing
	needs    []string // it means nothing without these
}

// checkRules refuses a command line that breaks one of the rules.
func (f flags) checkRules(rules []rule) error {
	for _, r := range rules {
		has := f.has(r.flag)
		for _, other := range r.excludes {
			if has && f.typed(other) {
				return fmt.Errorf("%w: --%s and --%s exclude each other", commandline.ErrUsage, r.flag, other)
			}
		}
		for _, other := range r.needs {
			if has && !f.typed(other) {
				return fmt.Errorf("%w: --%s requires --%s", commandline.ErrUsage, r.flag, other)
			}
		}
		for _, other := range r.only {
			if !has && f.typed(other) {
				return fmt.Errorf("%w: --%s requires --%s", commandline.ErrUsage, other, r.flag)
			}
		}
	}
	return nil
}

// has tells whether a rule's flag is given.
func (f flags) has(key string) bool {
	name, value, valued := strings.Cut(key, " ")
	switch {
	case valued:
		return f.text(name) == value
	case commandline.NeedsValue(commandline.Flag(f.c.Command, name)):
		return f.typed(name)
	}
	return f.yes(name)
}

// labels are those of --label, never nil.
func (f flags) labels() map[string]string {
	if l, ok := f.c.Generic("label").(commandline.Labels); ok {
		return l
	}
	return commandline.Labels{}
}
