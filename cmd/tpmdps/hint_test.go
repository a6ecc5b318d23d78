package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"tpmdps/internal/dictionary"
	"tpmdps/internal/dps"
	"tpmdps/internal/hint"
	"tpmdps/internal/provision"
	"tpmdps/internal/tpm"
	"tpmdps/internal/verdict"
)

// rootForTests says that a test is about what root is told. Whoever runs the tests
// is told what others are.
const rootForTests = "TPMDPS_TEST_ROOT"

func init() { isRoot = func() bool { return os.Getenv(rootForTests) != "" } }

// allHints are the hints of every table: the exit codes', what explain says (the
// page is printed from its tables), and those that are put together.
func allHints(t *testing.T) []string {
	t.Helper()
	all := verdict.Hints()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "errors.md"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(page)) {
		if cells := strings.Split(line, " | "); len(cells) == 5 {
			all = append(all, strings.ReplaceAll(cells[3], `\|`, "|"))
		}
	}
	for _, status := range []int{302, 400, 401, 403, 404, 409, 412, 413, 418, 429, 503} {
		for _, form := range []string{dps.FormDPS, dps.FormHub, dps.FormOther, dps.FormNone} {
			all = append(all, verdict.Of(&dps.Error{Status: status, Form: form}).Hint)
		}
	}
	for _, code := range []int{400004, 404000, 404201, 404202, 409201, 400207} {
		all = append(all, verdict.Of(&dps.Error{Status: code / 1000, Code: code, Form: dps.FormDPS}).Hint)
	}
	for _, handle := range []uint32{0x40000001, 0x4000000b, tpm.HandleEK, tpm.HandleSRK, 0x81000100, 0x01c00002, 1} {
		all = append(all, verdict.Of(&tpm.AuthError{Handle: handle}).Hint, verdict.Of(&tpm.OccupiedError{Handle: handle}).Hint)
	}
	for name, refused := range refusedOperators(t) {
		if name != "token, narrow" { // which token mint, that asks nobody, cannot meet
			all = append(all, verdict.Of(refused.err).Hint)
		}
	}
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), func(hint string) bool { return hint == "" || hint == "-" })
}

// allLines are all commands, each with none of its flags, with each one, and with
// all of them.
func allLines() []hint.Line {
	var all []hint.Line
	var add func(prefix string, level []command)
	add = func(prefix string, level []command) {
		for _, c := range level {
			name := strings.TrimSpace(prefix + " " + c.name)
			if len(c.subcommands) > 0 {
				add(name, c.subcommands)
				continue
			}
			every := map[string]string{}
			for _, f := range c.allFlags() {
				flag := f.Names()[0]
				value := choices[flag] // what hints name
				every[flag] = value
				all = append(all, hint.Line{Commands: known, Command: name, Flags: map[string]string{flag: value}})
			}
			all = append(all, hint.Line{Commands: known, Command: name}, hint.Line{Commands: known, Command: name, Flags: every})
		}
	}
	add("", commands())
	return all
}

// No hint names a flag or a command that was given, or sudo to root; and each one
// says something all the same.
func TestHintsFitTheCommandLine(t *testing.T) {
	lines := allLines()
	other := regexp.MustCompile(`tpmdps [a-z][^;:,()]*`) // another command, with its flags
	tried, nothing := 0, map[string]string{}
	for _, advice := range allHints(t) {
		for _, line := range lines {
			if len(line.Flags) == 1 && !slices.ContainsFunc(slices.Collect(maps.Keys(line.Flags)), func(flag string) bool { return strings.Contains(advice, "--"+flag) }) {
				continue // as without the flag
			}
			for _, line.Root = range []bool{false, true} {
				tried++
				got := line.Fit(advice)
				if got == hint.Nothing {
					nothing[advice] = fmt.Sprint(line.Command, line.Flags)
				}
				if got == "" || line.Root && strings.Contains(got, "sudo") {
					t.Errorf("%+v is told %q", line, got)
				}
				for _, named := range regexp.MustCompile(`tpmdps `+line.Command+`( --?[a-z-]+( [A-Z-]+)?)*`).FindAllString(got, -1) {
					new := slices.ContainsFunc(strings.Fields(named), func(word string) bool {
						_, given := line.Flags[strings.TrimLeft(word, "-")]
						return strings.HasPrefix(word, "--") && !given
					})
					if !new || line.Command == "enroll" || line.Command == "verify" {
						t.Errorf("%+v: sent to itself: %q", line, got)
					}
				}
				own := leftOut.ReplaceAllString(other.ReplaceAllString(got, ""), "") + " "
				for flag := range line.Flags {
					if strings.Contains(own, "--"+flag+" ") || strings.Contains(own, "--"+flag+",") || strings.Contains(own, "--"+flag+":") || strings.Contains(own, "--"+flag+";") {
						t.Errorf("%+v: told again to give --%s: %q", line, flag, got)
					}
				}
			}
		}
	}
	for advice, line := range nothing {
		t.Errorf("%q has no other words for %s", advice, line)
	}
	t.Logf("%d hints and lines", tried)
}

