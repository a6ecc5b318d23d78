package main

import (
	"context"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"tpmdps/internal/dictionary"
	"tpmdps/internal/tpm"
)

// commandLine is what was typed and who typed it, as far as a hint has to know:
// it must not send anybody back to where he comes from.
type commandLine struct {
	command string            // such as "enroll" or "token mint"; "" where none is known
	flags   map[string]string // those that were given, by their long names, with their values
	root    bool
	// chip is where the run looks for its TPM, once that is known; may be nil.
	chip *tpm.Address
}

// onChip notes where a run looks for its TPM: hints for a software TPM are others.
func onChip(ctx context.Context, addr tpm.Address) {
	if c := lineIn(ctx); c.chip != nil {
		*c.chip = addr
	}
}

// isRoot tells whether sudo is of no use. It is never so on Windows.
var isRoot = func() bool { return os.Geteuid() == 0 }

// parseLine reads a command line by the names of commands and flags alone, so
// that one with a mistake in it is understood as well.
func parseLine(args []string) commandLine {
	c := commandLine{flags: map[string]string{}, root: isRoot()}
	level := commands()
	long := longNames(outputFlags())
	value, last := false, "" // whether the next argument is that flag's
	for _, arg := range args[min(1, len(args)):] {
		name, given, inline := strings.Cut(arg, "=")
		switch {
		case value:
			c.flags[last], value = arg, false
		case arg == "--":
			return c
		case strings.HasPrefix(arg, "-") && len(arg) > 1:
			flag, known := long[strings.TrimLeft(name, "-")]
			if known {
				last = flag.name
				c.flags[last] = given
			}
			value = known && flag.takesValue && !inline
		default:
			i := slices.IndexFunc(level, func(one command) bool { return one.name == arg })
			if i < 0 {
				continue
			}
			c.command = strings.TrimSpace(c.command + " " + arg)
			maps.Copy(long, longNames(level[i].flags))
			level = level[i].subcommands
		}
	}
	return c
}

// longName is what a flag is called in hints.
type longName struct {
	name       string
	takesValue bool
	hidden     bool
}

func longNames(flags []cli.Flag) map[string]longName {
	all := map[string]longName{}
	for _, f := range flags {
		_, isBool := f.(*cli.BoolFlag)
		seen, canHide := f.(cli.VisibleFlag)
		for _, name := range f.Names() {
			all[name] = longName{f.Names()[0], !isBool, canHide && !seen.IsVisible()}
		}
	}
	return all
}

// lineKey is the key, in a run's context, of its command line.
type lineKey struct{}

func withLine(ctx context.Context, args []string) context.Context {
	c := parseLine(args)
	c.chip = new(tpm.Address)
	return context.WithValue(ctx, lineKey{}, c)
}

// lineIn is the command line of a run; that of nothing where there is none.
func lineIn(ctx context.Context) commandLine {
	c, _ := ctx.Value(lineKey{}).(commandLine)
	return c
}

var (
	flagInHint    = regexp.MustCompile(`(?:^|[^-\w])--([a-z][a-z0-9-]*)(?: ([a-z]+))?`)
	commandInHint = regexp.MustCompile(`\btpmdps ((?:token |audit |chip )?[a-z][a-z-]*)((?: --?[a-z][a-z0-9-]*(?: (?:'[^']*'|(?:mssim|swtpm):\B|[^\s-](?:\S*[^\s,;:)])?))?)*)`)
)

// leftOut are flags that a hint says to leave out: those are named because they
// were given.
var leftOut = regexp.MustCompile(`(?i)\b(?:leave|omit|without|raise) --[a-z][a-z0-9-]*`)

// fit makes a hint one for this command line: of its sentences, parted by
// semicolons, each that names a flag that was given, or the command that runs, is
// said in another way, or left out.
func (c commandLine) fit(hint string) string {
	if c.chip != nil && c.chip.Software() {
		hint = dictionary.ForSoftwareTPM(hint)
	}
	if hint == "" {
		return ""
	}
	var kept []string
	for sentence := range strings.SplitSeq(hint, "; ") {
		if fitting := c.sentence(sentence); fitting != "" && !slices.Contains(kept, fitting) {
			kept = append(kept, fitting)
		}
	}
	if len(kept) == 0 {
		return hintNothing
	}
	return inOwnSpelling(strings.Join(kept, "; "))
}

// inOwnSpelling names the proxy's variable as it is set: https_proxy goes first.
func inOwnSpelling(hint string) string {
	return proxyName.ReplaceAllLiteralString(hint, variables().ProxyVariable())
}

var proxyName = regexp.MustCompile(`\bHTTPS_PROXY\b`)

// sentence is one sentence that fits, or "".
func (c commandLine) sentence(s string) string {
	for _, one := range append([]string{s}, instead[s]...) {
		if c.root {
			one = strings.ReplaceAll(one, "sudo ", "")
		}
		if one = c.addTo(one); !c.names(one) && !(c.root && withSudo.MatchString(one)) {
			return c.keepFlags(one)
		}
	}
	return ""
}

var withSudo = regexp.MustCompile(`\bsudo\b|\bas root\b`)

// addTo says "the same command with --x" for a command that runs already, and
// lacks the flag: of those whose flags add up. The flags of the others choose what
// they do, so that with another one it is another command.
func (c commandLine) addTo(s string) string {
	if c.command != "enroll" && c.command != "verify" {
		return s
	}
	return commandInHint.ReplaceAllStringFunc(s, func(named string) string {
		m := commandInHint.FindStringSubmatch(named)
		if m[1] != c.command || !strings.Contains(m[2], "--") {
			return named
		}
		return "the same command with" + m[2]
	})
}

// names tells whether a sentence names the command that runs, or a flag of this
// program's that was given. The flags of another command are another matter.
func (c commandLine) names(s string) bool {
	s = strings.ReplaceAll(s, "--config - ", "--config "+stdout+" ")
	for _, m := range commandInHint.FindAllStringSubmatch(s, -1) {
		if m[1] == c.command && !c.lacks(m[2]) {
			return true
		}
	}
	s = leftOut.ReplaceAllString(commandInHint.ReplaceAllString(s, ""), "")
	for _, m := range flagInHint.FindAllStringSubmatch(s, -1) {
		if c.gave(m[1], m[2]) {
			return true
		}
	}
	return false
}

// gave tells whether a flag was given. One with a choice between words was not,
// where a hint names another word.
func (c commandLine) gave(flag, word string) bool {
	value, given := c.flags[flag]
	if flag == "config" && word == stdout && value == "-" {
		_, checks := c.flags["check"] // which reads it
		return given && !checks
	}
	return given && (!slices.Contains(choices[flag], word) || word == value)
}

// choices are the words that hints name for flags that have a choice of them.
var choices = map[string][]string{"until": {"challenge"}, "config": {stdout}}

// stdout stands for the - of a flag, which is not a word.
const stdout = "stdout"

// lacks tells whether one of the flags was not given.
func (c commandLine) lacks(flags string) bool {
	for _, m := range flagInHint.FindAllStringSubmatch(flags, -1) {
		if !c.gave(m[1], m[2]) {
			return true
		}
	}
	return false
}

// hintNothing is for a hint of which nothing is left.
const hintNothing = "all that this could name was given already; docs/exit-codes.md says what else the code can mean"
