package commandline

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"tpmdps/internal/spelling"
	"tpmdps/internal/text"
)

// UsageError says what is wrong with the flags in the spelling in which they
// are typed, with two dashes, and which flag was meant.
func UsageError(c *cli.Context, err error, _ bool) error {
	if strings.HasPrefix(err.Error(), "Cannot use two forms of the same flag: ") && len(c.Lineage()) > 1 {
		return twoForms(c)
	}
	if name, ok := strings.CutPrefix(err.Error(), "flag needs an argument: -"); ok {
		return fmt.Errorf("%w: %s needs a value", ErrUsage, Dashed(name))
	}
	if m := noBoolean.FindStringSubmatch(err.Error()); m != nil {
		return fmt.Errorf("%w: %s=%s: write %[2]s alone, or %[2]s=false", ErrUsage, Dashed(m[2]), text.Printable(m[1], 40))
	}
	if flag, bad := strings.CutPrefix(err.Error(), "bad flag syntax: "); bad {
		return fmt.Errorf("%w: %s: a flag is written with two dashes and its name, such as --%s", ErrUsage, text.Printable(flag, 40), Names(c.Command.VisibleFlags())[0])
	}
	if m := badValue.FindStringSubmatch(err.Error()); m != nil {
		return fmt.Errorf("%w: %s", ErrUsage, wrongValue(Flag(c.Command, m[2]), m[1], m[2], m[3]))
	}
	name, ok := strings.CutPrefix(err.Error(), "flag provided but not defined: -")
	if !ok {
		return fmt.Errorf("%w: %w", ErrUsage, err)
	}
	typed := text.Printable(name, 40)
	if len(c.Command.Subcommands) > 0 && ofSubcommands(c.Command, name) {
		return fmt.Errorf("%w: %s belongs after the command: %s COMMAND %[2]s", ErrUsage, Dashed(typed), c.Command.HelpName)
	}
	return fmt.Errorf("%w: there is no flag %s%s; %s --help lists them", ErrUsage, Dashed(typed), meantFlag(c.Command, name), c.Command.HelpName)
}

// noBoolean is the error of package flag for --edge-enabled=yes.
var noBoolean = regexp.MustCompile(`^invalid boolean value "(.*)" for -([^:]*):`)

// Refused are those that are there to be refused, and what to give instead.
var Refused = map[string]string{
	"connection-string": "connection-string-file", "login": "connection-string-file", "sas-token": "sas-token-file",
}

// meantFlag says which flag a command's unknown one may stand for, as the end of a
// sentence; "" where nothing is near.
func meantFlag(c *cli.Command, name string) string {
	own, all := allFlags(c), Names(allFlags(c))
	near := spelling.Nearest(name, all)
	if option, known := spelling.OtherTool(name); known && !spelling.Same(name, near) {
		whose := ""
		if option.Tool != "" {
			whose = option.Tool + "'s " + Dashed(text.Printable(name, 40))
		}
		if option.Instead != "" {
			return "; " + strings.TrimPrefix(whose+": "+option.Instead, ": ")
		}
		for _, ours := range option.Ours {
			i := slices.IndexFunc(own, func(f cli.Flag) bool { return slices.Contains(f.Names(), ours) })
			switch {
			case i < 0:
			case option.Tool == "":
				return ", perhaps " + Dashed(ours)
			default:
				return "; " + whose + " is " + Dashed(ours) + " here" + withoutValue(own[i])
			}
		}
	}
	if instead, refused := Refused[near]; refused {
		near = instead
	}
	switch {
	case near == "":
		return ""
	case len(c.Subcommands) > 0 && ofSubcommands(c, near):
		return fmt.Sprintf(", perhaps %s after the command", Dashed(near))
	}
	return ", perhaps " + Dashed(near)
}

// withoutValue says of a flag that is on by being there that it has no value.
func withoutValue(f cli.Flag) string {
	if _, is := f.(*cli.BoolFlag); is {
		return ", without a value"
	}
	return ""
}

// allFlags are a command's flags and those of the commands below it.
func allFlags(c *cli.Command) []cli.Flag {
	all := slices.Clone(c.Flags)
	for _, sub := range c.Subcommands {
		all = append(all, allFlags(sub)...)
	}
	return all
}

// noFlag is an argument that begins with a dash and can be no flag: a negative
// number, or the text of a list or a rule ("- Failed to provision at line 2411").
var noFlag = regexp.MustCompile(`^(?:-[0-9]|--?\s|--?[a-z][-a-z0-9=]*:?\s)`)

