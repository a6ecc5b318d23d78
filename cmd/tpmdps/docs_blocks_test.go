package main

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

// Every block of a page says what is in it. One with commands is executed by
// TestDocsExecuted, in the order of the page, or says above itself what it needs
// that a test has not:
//
//	<!-- needs: Azure, root -->
//
// Which of the two is not for the page to choose: needs, below, decides. A block that
// begins with #! is a file of docs/examples, whole, and a test runs that.

// block is what stands between two fences.
type block struct {
	page     string
	line     int // of the first fence
	language string
	marks    []string // what it says it needs
	text     string
}

func (b block) String() string { return fmt.Sprintf("%s:%d", b.page, b.line) }

// commandLanguages hold commands; what executes them is a shell of Unix, or else one
// of Windows.
var commandLanguages, dataLanguages = map[string]string{"sh": "Unix", "console": "Unix", "powershell": "Windows", "bat": "Windows"},
	[]string{"text", "json", "toml", "yaml", "xml", "ini"}

var (
	fence = regexp.MustCompile("^( *)(```+|~~~+)(.*)$")
	mark  = regexp.MustCompile(`^ *<!-- needs: (.*) -->$`)
)

// blocks reads them off a page.
func blocks(name, text string) (all []block, faults []string) {
	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines); i++ {
		above := ""
		if i > 0 {
			above = lines[i-1]
		}
		marked := mark.FindStringSubmatch(above)
		m := fence.FindStringSubmatch(lines[i])
		if m == nil {
			if marked != nil {
				faults = append(faults, fmt.Sprintf("%s:%d: a mark without a block below it", name, i))
			}
			if above == "" && strings.HasPrefix(lines[i], "    ") {
				faults = append(faults, fmt.Sprintf("%s:%d: a block without a fence", name, i+1))
			}
			continue
		}
		b := block{page: name, line: i + 1, language: m[3]}
		if marked != nil {
			b.marks = strings.Split(marked[1], ", ")
		}
		for i++; i < len(lines) && strings.TrimSpace(lines[i]) != m[2]; i++ {
			b.text += strings.TrimPrefix(lines[i], m[1]) + "\n"
		}
		if i == len(lines) {
			faults = append(faults, fmt.Sprintf("%s: the fence has no end", b))
		}
		all = append(all, b)
	}
	return all, faults
}

// lines are the command lines of a block, each whole: without prompt, comments and
// what was printed.
func (b block) lines() []string {
	var all []string
	text := regexp.MustCompile("[\\\\`]\n *").ReplaceAllString(b.text, "")
	for line := range strings.SplitSeq(text, "\n") {
		if b.language == "console" {
			typed, ok := strings.CutPrefix(line, "$ ")
			if !ok {
				continue
			}
			line = typed
		}
		line = strings.TrimSpace(regexp.MustCompile(`(^|\s)#.*$`).ReplaceAllString(line, ""))
		if line != "" {
			all = append(all, line)
		}
	}
	return all
}

// need is what tests do not have, and how a command line shows that it needs it.
type need struct {
	name  string
	shows *regexp.Regexp
}

// needs is the whole list of marks.
var needs = []need{
	{"Azure", regexp.MustCompile(`^az |--dps [a-z0-9-]+( |$)|\.azure-devices`)},
	{"IoT Edge", regexp.MustCompile(`\biotedge\b|aziot`)},
	{"a printer", regexp.MustCompile(`\blp\b|/dev/usb/lp`)},
	{"TrustedTpm.cab", regexp.MustCompile(`TrustedTpm\.cab`)}, // Microsoft's file of makers' certificates
	{"root", regexp.MustCompile(`\bsudo (?:env |-\S+ )*(?:[^t-]|t[^p])|\b(?:apt|apt-get|dpkg|rpm|dnf|systemctl|mount|umount|chroot)\b`)},
	{"a release", regexp.MustCompile(`SHA256SUMS|tpmdps_\S*_(?:linux|windows)_|\bdist\b`)},
	{"a stick", regexp.MustCompile(`/media/|/mnt/|/run/media/|\bstart\.(?:sh|cmd)\b`)},
	{"the source", regexp.MustCompile(`^make (?:demo|test|snapshot|conformance|bench|recording)\b`)},
	{"a desktop", regexp.MustCompile(`\b(?:xdg-open|firefox|chromium)\b`)},
}

