package commandline_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"tpmdps/internal/commandline"
)

// ran is what a command of the program for tests was run with.
type ran struct {
	command string
	word    string
	flags   map[string]string
	labels  commandline.Labels
}

// program is a small one with all kinds of flags. A command that runs writes into ran,
// the last one counts.
func program(last *ran) *cli.App {
	action := func(c commandline.Command) cli.ActionFunc {
		return func(flag *cli.Context) error {
			if err := commandline.Check(flag); err != nil {
				return err
			}
			word, err := c.Word(flag)
			if err != nil {
				return err
			}
			*last = ran{command: flag.Command.Name, word: word, flags: map[string]string{}}
			for _, name := range flag.LocalFlagNames() {
				switch name {
				case "label": // which has no getter
				case "verbose", "v":
					last.flags[name] = fmt.Sprint(flag.Count("verbose"))
				case "iot-hubs", "ih":
					last.flags[name] = strings.Join(flag.StringSlice(name), " ")
				default:
					last.flags[name] = fmt.Sprint(flag.Value(name))
				}
			}
			if commandline.Flag(flag.Command, "label") != nil {
				last.labels, _ = flag.Generic("label").(commandline.Labels)
			}
			return nil
		}
	}
	command := func(name string, what commandline.Command, flags ...cli.Flag) *cli.Command {
		c := &cli.Command{Name: name, Flags: flags, Action: action(what), OnUsageError: commandline.UsageError, UseShortOptionHandling: true, HideHelpCommand: true}
		if what.Dashes {
			c.OnUsageError = commandline.ArgumentWithDash
		}
		return c
	}
	group := &cli.Command{Name: "token", OnUsageError: commandline.UsageError, HideHelpCommand: true,
		Subcommands: []*cli.Command{command("mint", commandline.Command{}, &cli.StringFlag{Name: "out"}, &cli.DurationFlag{Name: "lifetime"})},
		Action: func(c *cli.Context) error {
			return commandline.UnknownCommand(c.Command.HelpName, c.Args().First(), c.Command.Subcommands)
		},
	}
	app := &cli.App{Name: "tpmdps", HideHelpCommand: true, HideVersion: true, Writer: io.Discard, ErrWriter: io.Discard, ExitErrHandler: func(*cli.Context, error) {}, OnUsageError: commandline.UsageError,
		Flags: []cli.Flag{&cli.BoolFlag{Name: "version"}}}
	app.Action = func(c *cli.Context) error {
		return commandline.UnknownCommand("tpmdps", c.Args().First(), app.Commands)
	}
	app.Commands = []*cli.Command{
		command("work", commandline.Command{FileFlag: "config"},
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}}, &cli.StringFlag{Name: "config"}, &cli.StringFlag{Name: "tpm"}, &cli.StringFlag{Name: "id-scope"}, &cli.StringFlag{Name: "dps"}, &cli.StringFlag{Name: "connection-string-file"},
			&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}}, &cli.BoolFlag{Name: "verbose", Aliases: []string{"v"}}, &cli.BoolFlag{Name: "edge-enabled"},
			&cli.IntFlag{Name: "backups"}, &cli.DurationFlag{Name: "timeout"}, &cli.StringSliceFlag{Name: "iot-hubs", Aliases: []string{"ih"}}, commandline.LabelFlag("a note"),
			&cli.StringFlag{Name: "connection-string", Hidden: true}, &cli.StringFlag{Name: "old-name", Aliases: []string{"older-name"}, Hidden: true}),
		command("explain", commandline.Command{Argument: "TEXT", Dashes: true}, &cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}}, commandline.LabelFlag("a note")),
		command("check", commandline.Command{Argument: "FILE"}, &cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}}),
		command("bare", commandline.Command{}, &cli.BoolFlag{Name: "quiet"}),
		group,
	}
	return app
}

// run runs a command line; each error is one of usage.
func run(t *testing.T, args ...string) (ran, error) {
	t.Helper()
	var last ran
	app := program(&last)
	args = append([]string{"tpmdps"}, args...)
	app.Metadata = map[string]any{commandline.Typed: slices.Clone(args)}
	err := app.RunContext(context.Background(), args)
	if err != nil && !errors.Is(err, commandline.ErrUsage) {
		t.Errorf("%q: %v is not an error of usage", args, err)
	}
	return last, err
}

