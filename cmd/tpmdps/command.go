package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"tpmdps/internal/disk"
	"tpmdps/internal/dps"
	"tpmdps/internal/tpm"
)

// command is one verb: what it is called, what it may be told, what it does.
type command struct {
	name, usage string
	description string
	examples    []string
	flags       []cli.Flag
	exits       []int         // besides 0, 1, 2 and 130
	timeout     time.Duration // of the whole run, unless --timeout says otherwise; 0 is none
	fileFlag    string        // the flag that a file's name without one is most likely meant for
	argument    string        // what its one argument stands for, such as FILE; "" where it takes none
	dashes      bool          // the argument may begin with a dash: see argumentWithDash
	subcommands []command     // instead of run
	run         func(*session) error
}

// session is what a running command works with.
type session struct {
	*ui
	ctx  context.Context
	flag *cli.Context
	arg  string // the command's argument
	done []string
	// secrets are those that readSecret has read, by path.
	secrets map[string][]byte
}

// did notes what was done and lasts, for an error of the disk that comes after it.
func (s *session) did(format string, args ...any) {
	s.done = append(s.done, fmt.Sprintf(format, args...))
}

// sharedFlags stand on every command, so that they work behind its name.
// urfave/cli adds --help by itself, but too late for the list in a command's help.
func sharedFlags() []cli.Flag {
	return []cli.Flag{
		cli.HelpFlag,
		&cli.StringFlag{Name: "tpm", Category: "Shared:", EnvVars: []string{"TPMDPS_TPM", "TPM2TOOLS_TCTI"}, Usage: "the TPM at `ADDR`: a device, a socket, swtpm:..., mssim:... (default: this machine's)"},
		&cli.StringFlag{Name: "endorsement-auth-file", Category: "Shared:", Usage: "read the endorsement hierarchy's password from `FILE`"},
		&cli.StringFlag{Name: "owner-auth-file", Category: "Shared:", Usage: "read the owner hierarchy's password from `FILE`"},
		&cli.BoolFlag{Name: "plain-bus", DisableDefaultText: true, Category: "Shared:", Usage: "do without encrypted sessions, for chips that refuse them: a probe on the bus can then read passwords, and the inner of two wrappings of each key"},
		&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Category: "Shared:", Value: "table", Usage: "print the result as `FORMAT`: table, json, jsonl, tsv or none"},
		&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Category: "Shared:", DisableDefaultText: true, Usage: "print nothing for people, only result and error"},
		&cli.BoolFlag{Name: "verbose", Aliases: []string{"v"}, Category: "Shared:", DisableDefaultText: true, Usage: "print each TPM command and HTTP request; twice, -vv, also what was sent and answered; all without secrets"},
		&cli.BoolFlag{Name: "secret-on-removable-media", Category: "Shared:", DisableDefaultText: true, Usage: "read, or write, a secret on a stick or a card all the same: whoever finds it has it"},
		&cli.StringFlag{Name: "ca-file", Category: "Shared:", Usage: "trust the certificates in `PEM` too; DER and PKCS #7 (.p7b) will do"},
		&cli.DurationFlag{Name: "timeout", Category: "Shared:", Usage: "give up after `TIME`, such as 90s", DefaultText: "depends on the command"},
	}
}

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
		ArgsUsage:    c.argument,
		OnUsageError: usageError,
		// -vv is -v -v.
		UseShortOptionHandling: true,
		// urfave/cli shares one help command between all command lines, and
		// writes into it when it adds it to one.
		HideHelpCommand: true,
	}
	if len(c.subcommands) > 0 {
		return c.buildGroup(cmd, s)
	}
	if c.dashes {
		cmd.OnUsageError = argumentWithDash
	}
	cmd.Flags = append(slices.Clone(c.flags), sharedFlags()...)
	withoutEmptyVariables(cmd.Flags)
	cmd.Action = func(flag *cli.Context) error {
		if c.argument == "" && flag.Args().First() == "help" {
			return newApp(s).RunContext(flag.Context, append(strings.Fields(flag.Command.HelpName), "--help"))
		}
		if err := checkTyped(flag); err != nil {
			return err
		}
		arg, err := c.oneArgument(flag)
		if err != nil {
			return err
		}
		u, err := newUI(s, flag)
		if err != nil {
			return err
		}
		if flag.Bool("plain-bus") {
			u.say("warning: --plain-bus: passwords, and the keys' inner wrapping, cross the TPM's bus in the clear")
		}
		ctx, cancel, err := c.context(flag)
		if err != nil {
			return err
		}
		defer cancel()
		u.in = newInput(ctx, "standard input", u.in)
		run := &session{ui: u, ctx: ctx, flag: flag, arg: arg}
		if err := run.oneReader(arg); err != nil {
			return err
		}
		if err := run.checkVariables(slices.Contains(c.exits, 10)); err != nil {
			return err
		}
		return overtime(ctx, disk.After(run.done, run.ofVariable(c.run(run))))
	}
	return cmd
}

