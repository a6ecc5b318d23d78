package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tpmdps/internal/commandline"

	"github.com/urfave/cli/v2"
)

// runLine runs one command line that ends before it does anything.
func runLine(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), append([]string{"tpmdps"}, args...), streams{strings.NewReader(""), &out, &errs})
	return code, out.String(), errs.String()
}

// eachCommand calls a function for each command of the tree that runs.
func eachCommand(do func(words []string, c command)) {
	var walk func(words []string, level []command)
	walk = func(words []string, level []command) {
		for _, c := range level {
			all := append(append([]string{}, words...), c.name)
			if len(c.subcommands) > 0 {
				walk(all, c.subcommands)
				continue
			}
			do(all, c)
		}
	}
	walk(nil, commands())
}

// anArgument is the argument of a command, if it has one.
func anArgument(c command) []string {
	if c.argument.Argument == "" {
		return nil
	}
	return []string{"ARGUMENT"}
}

// A flag with one value that is given twice is refused, under whichever of its
// names, and both values are named; a list, and a flag without a value, may be given
// twice. So it is for every flag of every command.
func TestFlagsGivenTwice(t *testing.T) {
	count := map[string]int{}
	eachCommand(func(words []string, c command) {
		for _, f := range c.allFlags() {
			one, two := "first-1", "second-2"
			switch f.(type) {
			case *cli.IntFlag, *cli.Float64Flag:
				one, two = "1", "2"
			case *cli.DurationFlag:
				one, two = "11s", "22s"
			case *cli.GenericFlag:
				one, two = "line=1", "shift=2"
			case *helpFlag:
				continue
			}
			for _, a := range f.Names() {
				for _, b := range f.Names() {
					line := append(append([]string{}, words...), commandline.Dashed(a))
					switch {
					case !commandline.NeedsValue(f):
						line = append(line, commandline.Dashed(b), "--timeout", "0s")
					case commandline.HasOneValue(f):
						line = append(line, one, commandline.Dashed(b)+"="+two)
					default:
						line = append(line, one, commandline.Dashed(b), two, "--timeout", "0s")
					}
					code, stdout, stderr := runLine(t, append(line, anArgument(c)...)...)
					switch {
					case code != 2 || stdout != "":
						t.Errorf("%v: exit code %d, stdout %q", line, code, stdout)
					case !commandline.HasOneValue(f):
						count["several"]++
						if !strings.Contains(stderr, "--timeout 0s") {
							t.Errorf("%v: %s", line, stderr)
						}
					case commandline.IsHidden(f):
						count["hidden"]++
						if strings.Contains(stderr, one) || strings.Contains(stderr, two) || !strings.Contains(stderr, commandline.Dashed(a)) {
							t.Errorf("%v: %s", line, stderr)
						}
					default:
						count["one"]++
						if !strings.Contains(stderr, commandline.Dashed(a)+" "+one) || !strings.Contains(stderr, commandline.Dashed(b)+" "+two) {
							t.Errorf("%v: %s", line, stderr)
						}
					}
				}
			}
		}
	})
	if count["one"] < 150 || count["several"] < 50 {
		t.Errorf("only %v lines were tried", count)
	}
	t.Log(count)
}

// What stands after the first word that is not a flag is not one, and neither is
// the value of a flag.
func TestFlagsTypedOnce(t *testing.T) {
	for _, line := range []string{
		"read-ek --tpm --tpm --timeout 0s", "read-ek --tpm=--tpm --timeout 0s", "read-ek -vq --quiet -v --verbose -q --timeout 0s",
		"explain --timeout 0s -- --timeout", "explain --timeout 0s --", "enroll --tags a=1 --tags a=2 --timeout 0s", "token mint -qv -v --quiet --timeout 0s",
	} {
		if code, _, stderr := runLine(t, strings.Fields(line)...); code != 2 || strings.Contains(stderr, "twice") || strings.Contains(stderr, "two forms") {
			t.Errorf("%s: %d %s", line, code, stderr)
		}
	}
}

