package main

import (
	"context"
	"os"
	"regexp"
	"sync"

	"github.com/urfave/cli/v2"

	"tpmdps/internal/edge/checkup"
	"tpmdps/internal/hint"
	"tpmdps/internal/tpm"
)

// isRoot tells whether sudo is of no use. It is never so on Windows.
var isRoot = func() bool { return os.Geteuid() == 0 }

// lineKey is the key, in a run's context, of its command line.
type lineKey struct{}

// ownLine is the command line of a run. It is parsed when a hint asks for it: most runs
// have none, and all flags of all commands are needed for it.
type ownLine struct {
	parsed func() hint.Line
	chip   *tpm.Address
}

// withLine adds the command line to the context of a run, for hints.
func withLine(ctx context.Context, args []string) context.Context {
	chip := new(tpm.Address)
	return context.WithValue(ctx, lineKey{}, ownLine{chip: chip, parsed: sync.OnceValue(func() hint.Line {
		line := parseLine(args)
		line.Chip = chip
		return line
	})})
}

func parseLine(args []string) hint.Line {
	line := hint.Parse(args, grammar(commands()))
	line.Root, line.Chip, line.ProxyVariable = isRoot(), new(tpm.Address), variables().ProxyVariable()
	return line
}

// lineIn is the command line of a run; that of nothing where there is none.
func lineIn(ctx context.Context) hint.Line {
	if own, ok := ctx.Value(lineKey{}).(ownLine); ok {
		return own.parsed()
	}
	return hint.Line{}
}

// onChip notes where a run looks for its TPM: hints for a software TPM are others.
func onChip(ctx context.Context, addr tpm.Address) {
	if own, ok := ctx.Value(lineKey{}).(ownLine); ok {
		*own.chip = addr
	}
}

// grammar is what hints have to know of commands.
func grammar(all []command) []hint.Command {
	var out []hint.Command
	for _, c := range all {
		out = append(out, hint.Command{Name: c.name, Flags: flagsByName(c.allFlags()), Subcommands: grammar(c.subcommands)})
	}
	return out
}

func flagsByName(flags []cli.Flag) map[string]hint.Flag {
	all := map[string]hint.Flag{}
	for _, f := range flags {
		_, isBool := f.(*cli.BoolFlag)
		seen, canHide := f.(cli.VisibleFlag)
		names := f.Names()
		for _, name := range names {
			all[name] = hint.Flag{Name: names[0], NeedsValue: !isBool, Hidden: canHide && !seen.IsVisible()}
		}
	}
	return all
}

// keepFlagsIn keeps the flags of a command line in all that a check says to type; a line
// of the file stays as it is.
func keepFlagsIn(line hint.Line, r checkup.Result) {
	for i, f := range r.Findings {
		if !lineOfFile.MatchString(f.Fix) {
			r.Findings[i].Fix = line.KeepFlags(f.Fix)
		}
	}
	for i, t := range r.Ticks {
		r.Ticks[i].Hint = line.KeepFlags(t.Hint)
	}
}

var lineOfFile = regexp.MustCompile(`^[\w."-]+ = `)
