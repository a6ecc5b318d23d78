package commandline

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// Next is a word that may come next on a command line.
type Next struct {
	Word  string `json:"word"`
	About string `json:"about"` // what it is, "" for a flag's value
}

// Following lists the words that may stand for the last one of a command line, which
// may be the begin of one, and is "" for a new one. choices are the values of flags,
// by their names. Nothing is listed where anything may stand, such as a file.
func Following(app *cli.App, words []string, choices map[string][]string) []Next {
	if len(words) == 0 {
		words = []string{""}
	}
	words, last, prefix := assigned(words)
	commands, flags := app.Commands, app.Flags
	var before cli.Flag // that the last word is the value of
	given := map[string]bool{}
	for _, w := range words {
		isValue := before != nil
		before = nil
		switch {
		case isValue:
		case strings.HasPrefix(w, "-"):
			name, _, valued := strings.Cut(strings.TrimLeft(w, "-"), "=")
			f := named(flags, name)
			if f == nil {
				continue
			}
			given[f.Names()[0]] = HasOneValue(f)
			if NeedsValue(f) && !valued {
				before = f
			}
		default:
			if i := slices.IndexFunc(commands, func(c *cli.Command) bool { return c.Name == w }); i >= 0 {
				flags, commands = commands[i].Flags, commands[i].Subcommands
			}
		}
	}
	var list []Next
	switch {
	case before != nil:
		for _, value := range choices[before.Names()[0]] {
			list = append(list, Next{Word: prefix + value})
		}
	case strings.HasPrefix(last, "-"):
		for _, f := range flags {
			if name := f.Names()[0]; !IsHidden(f) && !given[name] {
				list = append(list, Next{Dashed(name), about(f)})
			}
		}
	default:
		for _, c := range commands {
			list = append(list, Next{c.Name, c.Usage})
		}
	}
	return slices.DeleteFunc(list, func(n Next) bool { return !strings.HasPrefix(n.Word, prefix+last) })
}

// assigned separates the last word from those before it. One such as --output=j is a
// flag and the begin of its value, which is to be completed with its prefix; shells
// that break words at = hand it over as three, and complete the last of them.
func assigned(words []string) (before []string, last, prefix string) {
	before, last = words[:len(words)-1], words[len(words)-1]
	switch {
	case last == "=" || last == `""`: // which some shells hand over for nothing
		last = ""
	case strings.HasPrefix(last, "--") && strings.Contains(last, "="):
		name, value, _ := strings.Cut(last, "=")
		return append(slices.Clone(before), name), value, name + "="
	}
	return slices.DeleteFunc(slices.Clone(before), func(w string) bool { return w == "=" }), last, ""
}

// named is the flag of that name, or nil.
func named(flags []cli.Flag, name string) cli.Flag {
	for _, f := range flags {
		if slices.Contains(f.Names(), name) {
			return f
		}
	}
	return nil
}

// about is a flag's usage without the marks of its value.
func about(f cli.Flag) string {
	if d, ok := f.(cli.DocGenerationFlag); ok {
		return strings.ReplaceAll(d.GetUsage(), "`", "")
	}
	return ""
}
