package main

import (
	"context"
	"os"
	"regexp"

	"github.com/urfave/cli/v2"

	"tpmdps/internal/edge/checkup"
	"tpmdps/internal/hint"
	"tpmdps/internal/tpm"
)

// isRoot tells whether sudo is of no use. It is never so on Windows.
var isRoot = func() bool { return os.Geteuid() == 0 }

// lineKey is the key, in a run's context, of its command line.
type lineKey struct{}

// withLine adds the command line to the context of a run, for hints.
func withLine(ctx context.Context, args []string) context.Context {
	return context.WithValue(ctx, lineKey{}, parseLine(args))
}

func parseLine(args []string) hint.Line {
	line := hint.Parse(args, grammar(commands()))
	line.Root, line.Chip, line.ProxyVariable = isRoot(), new(tpm.Address), variables().ProxyVariable()
	return line
}

// lineIn is the command line of a run; that of nothing where there is none.
func lineIn(ctx context.Context) hint.Line {
	line, _ := ctx.Value(lineKey{}).(hint.Line)
	return line
}

// onChip notes where a run looks for its TPM: hints for a software TPM are others.
func onChip(ctx context.Context, addr tpm.Address) {
	if line := lineIn(ctx); line.Chip != nil {
		*line.Chip = addr
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
		for _, name := range f.Names() {
			all[name] = hint.Flag{Name: f.Names()[0], NeedsValue: !isBool, Hidden: canHide && !seen.IsVisible()}
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
