package commandline

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"tpmdps/internal/text"
)

// typedFlag is a flag as it was typed.
type typedFlag struct {
	flag   cli.Flag
	name   string // as it was typed, without dashes
	value  string // "" for a flag without one
	inline bool   // the value was in the same argument: --name=value
	at     int    // which argument it was; those of -qv have the same
}

// flagsTyped are the flags of a command in the order in which they were typed, as
// package flag and urfave/cli read them: up to the first argument that is not a
// flag. args are the program's own, with its name and the command's.
func flagsTyped(args []string, c *cli.Command) []typedFlag {
	var all []typedFlag
	i := 1
	for words := len(strings.Fields(c.HelpName)) - 1; words > 0 && i < len(args); i++ {
		if !strings.HasPrefix(args[i], "-") {
			words--
		}
	}
	for ; i < len(args) && strings.HasPrefix(args[i], "-") && args[i] != "-" && args[i] != "--"; i++ {
		at := i
		name, value, inline := strings.Cut(strings.TrimPrefix(args[i], "-"), "=")
		names := []string{strings.TrimPrefix(name, "-")}
		if Flag(c, names[0]) == nil && !strings.HasPrefix(name, "-") {
			names = strings.Split(name, "") // -qv
		}
		if slices.ContainsFunc(names, func(one string) bool { return Flag(c, one) == nil }) {
			return all // the parser says what is wrong with it
		}
		for _, one := range names {
			f := Flag(c, one)
			typed := typedFlag{flag: f, name: one, value: value, inline: inline, at: at}
			if NeedsValue(f) && !inline && i+1 < len(args) {
				i++
				typed.value = args[i]
			}
			all = append(all, typed)
		}
	}
	return all
}

// Flag is a command's flag of that name; nil where there is none.
func Flag(c *cli.Command, name string) cli.Flag {
	for _, f := range c.Flags {
		if slices.Contains(f.Names(), name) {
			return f
		}
	}
	return nil
}

// NeedsValue tells a flag with a value from one that is on by being there.
func NeedsValue(f cli.Flag) bool {
	documented, ok := f.(cli.DocGenerationFlag)
	return ok && documented.TakesValue()
}

// HasOneValue tells a flag with a value from those that may be given several times:
// lists and labels.
func HasOneValue(f cli.Flag) bool {
	if generic, ok := f.(*cli.GenericFlag); ok {
		_, several := generic.Value.(Labels)
		return !several
	}
	list, ok := f.(cli.DocGenerationSliceFlag)
	return NeedsValue(f) && !(ok && list.IsSliceFlag())
}

// Check refuses two things that would be left out without a word. One is a flag
// with one value that was given twice, under whichever of its names: of two batches,
// or two chips, one would be ignored. The other is a flag whose value is the empty
// text: in a script that is a variable or a file that was not there, and to do as if
// the flag were not given would use this machine's key, or its chip, instead of the
// one that was meant.
func Check(c *cli.Context) error {
	args, _ := c.App.Metadata[Typed].([]string)
	first := map[string]typedFlag{}
	for _, now := range flagsTyped(args, c.Command) {
		long := now.flag.Names()[0]
		before, given := first[long]
		first[long] = now
		switch {
		case !HasOneValue(now.flag):
		case now.value == "":
			return fmt.Errorf("%w: %s is empty: omit it, or check the variable that should fill it", ErrUsage, Dashed(long))
		case !given:
		case IsHidden(now.flag): // those are secrets
			return fmt.Errorf("%w: %s and %s are given: it has one value", ErrUsage, Dashed(before.name), Dashed(now.name))
		default:
			return fmt.Errorf("%w: %s is given twice, as %s %s and %s %s: it has one value, so leave one of them out", ErrUsage, Dashed(long),
				Dashed(before.name), text.Printable(before.value, 80), Dashed(now.name), text.Printable(now.value, 80))
		}
	}
	return nil
}

func IsHidden(f cli.Flag) bool {
	visible, ok := f.(cli.VisibleFlag)
	return ok && !visible.IsVisible()
}

// twoForms is for a flag that was given under two of its names, which urfave/cli
// refuses. For one that is on by being there, and for a list, that is as good as one
// name twice: the command runs with the first name for both.
func twoForms(c *cli.Context) error {
	if err := Check(c); err != nil {
		return err
	}
	args, _ := c.App.Metadata[Typed].([]string)
	renamed, end := []string{c.Command.Name}, 0
	for _, f := range flagsTyped(args, c.Command) {
		long := "--" + f.flag.Names()[0]
		if f.inline || NeedsValue(f.flag) {
			long += "=" + f.value
		}
		renamed = append(renamed, long)
		end = f.at + 1
		if NeedsValue(f.flag) && !f.inline {
			end++
		}
	}
	return runAgain(c, append(renamed, args[min(end, len(args)):]...))
}

// runAgain has the command read its arguments another time, its name first. Labels are
// the one sort of flag that keeps what the first reading found.
func runAgain(c *cli.Context, args []string) error {
	for _, f := range c.Command.Flags {
		if generic, ok := f.(*cli.GenericFlag); ok {
			if labels, ok := generic.Value.(Labels); ok {
				clear(labels)
			}
		}
	}
	again := cli.NewContext(c.App, nil, c.Lineage()[1])
	again.Command = c.Command
	return c.Command.Run(again, args...)
}
