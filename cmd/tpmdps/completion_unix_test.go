//go:build unix

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Each shell runs the script that is printed for it, and says what it would offer. What
// stands on the line is not run by that.
func TestCompletionInShells(t *testing.T) {
	dir := t.TempDir()
	harmed := filepath.Join(dir, "harmed")
	lines := []struct {
		line string // the last word is the one to be completed
		want string
	}{
		{"tpmdps enr", "enroll"},
		{"tpmdps batch ver", "verify"},
		{"tpmdps enroll --auth-type ", "key login"},
		{"tpmdps enroll --dps plant --dry", "--dry-run"},
		{"tpmdps enroll --from '$(touch harmed)' --auth-type l", "login"},
	}
	for shell, program := range map[string]string{
		// COMP_WORDS are the words as they are typed, with their quotes.
		"bash": `. "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _tpmdps; printf '%s\n' "${COMPREPLY[@]}"`,
		"zsh": `compdef() { :; }; _files() { :; }; _describe() { local w; for w in $described; do print -r -- "${w%%:*}"; done; }
			. "$1"; shift; words=("$@"); CURRENT=$#; _tpmdps`,
	} {
		script := filepath.Join(dir, shell)
		writeScript(t, shell, script)
		for _, l := range lines {
			args := append([]string{"-c", program, shell, script}, splitLine(l.line)...)
			compareWords(t, shell, l.line, l.want, offered(t, dir, l.line, shell, args...))
		}
	}
	script := filepath.Join(dir, "fish")
	writeScript(t, "fish", script)
	for _, l := range lines {
		compareWords(t, "fish", l.line, l.want, offered(t, dir, l.line, "fish", "--no-config", "-c", "source "+script+"; complete -C \"$argv[1]\"", l.line))
	}
	if _, err := os.Stat(harmed); err == nil {
		t.Error("what stood on the line was run")
	}
}

// splitLine separates at blanks outside of single quotes.
func splitLine(line string) (words []string) {
	var b strings.Builder
	quoted := false
	for _, r := range line {
		switch {
		case r == '\'':
			quoted = !quoted
			b.WriteRune(r)
		case r == ' ' && !quoted:
			words = append(words, b.String())
			b.Reset()
		default:
			b.WriteRune(r)
		}
	}
	return append(words, b.String())
}

func writeScript(t *testing.T, shell, path string) {
	t.Helper()
	out, err := exec.Command("tpmdps", "completion", shell).Output()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, out, 0o600); err != nil {
		t.Fatal(err)
	}
}

// offered are the words that a shell offers, without what is said about them.
func offered(t *testing.T, dir, line, shell string, args ...string) (words []string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), shell, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_CONFIG_HOME="+dir, "XDG_DATA_HOME="+dir) // where fish keeps files
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || stderr.Len() > 0 {
		t.Errorf("%s: %q: %v, %s", shell, line, err, stderr.String())
	}
	for l := range strings.Lines(string(out)) {
		word, _, _ := strings.Cut(strings.TrimSpace(l), "\t")
		words = append(words, word)
	}
	return words
}

func compareWords(t *testing.T, shell, line, want string, got []string) {
	t.Helper()
	wanted := strings.Fields(want)
	slices.Sort(wanted)
	slices.Sort(got)
	if !slices.Equal(got, wanted) {
		t.Errorf("%s: %q offers %q, want %q", shell, line, got, wanted)
	}
}