// needed is what a block needs by what its lines show, in the order of the list.
func (b block) needed() []string {
	var names []string
	if commandLanguages[b.language] == "Windows" {
		names = append(names, "Windows")
	}
	for _, n := range needs {
		if slices.ContainsFunc(b.lines(), n.shows.MatchString) {
			names = append(names, n.name)
		}
	}
	return names
}

// executable tells whether tests can execute a command line by itself.
func executable(line string) bool {
	return !slices.ContainsFunc(needs, func(n need) bool { return n.shows.MatchString(line) })
}

// judge says what is wrong with a block, but for what executing it shows.
func judge(b block) (faults []string) {
	says := func(format string, args ...any) {
		faults = append(faults, fmt.Sprintf("%s: ", b)+fmt.Sprintf(format, args...))
	}
	if commandLanguages[b.language] == "" {
		if !slices.Contains(dataLanguages, b.language) {
			says("the fence names no language that is known: %q", b.language)
		}
		if m := regexp.MustCompile(`(?m)^(\$ |sudo |tpmdps [a-z]).*`).FindString(b.text); m != "" {
			says("a command in a block of %q: %s", b.language, m)
		}
		if b.marks != nil {
			says("a block without commands has a mark")
		}
		return faults
	}
	if b.isFile() {
		if b.marks != nil || !isRun(b.text) {
			says("a script is a file of docs/examples, word for word, that a test runs; it has no mark")
		}
		return faults
	}
	if len(b.lines()) == 0 {
		says("there is no command")
	}
	want, got := slices.Sorted(slices.Values(b.needed())), slices.Sorted(slices.Values(b.marks))
	if !slices.Equal(want, got) {
		says("its mark says that it needs %q; by its lines it needs %q", got, want)
	}
	if len(want) > 0 && commandLanguages[b.language] == "Unix" && executable(b.lines()[0]) {
		says("%q needs nothing of %q: give it a block of its own, to be executed", b.lines()[0], want)
	}
	if commandLanguages[b.language] == "Unix" {
		cmd := exec.Command("sh", "-n")
		cmd.Stdin = strings.NewReader(strings.Join(b.script(), "\n"))
		if out, err := cmd.CombinedOutput(); err != nil {
			says("sh does not understand it: %v\n%s", err, out)
		}
	}
	for _, line := range b.lines() {
		for _, args := range calls(line) {
			if err := parse(args); err != nil {
				says("%q: %v", line, err)
			}
		}
	}
	return faults
}

// isFile tells a script that is shown from lines that are typed.
func (b block) isFile() bool { return b.language == "sh" && strings.HasPrefix(b.text, "#!") }

// isRun looks for a text in docs/examples, and for the file's name in a script of the
// tests.
func isRun(text string) bool {
	top := os.DirFS(filepath.Join("..", ".."))
	examples, _ := fs.Glob(top, "docs/examples/*")
	tests, _ := fs.Glob(top, "testdata/script/*.txtar")
	for _, name := range examples {
		if data, err := fs.ReadFile(top, name); err != nil || string(data) != text {
			continue
		}
		return slices.ContainsFunc(tests, func(test string) bool {
			data, err := fs.ReadFile(top, test)
			return err == nil && strings.Contains(string(data), path.Base(name))
		})
	}
	return false
}

// script is what a shell is given of a block.
func (b block) script() []string {
	if b.language == "console" {
		return b.lines()
	}
	return []string{b.text}
}

// calls finds what a line of a shell has tpmdps do: the words of each call.
func calls(line string) (all [][]string) {
	for _, words := range simple(line) {
		for len(words) > 1 && (slices.Contains([]string{"sudo", "exec", "if", "then", "do", "!", "until", "while"}, words[0]) || strings.Contains(words[0], "=") && !strings.HasPrefix(words[0], "-")) {
			words = words[1:]
		}
		if i := slices.Index(words, "tpmdps"); i >= 0 && (i == 0 || words[0] == "env") {
			all = append(all, words[i:])
		}
	}
	return all
}

// simple splits a line of a shell into its simple commands, and these into words.
func simple(line string) (all [][]string) {
	var words []string
	var word strings.Builder
	begun, quote := false, rune(0)
	end := func() {
		if begun {
			words = append(words, word.String())
			word.Reset()
			begun = false
		}
	}
	for i, r := range line {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			quote, begun = r, true
		case r == ' ':
			end()
		case strings.ContainsRune("|;&()", r):
			end()
			all, words = append(all, words), nil
		case r == '>' || r == '<':
			if d := line[max(i-1, 0):i]; d == "1" || d == "2" {
				word.Reset()
				begun = false
			}
			end()
			all, words = append(all, words), nil
		default:
			begun = true
			word.WriteRune(r)
		}
	}
	end()
	return append(all, words)
}

