package main

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"tpmdps/internal/hint"
)

// lineOf is a command line as it was typed.
func lineOf(args ...string) hint.Line { return parseLine(append([]string{"tpmdps"}, args...)) }

// known is the grammar of the program.
var known = grammar(commands())

// knownFlags are the flags of a command such as "chip flush"; nil where there is none.
func knownFlags(name string) map[string]hint.Flag {
	level := known
	var flags map[string]hint.Flag
	for word := range strings.FieldsSeq(name) {
		i := slices.IndexFunc(level, func(c hint.Command) bool { return c.Name == word })
		if i < 0 {
			return nil
		}
		flags, level = level[i].Flags, level[i].Subcommands
	}
	return flags
}

// choices are the words that hints name for flags that have a choice of them.
var choices = map[string]string{"until": "challenge", "config": "stdout"}

var (
	elsewhere  = regexp.MustCompile(`on the machine|inside of the virtual machine`)
	leftOut    = regexp.MustCompile(`(?i)\b(?:leave|omit|without|raise) --[a-z][a-z0-9-]*`)
	flagInHint = regexp.MustCompile(`(?:^|[^-\w])--([a-z][a-z0-9-]*)(?: ([a-z]+))?`)
)

// A command in a hint works with the chip, the service and the file of the run.
func TestHintsKeepFlags(t *testing.T) {
	const chip = "swtpm:path=/x/a b"
	for _, row := range []struct {
		args       []string
		hint, want string
	}{
		{[]string{"verify", "--tpm", chip}, "enroll the machine first: tpmdps enroll", "enroll the machine first: tpmdps enroll --tpm 'swtpm:path=/x/a b'"},
		{[]string{"verify", "--tpm=" + chip, "--registration-id", "line7", "--ca-file", "ca.pem"}, "enroll it: tpmdps enroll, then wait", "enroll it: tpmdps enroll --tpm 'swtpm:path=/x/a b' --ca-file ca.pem --registration-id line7, then wait"},
		{[]string{"verify"}, "enroll it: tpmdps enroll", "enroll it: tpmdps enroll"},
		{[]string{"enroll", "--from", "batch.jsonl", "--edge-enabled", "--tpm", chip}, "enable it: tpmdps enroll --provisioning-status enabled --update", "enable it: the same command with --provisioning-status enabled --update"},
		{[]string{"enroll", "--dps", "plant", "--sas-token-file", "my token"}, "tpmdps config --check says where", "tpmdps config --check --dps plant --sas-token-file 'my token' says where"},
		{[]string{"enroll", "--dps", "plant", "--sas-token-file", "t"}, "make a token for this one: tpmdps token mint", "make a token for this one: tpmdps token mint"},
		{[]string{"enroll", "--connection-string", "secret"}, "tpmdps token mint", "tpmdps token mint"},
		{[]string{"enroll", "--connection-string-file", "-"}, "tpmdps token mint", "tpmdps token mint"},
		{[]string{"verify", "--config", "my box.toml", "--tpm", chip}, "tpmdps config --check says what to type", "tpmdps config --check --tpm 'swtpm:path=/x/a b' --config 'my box.toml' says what to type"},
		{[]string{"config", "--check", "--file", "b.toml"}, "tpmdps config --id-scope SCOPE adds it", "tpmdps config --id-scope SCOPE --config b.toml adds it"},
		{[]string{"config", "--check", "--config", "-"}, "tpmdps config --id-scope SCOPE adds it", "tpmdps config --id-scope SCOPE adds it"},
		{[]string{"config", "--id-scope", "0ne1", "--tpm", "mssim:"}, "for a machine with a TPM: tpmdps config --replace-provisioning", "for a machine with a TPM: tpmdps config --replace-provisioning --tpm mssim: --id-scope 0ne1"},
		{[]string{"verify", "--config", "F", "--owner-auth-file", "pw"}, "tpmdps config --tcti mssim: --config F", "tpmdps config --tcti mssim: --config F"},
		{[]string{"verify", "--config", "F", "--tpm", "mssim:"}, "tpmdps config --tcti mssim: --config 'my box.toml'", "tpmdps config --tcti mssim: --config 'my box.toml' --tpm mssim:"},
		{[]string{"config", "--config", "F"}, "tpmdps config --config - prints a valid one", "tpmdps config --config - prints a valid one"},
		{[]string{"verify", "--config", "F"}, "tpmdps config --config - prints one", "tpmdps config --config - prints one"},
		{[]string{"verify", "--tpm", chip}, "name it: tpmdps read-ek --tpm ADDR", "name it: tpmdps read-ek --tpm ADDR"},
		{[]string{"enroll", "--tpm", chip, "--plain-bus"}, "correct it: tpmdps read-ek -o jsonl", "correct it: tpmdps read-ek -o jsonl --tpm 'swtpm:path=/x/a b' --plain-bus"},
		{[]string{"verify", "--tpm", chip}, "tpmdps explain - and tpmdps audit verify FILE", "tpmdps explain - and tpmdps audit verify FILE"},
		{[]string{"verify", "--tpm", chip}, "on the machine that it is for: tpmdps enroll --replace-ek", "on the machine that it is for: tpmdps enroll --replace-ek"},
		{[]string{"read-ek", "--label", "line=7", "--tpm", "mssim:"}, "then tpmdps read-ek --persist", "then tpmdps read-ek --persist --tpm mssim: --label line=7"},
		{[]string{"read-ek", "--compare", "--tpm", "mssim:"}, "then tpmdps read-ek --persist", "then tpmdps read-ek --persist --tpm mssim:"},
		{[]string{"verify", "--tpm", "a'b"}, "what it left: tpmdps chip flush", `what it left: tpmdps chip flush --tpm 'a'\''b'`},
		{[]string{"verify", "--tpm", chip}, "look into tpmdps config.toml", "look into tpmdps config.toml"},
	} {
		if got := lineOf(row.args...).Fit(row.hint); got != row.want {
			t.Errorf("%q: %q becomes %q, want %q", row.args, row.hint, got, row.want)
		}
	}
}