// A command line is understood as it was typed, also one with a mistake in it.
func TestParseLine(t *testing.T) {
	for _, row := range []struct {
		args, command string
		flags         map[string]string
	}{
		{"", "", nil},
		{"enroll", "enroll", nil},
		{"enroll --update --ek KEY --dps=plant", "enroll", map[string]string{"update": "", "endorsement-key": "KEY", "dps": "plant"}},
		{"verify -q -o json --until challenge", "verify", map[string]string{"quiet": "", "output": "json", "until": "challenge"}},
		{"token mint --out FILE", "token mint", map[string]string{"out": "FILE"}},
		{"verify --no-such-flag --offline", "verify", map[string]string{"offline": ""}},
		{"enroll --registration-id verify --update", "enroll", map[string]string{"registration-id": "verify", "update": ""}},
		{"explain -- --update", "explain", nil},
		{"verify --timeout", "verify", map[string]string{"timeout": ""}},
	} {
		got := parseLine(append([]string{"tpmdps"}, strings.Fields(row.args)...))
		if got.Command != row.command || !maps.Equal(got.Flags, row.flags) {
			t.Errorf("%q is understood as %q with %v, want %q with %v", row.args, got.Command, got.Flags, row.command, row.flags)
		}
	}
}

// What there is to say to those who did already what the hint is about.
func TestHintsSayWhatElse(t *testing.T) {
	for _, row := range []struct{ args, hint, want string }{
		{"enroll --update", "to change the enrollment: tpmdps enroll --update", "it was changed again meanwhile: run the same command again, and find out which other program or person writes it"},
		{"enroll", "to change the enrollment: tpmdps enroll --update", "to change the enrollment: the same command with --update"},
		{"enroll --replace-ek --reason swapped", "the enrollment was made with another chip's key, or another tool's: tpmdps enroll --replace-ek --reason TEXT", "the enrollment has another chip's key, or another tool's: look at the enrollment in the portal: whose key has it?"},
		{"enroll", "enable it: tpmdps enroll --provisioning-status enabled --update", "enable it: the same command with --provisioning-status enabled --update"},
		{"verify --timeout 2s", "raise --timeout; look at the hubs", "raise --timeout; look at the hubs"},
		{"verify --until assigned", "--until challenge registers nothing", "--until challenge registers nothing"},
		{"config --file F", "tpmdps config --check shows where and why", "tpmdps config --check --config F shows where and why"},
		{"config --check --file F", "tpmdps config --check shows where and why", "correct the line that is named"},
		{"verify --config F", "was F copied from another machine? tpmdps config --registration-id abc --config F", "was F copied from another machine? tpmdps config --registration-id abc --config F"},
		{"verify --config F", "tpmdps config --tcti swtpm:host=h,port=1 --config 'my box.toml'", "tpmdps config --tcti swtpm:host=h,port=1 --config 'my box.toml'"},
		{"verify --ca-file F", "if a proxy inspects TLS here, give its CA with --ca-file; otherwise check the host name", "if a proxy inspects TLS here: its CA has to be in the file that was given; otherwise check the host name"},
		{"verify --registration-id ID", "is it another machine's? Leave --registration-id out", "is it another machine's? Leave --registration-id out"},
		{"verify --registration-id ID", "Leave it out; give --registration-id", "Leave it out"},
	} {
		if got := parseLine(append([]string{"tpmdps"}, strings.Fields(row.args)...)).Fit(row.hint); got != row.want {
			t.Errorf("%s: %q becomes %q, want %q", row.args, row.hint, got, row.want)
		}
	}
	t.Setenv(rootForTests, "1")
	if got := parseLine([]string{"tpmdps", "config"}).Fit("the logs say why: sudo iotedge system logs"); got != "the logs say why: iotedge system logs" {
		t.Errorf("root is told %q", got)
	}
	if got := parseLine([]string{"tpmdps", "config"}).Fit("run it again with sudo"); strings.Contains(got, "sudo") {
		t.Errorf("root is told %q", got)
	}
}

