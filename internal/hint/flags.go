package hint

import (
	"regexp"
	"slices"
	"strings"

	"tpmdps/internal/text"
)

// The flags that a command in a hint keeps from the command line, so that it works
// with the same chip, service and file when it is typed as it stands.
var (
	chipNames = []string{"tpm", "plain-bus", "endorsement-auth-file", "owner-auth-file"}
	dpsNames  = []string{"dps", "auth-type", "credential", "cloud", "connection-string-file", "sas-token-file"}
	// ownNames say how a run shows what it does, or that it only tries, or are of
	// no use to the next one.
	ownNames = []string{"output", "quiet", "verbose", "timeout", "dry-run", "secret-on-removable-media", "connection-string-fd", "sas-token-fd"}

	chipCommands    = []string{"read-ek", "enroll", "unenroll", "verify", "config", "support-bundle", "chip flush"}
	networkCommands = []string{"enroll", "unenroll", "verify", "support-bundle", "token mint"}
	// modes are flags with which a command is another one.
	modes = map[string][]string{"config": {"check", "udev", "apply"}, "read-ek": {"compare"}, "verify": {"offline"}, "support-bundle": {"list", "offline"}}
)

// elsewhere is said of a command that is for another machine: its chip is another.
var elsewhere = regexp.MustCompile(`on the machine|inside of the virtual machine`)

// flagAndWord is a flag in a hint, with the word after it, which may be its value.
var flagAndWord = regexp.MustCompile(`^ --?([a-z][a-z0-9-]*)( (?:'[^']*'(?:\\''[^']*')*|-(?:[\s,;:)]|$)|(?:mssim|swtpm):\B|[^\s'-](?:\S*[^\s,;:)])?))?`)

var wordEnd = regexp.MustCompile(`^[,;:.)?]?(?: |$)|^[,;:)]`)

// KeepFlags adds to each command that a sentence names the flags of this command
// line that it needs for the same chip, service and file, unless it names them.
// Only what was typed is added: variables of the environment hold for it, too.
func (c Line) KeepFlags(s string) string {
	var b strings.Builder
	from := 0
	for _, m := range commandInHint.FindAllStringSubmatchIndex(s, -1) {
		name := s[m[2]:m[3]]
		known := c.flagsOf(name)
		if known == nil {
			continue
		}
		named, end := namedFlags(s, m[3], known)
		if !wordEnd.MatchString(s[end:]) {
			continue // in the middle of a word, such as config.toml
		}
		b.WriteString(s[from:end])
		b.WriteString(c.kept(name, known, named, elsewhere.MatchString(s)))
		from = end
	}
	return b.String() + s[from:]
}

// namedFlags are those that stand after a command's name in a hint, by their long
// names, and where they end.
func namedFlags(s string, at int, known map[string]Flag) (named []string, end int) {
	for {
		m := flagAndWord.FindStringSubmatch(s[at:])
		if m == nil {
			return named, at
		}
		flag, ok := known[m[1]]
		if !ok {
			return named, at
		}
		named = append(named, flag.Name)
		at += len(m[0])
		if !flag.NeedsValue {
			at -= len(m[2]) // the word goes on with the sentence
		} else if strings.HasPrefix(m[2], " -") {
			at -= len(m[2]) - len(" -")
		}
	}
}

// kept are the flags to add to a command, each after a blank.
func (c Line) kept(name string, known map[string]Flag, named []string, elsewhere bool) string {
	var b strings.Builder
	for _, flag := range c.flagsFor(name, named, elsewhere) {
		value, given := c.Flags[flag]
		is, has := known[flag]
		switch {
		case !given || !has || is.Name != flag || is.Hidden || slices.Contains(named, flag):
		case !is.NeedsValue:
			b.WriteString(" --" + flag)
		case value != "" && value != "-":
			b.WriteString(" --" + flag + " " + text.ShellWord(value))
		}
	}
	return b.String()
}

// flagsFor are the flags that a command would keep if they were given.
func (c Line) flagsFor(name string, named []string, elsewhere bool) []string {
	var all []string
	names := func(flags ...string) bool {
		return slices.ContainsFunc(flags, func(f string) bool { return slices.Contains(named, f) })
	}
	if slices.Contains(chipCommands, name) && !elsewhere && !names("from", "endorsement-key", "udev") {
		all = append(all, chipNames...)
	}
	check := name == "config" && names("check")
	if name == "config" && !check && c.Command != name { // it would write the passwords into the file
		all = slices.DeleteFunc(all, func(flag string) bool { return strings.HasSuffix(flag, "-auth-file") })
	}
	if name != "config" || check {
		all = append(all, c.dpsFlagsFor(named)...)
	}
	if slices.Contains(networkCommands, name) && !names("offline") || check {
		all = append(all, "ca-file")
	}
	if c.Flags["for"] != "1.1" || name == "config" {
		all = append(all, "config")
	}
	if c.Command != name && name == "enroll" || c.Command == "enroll" && name == "verify" {
		if !strings.Contains(c.Flags["registration-id"], "{") && !names("from") {
			all = append(all, "registration-id")
		}
	}
	if c.Command == name && !c.inMode() && !names(modes[name]...) {
		all = append(all, c.settings()...)
	}
	return all
}

// dpsFlagsFor are the flags that name the DPS and the operator. A hint that
// names another credential means that one.
func (c Line) dpsFlagsFor(named []string) []string {
	for _, flag := range dpsNames[1:] {
		if slices.Contains(named, flag) {
			return dpsNames[:1]
		}
	}
	return dpsNames
}

// inMode tells whether a flag was given with which the command is another one.
func (c Line) inMode() bool {
	return slices.ContainsFunc(modes[c.Command], func(flag string) bool { _, given := c.Flags[flag]; return given })
}

// settings are the flags that were given and belong to this command.
func (c Line) settings() []string {
	var all []string
	for flag := range c.Flags {
		if !slices.Contains(slices.Concat(chipNames, dpsNames, ownNames, []string{"config", "ca-file"}), flag) {
			all = append(all, flag)
		}
	}
	slices.Sort(all)
	return all
}

// flagsOf are all flags of a command such as "chip flush", by all their names; nil
// for one that there is not.
func (c Line) flagsOf(name string) map[string]Flag {
	level := c.Commands
	words := strings.Fields(name)
	for n, word := range words {
		i := slices.IndexFunc(level, func(one Command) bool { return one.Name == word })
		if i < 0 {
			return nil
		}
		if n == len(words)-1 {
			return level[i].Flags
		}
		level = level[i].Subcommands
	}
	return nil
}
