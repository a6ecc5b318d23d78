package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"tpmdps/internal/commandline"
	"tpmdps/internal/disk"
	"tpmdps/internal/input"
	"tpmdps/internal/verdict"
)

// command is one verb: what it is called, what it may be told, what it does.
type command struct {
	name, usage string
	description string
	examples    []string
	flags       []cli.Flag
	exits       []int         // besides 0, 1, 2 and 130
	timeout     time.Duration // of the whole run, unless --timeout says otherwise; 0 means no limit
	argument    commandline.Command
	subcommands []command // instead of run
	rules       []rule
	run         func(*session, flags) error
}

// session is what a running command works with, besides its options.
type session struct {
	*ui
	ctx     context.Context
	arg     string   // the command's argument
	args    []string // all of them, where it accepts several
	done    []string
	secrets *secrets
}

// did notes what was done and lasts, for an error of the disk that comes after it.
func (s *session) did(format string, args ...any) {
	s.done = append(s.done, fmt.Sprintf(format, args...))
}

// outputFlags are on every command, so that they work after its name.
// urfave/cli adds --help by itself, but too late for the list in a command's help.
func outputFlags() []cli.Flag {
	return []cli.Flag{
		cli.HelpFlag,
		&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Category: "Output:", Value: "table", Usage: "print the result as `FORMAT`: table, json, jsonl, tsv or none"},
		&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Category: "Output:", DisableDefaultText: true, Usage: "print only the result and the error"},
		&cli.BoolFlag{Name: "verbose", Aliases: []string{"v"}, Category: "Output:", DisableDefaultText: true, Usage: "print each TPM command and HTTP request; twice, -vv, also what was sent and answered; all without secrets"},
		&cli.DurationFlag{Name: "timeout", Category: "Output:", Usage: "give up after `TIME`, such as 90s", DefaultText: "depends on the command"},
	}
}

// allFlags are the command's own flags and those of every command.
func (c command) allFlags() []cli.Flag { return slices.Concat(c.flags, outputFlags()) }

// build makes the command that urfave/cli runs.
func (c command) build(s streams) *cli.Command {
	for _, f := range c.flags {
		if b, ok := f.(*cli.BoolFlag); ok {
			b.DisableDefaultText = true // "(default: false)" says nothing
		}
	}
	cmd := &cli.Command{
		Name:         c.name,
		Usage:        c.usage,
		Description:  c.manual(),
		ArgsUsage:    c.argument.Argument,
		OnUsageError: commandline.UsageError,
		// -vv is -v -v.
		UseShortOptionHandling: true,
		// urfave/cli shares one help command between all command lines, and
		// writes into it when it adds it to one.
		HideHelpCommand: true,
	}
	if len(c.subcommands) > 0 {
		return c.buildGroup(cmd, s)
	}
	if c.argument.Dashes {
		cmd.OnUsageError = commandline.ArgumentWithDash
	}
	cmd.Flags = typedOnly(c.allFlags())
	cmd.Action = func(flag *cli.Context) error { return c.start(s, flag) }
	return cmd
}

// start checks a command line and runs the command on it.
func (c command) start(s streams, flag *cli.Context) error {
	if c.argument.Argument == "" && flag.Args().First() == "help" {
		return newApp(s).RunContext(flag.Context, append(strings.Fields(flag.Command.HelpName), "--help"))
	}
	if err := commandline.Check(flag); err != nil {
		return err
	}
	arg, err := c.argument.Word(flag)
	if err != nil {
		return err
	}
	f := flags{flag}
	ctx, cancel, err := c.context(flag.Context, f)
	if err != nil {
		return err
	}
	defer cancel()
	if err := errors.Join(oneReader(f, arg), f.checkRules(c.rules)); err != nil {
		return err
	}
	u, err := newUI(s, f)
	if err != nil {
		return err
	}
	if f.yes("plain-bus") {
		u.warn("--plain-bus: passwords, and the keys' inner wrapping, cross the TPM's bus in the clear")
	}
	u.in = input.NewReader(ctx, "standard input", u.in)
	if err := f.checkVariables(); err != nil {
		return err
	}
	run := &session{ui: u, ctx: ctx, arg: arg, args: flag.Args().Slice(), secrets: newSecrets(ctx, u, f)}
	return verdict.Overtime(ctx, disk.After(run.done, c.run(run, f)))
}

// buildGroup makes a command that has only others below it.
func (c command) buildGroup(cmd *cli.Command, s streams) *cli.Command {
	cmd.UsageText = "tpmdps " + c.name + " command [command options]"
	for _, sub := range c.subcommands {
		cmd.Subcommands = append(cmd.Subcommands, sub.build(s))
	}
	cmd.Action = func(flag *cli.Context) error {
		if flag.NArg() > 0 {
			return commandline.UnknownCommand(flag.Command.HelpName, flag.Args().First(), cmd.Subcommands)
		}
		return cli.ShowSubcommandHelp(flag)
	}
	return cmd
}

// withTimeout bounds a run. Tests have its time end at an event.
var withTimeout = context.WithTimeout

func (c command) context(parent context.Context, f flags) (context.Context, context.CancelFunc, error) {
	limit := c.timeout
	if f.typed("timeout") {
		if limit = f.duration("timeout"); limit <= 0 {
			return nil, nil, fmt.Errorf("%w: --timeout %s: give a time above zero, such as 90s", commandline.ErrUsage, limit)
		}
	}
	if limit == 0 {
		ctx, cancel := context.WithCancel(parent)
		return ctx, cancel, nil
	}
	ctx, cancel := withTimeout(parent, limit)
	return ctx, cancel, nil
}

// namesOf lists the names of flags.
func namesOf(flags []cli.Flag) []string {
	var all []string
	for _, f := range flags {
		all = append(all, f.Names()...)
	}
	return all
}

// joinClose closes something at the end of a function whose error is named.
func joinClose(err *error, c io.Closer) { *err = errors.Join(*err, c.Close()) }

// newLogger writes -v's lines to stderr.
func newLogger(w io.Writer, verbose bool) *slog.Logger {
	if !verbose {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{
		Level: slog.LevelDebug,
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey || a.Key == slog.LevelKey {
				return slog.Attr{}
			}
			return a
		},
	}))
}