// A registration that failed of what its message names is not the hubs' fault.
func TestHintsOfFailedRegistrations(t *testing.T) {
	for _, row := range []struct {
		code          int
		message, want string
	}{
		{400004, "Invalid property name in initialTwin: a.b", "correct what the message names"},
		{400004, "Invalid RegistrationId", "correct the registration ID"},
		{400999, "something new", "look at the linked hubs"},
		{0, "", "look at the linked hubs"},
		{404000, "no", "look at the linked hubs"},
	} {
		err := fmt.Errorf("%w: %w", provision.ErrNotAssigned, &provision.RegistrationError{Code: row.code, Message: row.message})
		if v := verdict.Of(err); v.Code != 33 || !strings.HasPrefix(v.Hint, row.want) {
			t.Errorf("%d %q: exit code %d, hint %q, want %q", row.code, row.message, v.Code, v.Hint, row.want)
		}
	}
}

// No hint for a TPM on a socket speaks of this machine's devices and firmware, and
// each one says something all the same.
func TestHintsForSoftwareTPMs(t *testing.T) {
	hardware := regexp.MustCompile(`/dev/tpm|fuser -v /dev|firmware setup|machine off and on|[Rr]estart (of )?the machine`)
	before, after := 0, 0
	for _, way := range []string{"swtpm:", "swtpm:path=/run/box.sock", "mssim:", "./box/sock", "box/sock"} {
		addr, err := tpm.ParseAddress(way)
		if err != nil {
			t.Fatal(err)
		}
		for _, advice := range allHints(t) {
			line := hint.Line{Commands: known, Command: "verify", Flags: map[string]string{"tpm": way}, Chip: &addr}
			got := strings.ReplaceAll(line.Fit(advice), " --tpm "+way, "") // what a command keeps is another test's matter
			if hardware.MatchString(advice) {
				before++
			}
			if hardware.MatchString(got) && !strings.Contains(advice, "tcti = ") && got != advice { // that is about config.toml, or a response code
				t.Errorf("%s: %q becomes %q", way, advice, got)
				after++
			}
			if got == "" || strings.HasPrefix(got, ";") || strings.Contains(got, ";;") || strings.HasSuffix(got, " ") {
				t.Errorf("%s: %q becomes %q", way, advice, got)
			}
			if advice == dictionary.TPMAdvice(0x101) && got != advice || strings.HasPrefix(advice, "switch the machine off and on again") && (!strings.Contains(got, "absolute path") || !strings.Contains(got, "log")) {
				t.Errorf("0x101: %q", got)
			}
		}
	}
	t.Logf("%d hints name hardware, %d for a software TPM", before, after)
	if before < 50 {
		t.Errorf("only %d hints name hardware", before)
	}
	chip, _ := tpm.ParseAddress("/dev/tpm0")
	if got := (hint.Line{Commands: known, Command: "verify", Chip: &chip}).Fit(verdict.Of(tpm.ErrBusy).Hint); !strings.Contains(got, "fuser") {
		t.Errorf("the advice for a device is %q", got)
	}
}
