package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"tpmdps/internal/commandline"
)

// helpPages are the help of the program and of each of its commands.
func helpPages(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{"tpmdps": helpPage(t)}
	for _, c := range commands() {
		all[c.name] = helpPage(t, c.name)
		for _, sub := range c.subcommands {
			all[c.name+" "+sub.name] = helpPage(t, c.name, sub.name)
		}
	}
	return all
}

func helpPage(t *testing.T, words ...string) string {
	t.Helper()
	var out bytes.Buffer
	args := append(append([]string{"tpmdps"}, words...), "--help")
	if code := run(context.Background(), args, streams{strings.NewReader(""), &out, &out}); code != 0 {
		t.Fatalf("%q: exit code %d", args, code)
	}
	return out.String()
}

// Every page of help can be read on a console of 80 columns: no line is longer,
// none has a single word that was left over, and every option is there.
func TestHelpIsForAConsole(t *testing.T) {
	for name, text := range helpPages(t) {
		lines := strings.Split(text, "\n")
		for i, line := range lines {
			if n := utf8.RuneCountInString(line); n > helpWidth {
				t.Errorf("%s: %d columns: %s", name, n, line)
			}
			if i > 0 && i+1 < len(lines) && indent(lines[i+1]) != indent(line) && leftOver(lines[i-1], line) {
				t.Errorf("%s: a word alone on its line:\n%s\n%s", name, lines[i-1], line)
			}
		}
		if !strings.Contains(text, "--help, -h") {
			t.Errorf("%s: --help is not among the options", name)
		}
	}
}

func indent(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }

// leftOver says whether a line, the last of several, is the one word that did not go on the line
// above, though that one had a word to spare for it.
func leftOver(above, line string) bool {
	words := strings.Fields(column.ReplaceAllString(above, ""))
	if len(strings.Fields(line)) != 1 || len(words) < 3 || strings.HasSuffix(above, "\\") {
		return false
	}
	return utf8.RuneCountInString(line+" "+words[len(words)-1]) <= helpWidth
}

// Every example of the help is one line, or continued with a backslash, and a
// shell and the program understand it as it stands there.
func TestHelpExamples(t *testing.T) {
	for name, text := range helpPages(t) {
		_, rest, found := strings.Cut(text, "Examples:\n")
		if !found {
			continue
		}
		block, _, _ := strings.Cut(rest, "\n\n")
		for _, example := range strings.Split(strings.ReplaceAll(block, "\\\n", " "), "\n") {
			if err := parses(strings.TrimSpace(example)); err != nil {
				t.Errorf("%s: %q: %v", name, example, err)
			}
		}
	}
}

// parses has a shell split a command line, and the program read its own part of
// it, without doing anything.
func parses(line string) error {
	// The words of each program of the line come out with a zero behind each.
	script := `tpmdps() { printf '%s\0' tpmdps "$@" EOL; }; sudo() { "$@"; }; journalctl() { :; }; ` + //
		strings.NewReplacer(">>", ">>/dev/stdout #", ". dps/emulator.env", ":").Replace(line)
	out, err := exec.Command("sh", "-uec", script).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	words := strings.Split(string(out), "\x00")
	end := slices.Index(words, "EOL")
	if end < 0 {
		return fmt.Errorf("the shell runs no tpmdps: %q", out)
	}
	app := newApp(streams{strings.NewReader(""), &bytes.Buffer{}, &bytes.Buffer{}})
	app.Commands = nil
	for _, c := range commands() {
		app.Commands = append(app.Commands, c.idle().build(streams{strings.NewReader(""), &bytes.Buffer{}, &bytes.Buffer{}}))
	}
	app.Metadata = map[string]any{commandline.Typed: words[:end]}
	return app.RunContext(context.Background(), words[:end])
}

// idle is the command with nothing to do.
func (c command) idle() command {
	c.run = func(*session, flags) error { return nil }
	for i, sub := range c.subcommands {
		if i == 0 {
			c.subcommands = slices.Clone(c.subcommands)
		}
		c.subcommands[i] = sub.idle()
	}
	return c
}

// Whatever is folded keeps its words in their order, and fits.
func TestFold(t *testing.T) {
	for range 2000 {
		words := make([]string, 1+rand.IntN(40))
		for i := range words {
			words[i] = strings.Repeat("x", 1+rand.IntN(14))
		}
		label := strings.Repeat(" ", rand.IntN(4)) + []string{"", "  --flag VALUE  "}[rand.IntN(2)]
		text := fold(label + strings.Join(words, " "))
		if got, want := strings.Fields(text), append(strings.Fields(label), words...); !slices.Equal(got, want) {
			t.Fatalf("fold() changed the words: %q, want %q", got, want)
		}
		lines := strings.Split(text, "\n")
		for i, line := range lines {
			if len(line) > helpWidth || i > 0 && i == len(lines)-1 && leftOver(lines[i-1], line) {
				t.Fatalf("fold() made\n%s", text)
			}
		}
	}
}

// TestCommandLinesAreApart runs command lines beside each other, for the race
// detector: urfave/cli has variables that all of them share.
func TestCommandLinesAreApart(t *testing.T) {
	var all sync.WaitGroup
	for range 4 {
		for _, args := range [][]string{{"version"}, {"explain", "404201"}, {"audit", "verify"}, {"verify", "help"}, {"--help"}, {"no-such"}} {
			all.Go(func() {
				run(t.Context(), append([]string{"tpmdps"}, args...), streams{strings.NewReader(""), io.Discard, io.Discard})
			})
		}
	}
	all.Wait()
}