// In no hint is a command that uses the chip without the chip that was given, or a
// flag that it has not, or one twice.
func TestEveryHintKeepsTheChip(t *testing.T) {
	const addr = "swtpm:path=/x/a b"
	inHint := regexp.MustCompile(`tpmdps ((?:token |audit |chip )?[a-z][a-z-]*)((?: --?[a-z][a-z-]*(?: (?:'[^']*'|[^\s'-]\S*))?)*)`)
	kept := 0
	for _, command := range []string{"read-ek", "enroll", "unenroll", "verify", "config", "support-bundle", "chip flush"} {
		line := lineOf(append(strings.Fields(command), "--tpm", addr, "--ca-file", "my ca", "--sas-token", "hidden")...)
		for _, advice := range allHints(t) {
			got := line.Fit(advice)
			if strings.Contains(got, "hidden") {
				t.Errorf("%s: a secret in %q", command, got)
			}
			for _, m := range inHint.FindAllStringSubmatch(strings.ReplaceAll(got, " - ", " STDOUT "), -1) {
				has := knownFlags(m[1])
				uses := !strings.Contains(m[2], "--udev") && slices.Contains([]string{"read-ek", "enroll", "unenroll", "verify", "config", "support-bundle", "chip flush"}, m[1])
				if has == nil {
					continue
				}
				if other := elsewhere.MatchString(got); strings.Count(m[2], "--tpm ") != 1 && uses && !other || strings.Contains(m[2], "--tpm") && !uses {
					t.Errorf("%s: %q becomes %q", command, advice, got)
				}
				if strings.Contains(m[2], "--tpm '"+addr+"'") {
					kept++
				}
				for _, f := range flagInHint.FindAllStringSubmatch(m[2], -1) {
					if _, ok := has[f[1]]; !ok {
						t.Errorf("%s: %s has no --%s: %q", command, m[1], f[1], got)
					}
				}
			}
		}
	}
	t.Logf("%d commands keep the chip", kept)
	if kept < 100 {
		t.Errorf("only %d commands keep the chip", kept)
	}
}