// parse has the program read a command line as it does before it runs it.
func parse(args []string) error {
	s := streams{strings.NewReader(""), io.Discard, io.Discard}
	app := newApp(s)
	app.Commands = nil
	for _, c := range commands() {
		app.Commands = append(app.Commands, idle(c).build(s))
	}
	app.Metadata = map[string]any{}
	app.Action = func(c *cli.Context) error {
		if c.NArg() > 0 {
			return fmt.Errorf("there is no command %q", c.Args().First())
		}
		return nil
	}
	return app.Run(args)
}

// idle is a command that does nothing when it has been understood.
func idle(c command) command {
	c.run = func(*session, flags) error { return nil }
	subcommands := c.subcommands
	c.subcommands = nil
	for _, sub := range subcommands {
		c.subcommands = append(c.subcommands, idle(sub))
	}
	return c
}

// TestDocsBlocks: every block of every page is of a kind that is known, and says of
// itself what is true.
func TestDocsBlocks(t *testing.T) {
	count := map[string]int{}
	for _, name := range pages(t) {
		all, faults := blocks(name, page(t, name))
		for _, b := range all {
			faults = append(faults, judge(b)...)
			if commandLanguages[b.language] == "" {
				continue
			}
			for _, m := range b.marks {
				count[m] += len(b.lines())
			}
			if b.marks == nil {
				count[""] += len(b.lines())
			}
		}
		for _, f := range faults {
			t.Error(f)
		}
	}
	if count[""] < 40 {
		t.Errorf("%d command lines have no mark: is the search broken?", count[""])
	}
	t.Logf("lines by what they need: %v", count)
}

// TestDocsTargets: what pages have make do, make can do.
func TestDocsTargets(t *testing.T) {
	targets := regexp.MustCompile("(?m)^([a-z-]+):").FindAllStringSubmatch(page(t, "Makefile"), -1)
	typed := regexp.MustCompile("(?m)(?:`|^|&& )make ([a-z-]+)")
	found := 0
	for _, name := range pages(t) {
		for _, m := range typed.FindAllStringSubmatch(page(t, name), -1) {
			found++
			if !slices.ContainsFunc(targets, func(target []string) bool { return target[1] == m[1] }) {
				t.Errorf("%s: there is no target for make %s", name, m[1])
			}
		}
	}
	if found < 3 {
		t.Errorf("make is typed %d times: is the search broken?", found)
	}
}

// inlineCommand is a command line that stands in a sentence or a table.
var inlineCommand = regexp.MustCompile("`((?:sudo )?tpmdps [a-z][^`\n]*)`")

// TestDocsInline has the program read every command line that stands in a sentence
// or a table, as it would before it runs it.
func TestDocsInline(t *testing.T) {
	found := 0
	for _, name := range pages(t) {
		text := regexp.MustCompile("(?ms)^```.*?^```$").ReplaceAllString(page(t, name), "")
		for _, m := range inlineCommand.FindAllStringSubmatch(text, -1) {
			line := strings.ReplaceAll(m[1], `\|`, "|")
			if known := notCommands[line]; known {
				continue
			}
			for _, args := range calls(strings.TrimSuffix(line, " ...")) {
				found++
				if err := parse(args); err != nil && !unfinished(args, err) {
					t.Errorf("%s: %s: %v", name, line, err)
				}
			}
		}
	}
	if found < 50 {
		t.Errorf("%d were found: is the search broken?", found)
	}
}

// notCommands are spans that only look like command lines.
var notCommands = map[string]bool{
	"tpmdps verfiy":       true, // says that this is refused
	"tpmdps help COMMAND": true, // COMMAND is any
}

// unfinished tells of a command that is only named, so that what it must be given is
// missing.
func unfinished(args []string, err error) bool {
	last := args[len(args)-1]
	if strings.HasPrefix(last, "--") && strings.HasSuffix(err.Error(), last+" needs a value") {
		return true
	}
	return len(args) <= 3 && !slices.ContainsFunc(args, func(a string) bool { return strings.HasPrefix(a, "-") }) &&
		regexp.MustCompile(`give |missing|needs|no `).MatchString(err.Error())
}