// refused runs command lines, parted at blanks, that have these whole messages.
func refused(t *testing.T, lines map[string]string) {
	t.Helper()
	for line, want := range lines {
		last, err := run(t, fields(line)...)
		if err == nil || err.Error() != "usage: "+want || last.command != "" {
			t.Errorf("%s: %v (ran %+v), want %q", line, err, last, want)
		}
	}
}

// fields parts a line at blanks. In it ” stands for an empty word, and _ in quotes for
// a blank.
func fields(line string) []string {
	words := strings.Fields(line)
	for i, w := range words {
		if inner, ok := strings.CutPrefix(w, "'"); ok {
			words[i] = strings.ReplaceAll(strings.TrimSuffix(inner, "'"), "_", " ")
		} else {
			words[i] = strings.ReplaceAll(w, "=''", "=")
		}
	}
	return words
}

// Command lines that are right run with what was typed.
func TestRuns(t *testing.T) {
	for line, want := range map[string]ran{
		"work": {command: "work"},
		"work -o json --backups 3 --timeout 90s --quiet": {command: "work", flags: map[string]string{"o": "json", "output": "json", "backups": "3", "timeout": "1m30s", "quiet": "true", "q": "true"}},
		"work -qvv":                             {command: "work", flags: map[string]string{"quiet": "true", "q": "true", "verbose": "2"}},
		"work --quiet=false":                    {command: "work", flags: map[string]string{"quiet": "false", "q": "false"}},
		"work --label line=1 --label shift=b,c": {command: "work", labels: commandline.Labels{"line": "1", "shift": "b,c"}},
		"explain 'two_words'":                   {command: "explain", word: "two words"},
		"explain -5":                            {command: "explain", word: "-5"},
		"explain '-_Failed_to_provision'":       {command: "explain", word: "- Failed to provision"},
		"explain -q -0x18b":                     {command: "explain", word: "-0x18b", flags: map[string]string{"quiet": "true"}},
		"explain '--target:_x'":                 {command: "explain", word: "--target: x"},
		"explain --label line=1 -q -5":          {command: "explain", word: "-5", labels: commandline.Labels{"line": "1"}},
		"work -v --verbose":                     {command: "work", flags: map[string]string{"verbose": "2"}},
		"explain -":                             {command: "explain", word: "-"},
		"explain -- --quiet":                    {command: "explain", word: "--quiet"},
		"check config.toml":                     {command: "check", word: "config.toml"},
		"token mint --out f":                    {command: "mint", flags: map[string]string{"out": "f"}},
		// One name twice, or two of its names, where that does no harm.
		"work --quiet -q --backups 2":                                           {command: "work", flags: map[string]string{"quiet": "true", "backups": "2"}},
		"work -q --quiet --label line=1 --ih a --label shift=2 --timeout 5m -v": {command: "work", labels: commandline.Labels{"line": "1", "shift": "2"}, flags: map[string]string{"iot-hubs": "a", "timeout": "5m0s", "verbose": "1"}},
		"work --label line=1 --ih a --iot-hubs b,c":                             {command: "work", labels: commandline.Labels{"line": "1"}, flags: map[string]string{"iot-hubs": "a b c"}},
		"work --ih a --iot-hubs b":                                              {command: "work", flags: map[string]string{"iot-hubs": "a b"}},
		"check -q --quiet config.toml":                                          {command: "check", word: "config.toml", flags: map[string]string{"quiet": "true"}},
		"check -q --quiet -- config.toml":                                       {command: "check", word: "config.toml", flags: map[string]string{"quiet": "true"}},
	} {
		got, err := run(t, fields(line)...)
		if err != nil || got.command != want.command || got.word != want.word {
			t.Errorf("%s: %v, runs %+v, want %+v", line, err, got, want)
		}
		for name, value := range want.flags {
			if got.flags[name] != value {
				t.Errorf("%s: --%s is %q, want %q", line, name, got.flags[name], value)
			}
		}
		for key, value := range want.labels {
			if got.labels[key] != value {
				t.Errorf("%s: label %s is %q, want %q", line, key, got.labels[key], value)
			}
		}
	}
}

