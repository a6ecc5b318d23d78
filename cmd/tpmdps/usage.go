package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
	"github.com/xrash/smetrics"

	"tpmdps/internal/identity"
)

// usageError says what is wrong with the flags in the spelling in which they
// are typed, with two dashes, and which flag was meant.
func usageError(c *cli.Context, err error, _ bool) error {
	if name, ok := strings.CutPrefix(err.Error(), "flag needs an argument: -"); ok {
		return fmt.Errorf("%w: %s needs a value behind it", errUsage, dashed(name))
	}
	name, ok := strings.CutPrefix(err.Error(), "flag provided but not defined: -")
	if !ok {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	typed := identity.Printable(name, 40)
	if len(c.Command.Subcommands) > 0 && ofSubcommands(c.Command, name) {
		return fmt.Errorf("%w: %s stands behind the command: %s COMMAND %[2]s", errUsage, dashed(typed), c.Command.HelpName)
	}
	meant := ""
	if near := nearest(name, flagNames(c.Command.VisibleFlags())); near != "" {
		meant = ", perhaps " + dashed(near)
	}
	return fmt.Errorf("%w: there is no flag %s%s; %s --help lists them", errUsage, dashed(typed), meant, c.Command.HelpName)
}

// noFlag is an argument that begins with a dash and can be no flag: a negative
// number, or the text of a list or a rule ("- Failed to provision at line 2411").
var noFlag = regexp.MustCompile(`^(?:-[0-9]|--?\s)`)

// argumentWithDash is the handler of errors for a command whose argument may be
// such a text, which the parser took for a flag: the command line is parsed
// again with the argument marked as one. All other errors stay what they are.
func argumentWithDash(c *cli.Context, err error, sub bool) error {
	name, ok := strings.CutPrefix(err.Error(), "flag provided but not defined: -")
	if !ok {
		return usageError(c, err, sub)
	}
	outer := c.Lineage()[1]
	args := outer.Args().Slice()
	i := slices.IndexFunc(args, func(arg string) bool {
		return noFlag.MatchString(arg) && strings.HasPrefix(strings.TrimLeft(arg, "-"), name)
	})
	if i < 0 {
		return usageError(c, err, sub)
	}
	again := cli.NewContext(c.App, nil, outer)
	again.Command = c.Command
	return c.Command.Run(again, slices.Insert(args, i, "--")...)
}

// unknownCommand is the error for a word where a command should be.
func unknownCommand(group, word string, commands []*cli.Command) error {
	var known []string
	for _, c := range commands {
		known = append(known, c.Names()...)
	}
	meant := ""
	if near := nearest(word, known); near != "" {
		meant = fmt.Sprintf(", perhaps %q", strings.TrimPrefix(group+" "+near, "tpmdps "))
	}
	return fmt.Errorf("%w: there is no command %q%s; %s --help lists them", errUsage,
		strings.TrimPrefix(group+" "+identity.Printable(word, 40), "tpmdps "), meant, group)
}

// ofSubcommands tells whether a command below this one has the flag.
func ofSubcommands(c *cli.Command, name string) bool {
	return slices.ContainsFunc(c.Subcommands, func(sub *cli.Command) bool {
		return slices.Contains(flagNames(sub.Flags), name) || ofSubcommands(sub, name)
	})
}

// flagNames are all spellings of the flags, without dashes.
func flagNames(flags []cli.Flag) []string {
	var all []string
	for _, f := range flags {
		all = append(all, f.Names()...)
	}
	return all
}

// dashed writes a flag as it is typed: -o, but --ek.
func dashed(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
}

// nearest finds the word that a misspelt one may stand for, with the measure of
// urfave/cli, whose own suggestions name the nearest however far it is.
func nearest(word string, known []string) string {
	best, most := "", 0.85
	for _, k := range known {
		if likeness := smetrics.JaroWinkler(strings.ToLower(word), k, 0.7, 4); likeness > most {
			best, most = k, likeness
		}
	}
	return best
}

// oneArgument returns the argument of a command that takes one.
func (c command) oneArgument(flag *cli.Context) (string, error) {
	name := strings.TrimPrefix(flag.Command.HelpName, "tpmdps ")
	first, second := identity.Printable(flag.Args().Get(0), 40), identity.Printable(flag.Args().Get(1), 40)
	switch {
	case c.argument == "" && flag.NArg() > 0:
		return "", fmt.Errorf("%w: %s takes no arguments, only flags: %q", errUsage, name, first)
	case c.argument != "" && flag.NArg() == 0:
		return "", fmt.Errorf("%w: %s: %s is missing; it stands behind the flags", errUsage, name, c.argument)
	case strings.HasPrefix(second, "-") && !(c.dashes && noFlag.MatchString(second)):
		return "", fmt.Errorf("%w: %s stands before %s: tpmdps %s %[2]s ... %[3]s", errUsage, second, first, name)
	case flag.NArg() > 1:
		return "", fmt.Errorf("%w: %s takes one %s, in quotes if it has blanks: %q is one too many", errUsage, name, c.argument, second)
	}
	return flag.Args().First(), nil
}
