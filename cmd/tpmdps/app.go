package main

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"

	"github.com/urfave/cli/v2"

	"tpmdps/internal/commandline"
	"tpmdps/internal/disk"
	"tpmdps/internal/verdict"
)

// run is main with everything passed in, so that tests run the real program.
func run(ctx context.Context, args []string, s streams) (code int) {
	out := disk.NewOutput(s.out)
	s.out = out
	s, flush := s.redacted() // results, errors, logs, traces, and what follows
	defer flush()
	s.learnEnvironment()
	defer keepEnvironment()()
	defer func() {
		if cause := recover(); cause != nil {
			// The stack has no values, unlike the one that Go itself prints.
			fmt.Fprintf(s.err, "tpmdps: panic: %v\n%s", cause, debug.Stack())
			code = 1
		}
	}()
	listenToAzure(s.err)
	ctx = withLine(ctx, args)
	err := runApp(ctx, args, s)
	flush()
	if err == nil {
		err = out.Err()
	}
	if err != nil && errors.Is(ctx.Err(), context.Canceled) && verdict.Interrupts(err) {
		err = verdict.Interrupted(err)
	}
	if err == nil {
		return 0
	}
	v := verdict.Of(err)
	v.Hint = lineIn(ctx).Fit(v.Hint)
	s.printError(err, v, wantsJSON(args))
	return v.Code
}

// runApp runs one command line.
func runApp(ctx context.Context, args []string, s streams) error {
	app := newApp(s)
	app.Metadata = map[string]any{commandline.Typed: args}
	err := app.RunContext(ctx, args)
	if err != nil && strings.HasPrefix(err.Error(), "No help topic for ") {
		return fmt.Errorf("%w: %w", commandline.ErrUsage, err)
	}
	return err
}

// newApp builds the command line. The settings close traps of urfave/cli: it
// would print help to stdout on a bad flag, exit by itself, and take an unknown
// command for an argument.
func newApp(s streams) *cli.App {
	app := &cli.App{
		Name:  "tpmdps",
		Usage: "bring machines with a TPM 2.0 chip onto Azure IoT Hub",
		Description: "Read the chip's endorsement key, enroll it, prove that the chip can provision itself, " +
			"and write the configuration of IoT Edge. Nothing is written to the chip unless a flag says so. " +
			"Try it without a chip or a cloud: tpmdps demo",
		HideHelpCommand: true,
		HideVersion:     true,
		Reader:          s.in,
		Writer:          s.out,
		ErrWriter:       s.err,
		ExitErrHandler:  func(*cli.Context, error) {},
		OnUsageError:    commandline.UsageError,
		Flags:           []cli.Flag{&cli.BoolFlag{Name: "version", DisableDefaultText: true, Usage: "print the version, as the command version does"}},
		Action: func(c *cli.Context) error {
			switch {
			case c.Bool("version"):
				return runApp(c.Context, []string{"tpmdps", "version"}, s)
			case c.Args().First() == "help":
				return newApp(s).RunContext(c.Context, append(append([]string{"tpmdps"}, c.Args().Tail()...), "--help"))
			case c.NArg() > 0:
				return commandline.UnknownCommand("tpmdps", c.Args().First(), c.App.Commands)
			}
			return cli.ShowAppHelp(c)
		},
	}
	for _, c := range commands() {
		app.Commands = append(app.Commands, c.build(s))
	}
	return app
}

// commands are the program's commands, in the order of the help.
func commands() []command {
	return []command{
		readEKCommand(), benchCommand(), enrollCommand(), unenrollCommand(), verifyCommand(), configCommand(), supportBundleCommand(), tokenCommand(),
		auditCommand(), batchCommand(), stickCommand(), rootsCommand(), labelsCommand(), chipCommand(), emulatorCommand(), demoCommand(), explainCommand(), completionCommand(),
		versionCommand(), selfCheckCommand(),
	}
}