// A flag that there is not: the one that was meant is named.
func TestUnknownFlags(t *testing.T) {
	refused(t, map[string]string{
		"work --outptu json":                "there is no flag --outptu, perhaps --output; tpmdps work --help lists them",
		"work --scope 0ne":                  "there is no flag --scope, perhaps --id-scope; tpmdps work --help lists them",
		"work --zzzzzz":                     "there is no flag --zzzzzz; tpmdps work --help lists them",
		"work -z":                           "there is no flag -z; tpmdps work --help lists them",
		"work --dps-name d":                 "there is no flag --dps-name; az's --dps-name is --dps here; tpmdps work --help lists them",
		"work --only-show-errors":           "there is no flag --only-show-errors; az's --only-show-errors is --quiet here, without a value; tpmdps work --help lists them",
		"work --resource-group g":           "there is no flag --resource-group; az's --resource-group: omit it, the name of the DPS is enough; tpmdps work --help lists them",
		"work --format json":                "there is no flag --format, perhaps --output; tpmdps work --help lists them",
		"work --json":                       "there is no flag --json; write -o json; tpmdps work --help lists them",
		"work --cacert f":                   "there is no flag --cacert; tpmdps work --help lists them", // no flag of work does it
		"work --connection-strin x":         "there is no flag --connection-strin, perhaps --connection-string-file; tpmdps work --help lists them",
		"token --out f mint":                "--out belongs after the command: tpmdps token COMMAND --out",
		"token --lifetim 1h mint":           "there is no flag --lifetim, perhaps --lifetime after the command; tpmdps token --help lists them",
		"--quiet work":                      "--quiet belongs after the command: tpmdps COMMAND --quiet",
		"--versoin":                         "there is no flag --versoin, perhaps --version; tpmdps --help lists them",
		"explain --no-such":                 "there is no flag --no-such; tpmdps explain --help lists them",
		"work ---output json":               "---output: a flag is written with two dashes and its name, such as --output",
		"work --=x":                         "--=x: a flag is written with two dashes and its name, such as --output",
		"work --" + strings.Repeat("a", 60): "there is no flag --" + strings.Repeat("a", 40) + "…; tpmdps work --help lists them",
	})
}

// A value that is missing, or of another kind than the flag's.
func TestValues(t *testing.T) {
	long := strings.Repeat("9", 60)
	refused(t, map[string]string{
		"work --output":           "--output needs a value",
		"work -o":                 "-o needs a value",
		"work --quiet=yes":        `--quiet=yes: write --quiet alone, or --quiet=false`,
		"work -q=maybe":           `-q=maybe: write -q alone, or -q=false`,
		"work --backups many":     `--backups "many" is not a whole number`,
		"work --backups 1.5":      `--backups "1.5" is not a whole number`,
		"work --backups " + long:  `--backups "` + long[:40] + `…" is not a whole number`,
		"work --backups=''":       "--backups is empty: omit it, or check the variable that should fill it",
		"work --timeout 90":       `--timeout "90" has no unit: write 90s for seconds, 90m for minutes, 90h for hours`,
		"work --timeout 1.5":      `--timeout "1.5" has no unit: write 1.5s for seconds, 1.5m for minutes, 1.5h for hours`,
		"work --timeout 90sec":    `--timeout "90sec" is not a time: the unit is s; a time is written such as 90s, 5m or 1h30m`,
		"work --timeout '5_min'":  `--timeout "5 min" is not a time: the unit is m; a time is written such as 90s, 5m or 1h30m`,
		"work --timeout 2Hours":   `--timeout "2Hours" is not a time: the unit is h; a time is written such as 90s, 5m or 1h30m`,
		"work --timeout 3hrs":     `--timeout "3hrs" is not a time: the unit is h; a time is written such as 90s, 5m or 1h30m`,
		"work --timeout 1day":     `--timeout "1day" is not a time: the unit is h, of which a day has 24; a time is written such as 90s, 5m or 1h30m`,
		"work --timeout soon":     `--timeout "soon" is not a time: a time is written with its unit and without blanks, such as 90s, 5m or 1h30m`,
		"work --timeout '1h_30m'": `--timeout "1h 30m" is not a time: a time is written with its unit and without blanks, such as 90s, 5m or 1h30m`,
		"work --label line":       `--label "line": write it as KEY=VALUE`,
		"work --output=''":        "--output is empty: omit it, or check the variable that should fill it",
		"work -o ''":              "--output is empty: omit it, or check the variable that should fill it",
	})
	for line, words := range map[string]string{
		"work --label Line=1":                "a key has 1 to 40 characters of a-z",
		"work --label line=":                 "its value is empty",
		"work --label line=1 --label line=2": `label "line" is given twice`,
	} {
		if _, err := run(t, fields(line)...); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %v, want %q", line, err, words)
		}
	}
}