// withoutEmptyVariables has an empty variable of the environment count as one that
// is not set: the next one that stands for the flag counts then.
func withoutEmptyVariables(flags []cli.Flag) {
	for _, f := range flags {
		if text, ok := f.(*cli.StringFlag); ok {
			text.EnvVars = slices.DeleteFunc(text.EnvVars, func(name string) bool {
				value, set := os.LookupEnv(name)
				return set && value == ""
			})
		}
	}
}

// buildGroup makes a command that has only others below it.
func (c command) buildGroup(cmd *cli.Command, s streams) *cli.Command {
	cmd.UsageText = "tpmdps " + c.name + " command [command options]"
	for _, sub := range c.subcommands {
		cmd.Subcommands = append(cmd.Subcommands, sub.build(s))
	}
	cmd.Action = func(flag *cli.Context) error {
		if flag.NArg() > 0 {
			return unknownCommand(flag.Command.HelpName, flag.Args().First(), cmd.Subcommands)
		}
		return cli.ShowSubcommandHelp(flag)
	}
	return cmd
}

// withTimeout bounds a run. Tests have its time end at an event.
var withTimeout = context.WithTimeout

func (c command) context(flag *cli.Context) (context.Context, context.CancelFunc, error) {
	limit := c.timeout
	if flag.IsSet("timeout") {
		if limit = flag.Duration("timeout"); limit <= 0 {
			return nil, nil, fmt.Errorf("%w: --timeout %s: give a time above zero, such as 90s", errUsage, limit)
		}
	}
	if limit == 0 {
		ctx, cancel := context.WithCancel(flag.Context)
		return ctx, cancel, nil
	}
	ctx, cancel := withTimeout(flag.Context, limit)
	return ctx, cancel, nil
}

// openTPM opens the chip that the shared flags name.
func (s *session) openTPM() (*tpm.Device, error) {
	addr, opts, err := s.tpm()
	if err != nil {
		return nil, err
	}
	return tpm.Open(s.ctx, addr, opts)
}

func (s *session) tpm() (tpm.Address, tpm.Options, error) {
	addr, err := tpm.ParseAddress(s.flag.String("tpm"))
	if err != nil {
		return addr, tpm.Options{}, err
	}
	s.onChip(addr)
	opts, err := s.tpmOptions()
	return addr, opts, err
}

func (s *session) tpmOptions() (opts tpm.Options, err error) {
	opts = tpm.Options{Log: s.log, PlainBus: s.flag.Bool("plain-bus"), Waiting: func(what string) { s.say("%s", what) }}
	opts.Ledgers, opts.Flushed = ledgerDirectory(), opts.Waiting
	if opts.EndorsementAuth, err = s.readPassword(s.flag.String("endorsement-auth-file")); err != nil {
		return opts, err
	}
	opts.OwnerAuth, err = s.readPassword(s.flag.String("owner-auth-file"))
	return opts, err
}

// clientOptions are those of both clients of the DPS. They share one
// connection.
func (s *session) clientOptions() (dps.ClientOptions, error) {
	client, err := s.httpClient()
	return dps.ClientOptions{HTTPClient: client, Application: application(), RetryDelay: retryDelay(s.ctx), Retrying: s.retrying, Log: s.log}, err
}

// retrying says that a request is sent again, and why nothing happens until then.
func (s *session) retrying(r dps.Retry) { s.progress("%s", r) }

// retryDelay is the first pause before a request is sent again; 0 is the clients'
// own. Tests of hundreds of answers have a shorter one.
var retryDelay = func(context.Context) time.Duration { return 0 }

func (s *session) httpClient() (*http.Client, error) {
	w, err := s.way()
	if err != nil {
		return nil, err
	}
	client := dps.NewHTTPClient(w.roots, w.proxies)
	client.Transport = s.traced(client.Transport)
	return client, nil
}

// excludes refuses flags that mean nothing beside another one, since a flag
// that is passed over in silence is taken for done. Variables of the environment
// do not count: they are there for other runs.
func (s *session) excludes(flag string, others ...string) error {
	for _, other := range others {
		if s.onCommandLine(other) {
			return fmt.Errorf("%w: --%s and --%s exclude each other", errUsage, flag, other)
		}
	}
	return nil
}

// onlyWith refuses flags that mean nothing without another one.
func (s *session) onlyWith(flag string, others ...string) error {
	for _, other := range others {
		if s.onCommandLine(other) {
			return fmt.Errorf("%w: --%s means something only with --%s", errUsage, other, flag)
		}
	}
	return nil
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