// Every flag with a value refuses the empty one, and an empty variable counts as
// one that is not set.
func TestEmptyValues(t *testing.T) {
	tried := 0
	eachCommand(func(words []string, c command) {
		for _, f := range c.allFlags() {
			if !commandline.HasOneValue(f) || commandline.IsHidden(f) {
				continue
			}
			for _, name := range f.Names() {
				tried++
				code, _, stderr := runLine(t, append(append([]string{}, words...), append([]string{commandline.Dashed(name), ""}, anArgument(c)...)...)...)
				if code != 2 || !strings.Contains(stderr, "is empty: omit it") && !strings.Contains(stderr, "invalid") {
					t.Errorf("%v %s '': %d %s", words, commandline.Dashed(name), code, stderr)
				}
			}
		}
	})
	t.Logf("%d flags", tried)
	t.Setenv("TPMDPS_TPM", "")
	t.Setenv("TPM2TOOLS_TCTI", "device:/dev/tpm-of-the-second")
	if code, _, stderr := runLine(t, "read-ek"); code != 10 || !strings.Contains(stderr, "/dev/tpm-of-the-second") {
		t.Errorf("an empty TPMDPS_TPM hides the other variable: %d %s", code, stderr)
	}
	t.Setenv("TPM2TOOLS_TCTI", "")
	if code, _, stderr := runLine(t, "read-ek", "--tpm", ""); code != 2 {
		t.Errorf("--tpm '': %d %s", code, stderr)
	}
}

// A value of the wrong kind is refused in words that say what is missing.
func TestValuesOfTheWrongKind(t *testing.T) {
	for value, want := range map[string]string{
		"10": `--timeout "10" has no unit: write 10s for seconds, 10m`, "1.5": "write 1.5s", "00": "write 00s", "-3": "has no unit",
		"10 s": "without blanks", "10sec": "the unit is s", "5min": "the unit is m", "2hours": "the unit is h", "1day": "24", "1d": "is not a time",
		"soon": "is not a time", "10S": "is not a time",
	} {
		code, _, stderr := runLine(t, "read-ek", "--timeout="+value)
		if code != 2 || !strings.Contains(stderr, want) || strings.Contains(stderr, "parse error") {
			t.Errorf("--timeout %q: %d %s", value, code, stderr)
		}
	}
	tried := 0
	eachCommand(func(words []string, c command) {
		for _, f := range c.flags {
			_, isInt := f.(*cli.IntFlag)
			_, isDuration := f.(*cli.DurationFlag)
			if !isInt && !isDuration {
				continue
			}
			tried++
			code, _, stderr := runLine(t, append(append([]string{}, words...), commandline.Dashed(f.Names()[0])+"=ten")...)
			if code != 2 || strings.Contains(stderr, "parse error") || !strings.Contains(stderr, commandline.Dashed(f.Names()[0])+` "ten" is not a`) {
				t.Errorf("%v: %d %s", words, code, stderr)
			}
		}
	})
	t.Logf("%d numbers", tried)
}

// A word that stands where only flags do says which flag it is meant for.
func TestWordsMeantAsFlags(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for _, name := range []string{"batch", "batch.jsonl", "my batch.jsonl"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, row := range []struct {
		args []string
		want string // "" is nothing
	}{
		{[]string{"enroll", "batch.jsonl"}, "perhaps --from batch.jsonl"},
		{[]string{"enroll", "batch"}, "perhaps --from batch"},
		{[]string{"enroll", "my batch.jsonl"}, "perhaps --from 'my batch.jsonl'"},
		{[]string{"enroll", "/no/such.csv"}, "perhaps --from /no/such.csv"},
		{[]string{"enroll", "update"}, "perhaps --update"},
		{[]string{"config", "check"}, "perhaps --check"},
		{[]string{"config", "chekc"}, "perhaps --check"},
		{[]string{"config", "/etc/aziot/config.toml"}, "perhaps --config /etc/aziot/config.toml"},
		{[]string{"config", "0ne0012AB34"}, "perhaps --id-scope 0ne0012AB34"},
		{[]string{"verify", "offline"}, "perhaps --offline"},
		{[]string{"verify", "0ne0012AB34"}, "perhaps --id-scope 0ne0012AB34"},
		{[]string{"verify", "x.toml"}, "perhaps --config x.toml"},
		{[]string{"verify", "90s"}, "perhaps --timeout 90s"},
		{[]string{"read-ek", "/dev/tpm0"}, "perhaps --tpm /dev/tpm0"},
		{[]string{"read-ek", "swtpm:path=x"}, "perhaps --tpm swtpm:path=x"},
		{[]string{"read-ek", "compare"}, "perhaps --compare"},
		{[]string{"enroll", "plant.azure-devices-provisioning.net"}, "perhaps --dps plant.azure"},
		{[]string{"support-bundle", "box.zip"}, "perhaps --out box.zip"},
		{[]string{"chip", "flush", "yes"}, "perhaps --yes"},
		{[]string{"read-ek", "stray"}, ""},
		{[]string{"enroll", "HostName=a.b;SharedAccessKeyName=p;SharedAccessKey=Y2FuYXJ5"}, ""},
	} {
		code, _, stderr := runLine(t, row.args...)
		if code != 2 || !strings.Contains(stderr, row.want) || row.want == "" && strings.Contains(stderr, "perhaps") {
			t.Errorf("%v: %d %s", row.args, code, fmt.Sprint(stderr))
		}
	}
}