// ArgumentWithDash is the handler of errors for a command whose argument may be
// such a text, which the parser took for a flag: the command line is parsed
// again with the argument marked as one. All other errors stay what they are.
func ArgumentWithDash(c *cli.Context, err error, sub bool) error {
	name, ok := strings.CutPrefix(err.Error(), "flag provided but not defined: -")
	if !ok {
		return UsageError(c, err, sub)
	}
	outer := c.Lineage()[1]
	args := outer.Args().Slice()
	i := slices.IndexFunc(args, func(arg string) bool {
		return noFlag.MatchString(arg) && strings.HasPrefix(strings.TrimLeft(arg, "-"), name)
	})
	if i < 0 {
		return UsageError(c, err, sub)
	}
	return runAgain(c, slices.Insert(args, i, "--"))
}

// UnknownCommand is the error for a word where a command should be.
func UnknownCommand(group, word string, commands []*cli.Command) error {
	var known []string
	for _, c := range commands {
		known = append(known, c.Names()...)
	}
	meant := ""
	if near := spelling.Nearest(word, known); near != "" {
		meant = fmt.Sprintf(", perhaps %q", strings.TrimPrefix(group+" "+near, "tpmdps "))
	}
	return fmt.Errorf("%w: there is no command %q%s; %s --help lists them", ErrUsage,
		strings.TrimPrefix(group+" "+text.Printable(word, 40), "tpmdps "), meant, group)
}

// ofSubcommands tells whether a command below this one has the flag.
func ofSubcommands(c *cli.Command, name string) bool {
	return slices.ContainsFunc(c.Subcommands, func(sub *cli.Command) bool {
		return slices.Contains(Names(sub.Flags), name) || ofSubcommands(sub, name)
	})
}

// Names are all spellings of the flags, without dashes.
func Names(flags []cli.Flag) []string {
	var all []string
	for _, f := range flags {
		all = append(all, f.Names()...)
	}
	return all
}

// Dashed writes a flag as it is typed: -o, but --ek.
func Dashed(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
}

// Word is the argument of a command that has one, the first where it has several.
func (c Command) Word(flag *cli.Context) (string, error) {
	name := strings.TrimPrefix(flag.Command.HelpName, "tpmdps ")
	first, second := text.Printable(flag.Args().Get(0), 40), text.Printable(flag.Args().Get(1), 40)
	switch {
	case c.Argument == "" && flag.NArg() > 0 && strayValue(flag) != "":
		return "", fmt.Errorf("%w: %s", ErrUsage, strayValue(flag))
	case c.Argument == "" && flag.NArg() > 0:
		return "", fmt.Errorf("%w: %s accepts no arguments, only flags: %q%s", ErrUsage, name, first, c.meantWord(flag))
	case c.Argument != "" && !c.Optional && flag.NArg() == 0:
		return "", fmt.Errorf("%w: %s: %s is missing; it belongs after the flags", ErrUsage, name, c.Argument)
	case strings.HasPrefix(second, "-") && !(c.Dashes && (c.Several || noFlag.MatchString(second))):
		return "", fmt.Errorf("%w: %s belongs before %s: tpmdps %s %[2]s ... %[3]s", ErrUsage, second, first, name)
	case flag.NArg() > 1 && !c.Several:
		return "", fmt.Errorf("%w: %s accepts one %s, in quotes if it has blanks: %q is one too many", ErrUsage, name, c.Argument, second)
	}
	return flag.Args().First(), nil
}

// strayValue says how a flag is written of which another tool would accept what
// stands after it: the value of one that is on by being there, and a second one of
// a list. "" is any other argument.
func strayValue(c *cli.Context) string {
	args, _ := c.App.Metadata[Typed].([]string)
	at := len(args) - c.NArg()
	if at < 2 {
		return ""
	}
	for _, f := range c.Command.Flags {
		name := "--" + f.Names()[0]
		typed := func(i int) bool {
			bare := strings.TrimLeft(args[i], "-")
			return strings.HasPrefix(args[i], "-") && slices.Contains(f.Names(), bare)
		}
		switch f.(type) {
		case *cli.BoolFlag:
			if !typed(at - 1) {
				continue
			}
			switch value := strings.ToLower(args[at]); value {
			case "true", "yes", "on", "1":
				return fmt.Sprintf("%s is on by being there: write it without %q", name, args[at])
			case "false", "no", "off", "0":
				return fmt.Sprintf("%s %s is written with a sign of equality: %[1]s=false", name, args[at])
			}
		case *cli.StringSliceFlag:
			if typed(at - 2) {
				return fmt.Sprintf("%s is given once for each value: %[1]s %[2]s %[1]s %[3]s", name, text.Printable(args[at-1], 80), text.Printable(args[at], 80))
			}
		}
	}
	return ""
}