// A flag with one value that is given twice is refused, and a secret is not shown.
func TestGivenTwice(t *testing.T) {
	refused(t, map[string]string{
		"work --output json --output text":         "--output is given twice, as --output json and --output text: it has one value, so leave one of them out",
		"work -o json --output=json":               "--output is given twice, as -o json and --output json: it has one value, so leave one of them out",
		"work --quiet -o a --backups 2 --output b": "--output is given twice, as -o a and --output b: it has one value, so leave one of them out",
		"work --backups 1 --backups=2":             "--backups is given twice, as --backups 1 and --backups 2: it has one value, so leave one of them out",
		"work --old-name s3cret --old-name s3crt":  "--old-name and --old-name are given: it has one value",
		"work --old-name s3cret --older-name=x":    "--old-name and --older-name are given: it has one value",
		"work --ih a --iot-hubs b -o x --output y": "--output is given twice, as -o x and --output y: it has one value, so leave one of them out",
		"token mint --out a --out b":               "--out is given twice, as --out a and --out b: it has one value, so leave one of them out",
	})
}

// Words where no word belongs.
func TestWords(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	if err := os.WriteFile(filepath.Join(dir, "plain"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("a", 50) + ".toml"
	refused(t, map[string]string{
		"work banana":       `work accepts no arguments, only flags: "banana"`,
		"work output":       `work accepts no arguments, only flags: "output", perhaps --output`,
		"work outptu":       `work accepts no arguments, only flags: "outptu", perhaps --output`,
		"work iot_hubs":     `work accepts no arguments, only flags: "iot_hubs", perhaps --iot-hubs`,
		"work ih":           `work accepts no arguments, only flags: "ih", perhaps --ih`,
		"work o":            `work accepts no arguments, only flags: "o"`,
		"work 0ne0012AB34":  `work accepts no arguments, only flags: "0ne0012AB34", perhaps --id-scope 0ne0012AB34`,
		"work 90s":          `work accepts no arguments, only flags: "90s", perhaps --timeout 90s`,
		"work /dev/tpmrm0":  `work accepts no arguments, only flags: "/dev/tpmrm0", perhaps --tpm /dev/tpmrm0`,
		"work swtpm:port=1": `work accepts no arguments, only flags: "swtpm:port=1", perhaps --tpm swtpm:port=1`,
		"work plant.azure-devices-provisioning.net": `work accepts no arguments, only flags: "plant.azure-devices-provisioning.net", perhaps --dps plant.azure-devices-provisioning.net`,
		"work my.toml":            `work accepts no arguments, only flags: "my.toml", perhaps --config my.toml`,
		"work plain":              `work accepts no arguments, only flags: "plain", perhaps --config plain`,
		"work 'my_file.toml'":     `work accepts no arguments, only flags: "my file.toml", perhaps --config 'my file.toml'`,
		"work " + long:            `work accepts no arguments, only flags: "` + long[:40] + `…", perhaps --config`,
		"work a.b=c;d":            `work accepts no arguments, only flags: "a.b=c;d"`,
		"bare my.toml":            `bare accepts no arguments, only flags: "my.toml"`, // has no such flag
		"bare 90s":                `bare accepts no arguments, only flags: "90s"`,
		"token mint extra":        `token mint accepts no arguments, only flags: "extra"`,
		"work --quiet true":       `--quiet is on by being there: write it without "true"`,
		"work -q YES":             `--quiet is on by being there: write it without "YES"`,
		"work --edge-enabled off": `--edge-enabled off is written with a sign of equality: --edge-enabled=false`,
		"work --quiet FALSE":      `--quiet FALSE is written with a sign of equality: --quiet=false`,
		"work --quiet 2":          `work accepts no arguments, only flags: "2"`,
		"work --iot-hubs a b":     "--iot-hubs is given once for each value: --iot-hubs a --iot-hubs b",
		"work --ih a b c":         "--iot-hubs is given once for each value: --iot-hubs a --iot-hubs b",
		"explain":                 "explain: TEXT is missing; it belongs after the flags",
		"check":                   "check: FILE is missing; it belongs after the flags",
		"check -q":                "check: FILE is missing; it belongs after the flags",
		"check f --quiet":         "--quiet belongs before f: tpmdps check --quiet ... f",
		"check f -5":              "-5 belongs before f: tpmdps check -5 ... f",
		"explain f -q":            "-q belongs before f: tpmdps explain -q ... f",
		"explain f -5":            `explain accepts one TEXT, in quotes if it has blanks: "-5" is one too many`,
		"check a b":               `check accepts one FILE, in quotes if it has blanks: "b" is one too many`,
	})
}

func TestUnknownCommands(t *testing.T) {
	refused(t, map[string]string{
		"wrok":                  `there is no command "wrok", perhaps "work"; tpmdps --help lists them`,
		"zzzzzz":                `there is no command "zzzzzz"; tpmdps --help lists them`,
		"token mnit":            `there is no command "token mnit", perhaps "token mint"; tpmdps token --help lists them`,
		"token other":           `there is no command "token other"; tpmdps token --help lists them`,
		strings.Repeat("z", 60): `there is no command "` + strings.Repeat("z", 40) + `…"; tpmdps --help lists them`,
	})
}

// No message has characters in it that do something to a terminal.
func TestMessagesArePrintable(t *testing.T) {
	const odd = "a\x1b[31m\nb\u202e"
	for _, args := range [][]string{
		{odd}, {"work", odd}, {"work", "--" + odd}, {"work", "--timeout", odd}, {"work", "--backups", odd}, {"work", "--quiet=" + odd}, {"work", "---" + odd}, {"check", "f", odd}, {"check", "f", "-" + odd},
		{"work", "-o", odd, "-o", odd}, {"work", "--iot-hubs", odd, odd}, {"token", odd}, {"token", "--" + odd},
	} {
		_, err := run(t, args...)
		if err == nil || strings.ContainsAny(err.Error(), "\x1b\n\u202e") {
			t.Errorf("%q: %v", args, err)
		}
	}
}

// Any other error of the parser stays as it is.
func TestOtherErrors(t *testing.T) {
	cause := errors.New("required flag is missing")
	var last ran
	c := cli.NewContext(program(&last), nil, nil)
	if err := commandline.UsageError(c, cause, false); !errors.Is(err, cause) || !errors.Is(err, commandline.ErrUsage) {
		t.Errorf("%v", err)
	}
	if err := commandline.ArgumentWithDash(c, cause, false); !errors.Is(err, cause) || !errors.Is(err, commandline.ErrUsage) {
		t.Errorf("%v", err)
	}
}

func TestFlagsOfACommand(t *testing.T) {
	var last ran
	work := program(&last).Command("work")
	for name, want := range map[string]struct{ needs, one, hidden bool }{
		"output": {true, true, false}, "o": {true, true, false}, "quiet": {}, "q": {}, "backups": {true, true, false}, "timeout": {true, true, false},
		"iot-hubs": {true, false, false}, "label": {true, false, false}, "old-name": {true, true, true}, "older-name": {true, true, true},
	} {
		f := commandline.Flag(work, name)
		if f == nil || !slices.Contains(f.Names(), name) {
			t.Errorf("work has no --%s: %v", name, f)
			continue
		}
		if commandline.NeedsValue(f) != want.needs || commandline.HasOneValue(f) != want.one || commandline.IsHidden(f) != want.hidden {
			t.Errorf("--%s: needs a value %v, one %v, hidden %v", name, commandline.NeedsValue(f), commandline.HasOneValue(f), commandline.IsHidden(f))
		}
	}
	if f := commandline.Flag(work, "no-such"); f != nil {
		t.Errorf("--no-such is %v", f)
	}
	if !commandline.HasOneValue(&cli.GenericFlag{Name: "other"}) {
		t.Error("a flag of another type of its own is taken for labels")
	}
	if got := commandline.Names(work.VisibleFlags()); !slices.Contains(got, "o") || slices.Contains(got, "old-name") {
		t.Errorf("visible names are %q", got)
	}
	for name, want := range map[string]string{"o": "-o", "output": "--output", "ih": "--ih"} {
		if got := commandline.Dashed(name); got != want {
			t.Errorf("Dashed(%q) = %q", name, got)
		}
	}
	if text := (commandline.Labels{"a": "b"}).String(); text != "" {
		t.Errorf("the help shows %q for labels", text)
	}
}
