// Package hint fits what to do next to who reads it: a hint does not name what was given
// already, keeps the flags that the next command needs, and sends nobody to sudo who is
// root.
package hint

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"tpmdps/internal/dictionary"
	"tpmdps/internal/text"
	"tpmdps/internal/tpm"
)

// Flag is what has to be known of a flag: its long name, and how it is given.
type Flag struct {
	Name       string
	NeedsValue bool
	Hidden     bool
}

// Command is a command of the program, with its flags by all their names.
type Command struct {
	Name        string
	Flags       map[string]Flag
	Subcommands []Command
}

// Line is what was typed and who typed it, as far as a hint has to know: it must not
// send anybody back to where they come from.
type Line struct {
	Command string            // such as "enroll" or "token mint"; "" where none is known
	Flags   map[string]string // those that were given, by their long names, with their values
	Root    bool              // sudo is of no use
	// Chip is where the run looks for its TPM, once that is known; may be nil. Hints for a
	// software TPM are others.
	Chip *tpm.Address
	// Commands are all that the program has.
	Commands []Command
	// ProxyVariable is the name under which the proxy is set; "" leaves it as hints name it.
	ProxyVariable string
}

// Parse reads a command line, with the program's name, by the names of commands and
// flags alone, so that one with a mistake in it is understood as well.
func Parse(args []string, commands []Command) Line {
	c := Line{Flags: map[string]string{}, Commands: commands}
	level, long := commands, map[string]Flag{}
	value, last := false, "" // whether the next argument is that flag's
	for _, arg := range args[min(1, len(args)):] {
		name, given, inline := strings.Cut(arg, "=")
		switch {
		case value:
			c.Flags[last], value = arg, false
		case arg == "--":
			return c
		case strings.HasPrefix(arg, "-") && len(arg) > 1:
			flag, known := long[strings.TrimLeft(name, "-")]
			if known {
				last = flag.Name
				c.Flags[last] = given
			}
			value = known && flag.NeedsValue && !inline
		default:
			i := slices.IndexFunc(level, func(one Command) bool { return one.Name == arg })
			if i < 0 {
				continue
			}
			c.Command = strings.TrimSpace(c.Command + " " + arg)
			maps.Copy(long, level[i].Flags)
			level = level[i].Subcommands
		}
	}
	return c
}

var (
	flagInHint    = regexp.MustCompile(`(?:^|[^-\w])--([a-z][a-z0-9-]*)(?: ([a-z]+))?`)
	commandInHint = regexp.MustCompile(`\btpmdps ((?:token |audit |batch |roots |chip )?[a-z][a-z-]*)((?: --?[a-z][a-z0-9-]*(?: (?:'[^']*'|(?:mssim|swtpm):\B|[^\s-](?:\S*[^\s,;:)])?))?)*)`)
)

// Bind keeps each command of this program's on one line where a text is broken into
// lines: it is to be copied as a whole.
func Bind(s string) string {
	return commandInHint.ReplaceAllStringFunc(s, func(command string) string { return strings.ReplaceAll(command, " ", text.Bound) })
}

// leftOut are flags that a hint says to leave out: those are named because they
// were given.
var leftOut = regexp.MustCompile(`(?i)\b(?:leave|omit|without|raise) --[a-z][a-z0-9-]*`)

// Fit makes a hint one for this command line: of its sentences, parted by
// semicolons, each that names a flag that was given, or the command that runs, is
// said in another way, or left out.
func (c Line) Fit(hint string) string {
	if c.Chip != nil && c.Chip.Software() {
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
		return Nothing
	}
	return c.inOwnSpelling(strings.Join(kept, "; "))
}

// inOwnSpelling names the proxy's variable as it is set: https_proxy goes first.
func (c Line) inOwnSpelling(hint string) string {
	if c.ProxyVariable == "" {
		return hint
	}
	return proxyName.ReplaceAllLiteralString(hint, c.ProxyVariable)
}

var proxyName = regexp.MustCompile(`\bHTTPS_PROXY\b`)

// sentence is one sentence that fits, or "".
func (c Line) sentence(s string) string {
	for _, one := range append([]string{s}, instead[s]...) {
		if c.Root {
			one = strings.ReplaceAll(one, "sudo ", "")
		}
		if one = c.addTo(one); !c.names(one) && !(c.Root && withSudo.MatchString(one)) {
			return c.KeepFlags(one)
		}
	}
	return ""
}

var withSudo = regexp.MustCompile(`\bsudo\b|\bas root\b`)

// addTo says "the same command with --x" for a command that runs already, and
// lacks the flag: of those whose flags add up. The flags of the others choose what
// they do, so that with another one it is another command.
func (c Line) addTo(s string) string {
	if c.Command != "enroll" && c.Command != "verify" {
		return s
	}
	return commandInHint.ReplaceAllStringFunc(s, func(named string) string {
		m := commandInHint.FindStringSubmatch(named)
		if m[1] != c.Command || !c.lacks(m[2]) {
			return named
		}
		add := "the same command with"
		for flag := range strings.SplitSeq(strings.TrimPrefix(m[2], " "), " --") {
			if flag = " --" + strings.TrimPrefix(flag, "--"); c.lacks(flag) {
				add += flag
			}
		}
		return add
	})
}

// names tells whether a sentence names the command that runs, or a flag of this
// program's that was given. The flags of another command are another matter.
func (c Line) names(s string) bool {
	s = strings.ReplaceAll(s, "--config - ", "--config "+stdout+" ")
	for _, m := range commandInHint.FindAllStringSubmatch(s, -1) {
		if m[1] == c.Command && !c.lacks(m[2]) {
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
func (c Line) gave(flag, word string) bool {
	value, given := c.Flags[flag]
	if flag == "config" && word == stdout && value == "-" {
		_, checks := c.Flags["check"] // which reads it
		return given && !checks
	}
	return given && (!slices.Contains(choices[flag], word) || word == value)
}

// choices are the words that hints name for flags that have a choice of them.
var choices = map[string][]string{"until": {"challenge"}, "config": {stdout}}

// stdout stands for the - of a flag, which is not a word.
const stdout = "stdout"

// lacks tells whether one of the flags was not given.
func (c Line) lacks(flags string) bool {
	for _, m := range flagInHint.FindAllStringSubmatch(flags, -1) {
		if !c.gave(m[1], m[2]) {
			return true
		}
	}
	return false
}

// Nothing is for a hint of which nothing is left.
const Nothing = "all that this could name was given already; docs/exit-codes.md says what else the code can mean"
