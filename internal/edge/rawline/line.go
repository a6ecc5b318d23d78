// Package rawline reads a config.toml as a person does, without a parser: one line at
// a time, TOML or not. It is for files that are broken, or that are not a
// config.toml at all.
package rawline

import (
	"regexp"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// Setting matches key = value; its groups are the key and the rest of the line.
var Setting = regexp.MustCompile(`^(\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*=\s*(.*)$`)

// Key is the key of a setting, "" if the line is not one.
func Key(line string) string {
	if m := Setting.FindStringSubmatch(line); m != nil {
		return m[1]
	}
	return ""
}

// Header matches [table] and [[table]]; its first group is the name.
var Header = regexp.MustCompile(`^\s*\[\[?\s*([^\[\]]+?)\s*\]\]?\s*(#.*)?$`)

// YAML matches key: value of a YAML file; its groups are the indent, the key and the
// value.
var YAML = regexp.MustCompile(`^(\s*)(?:- +)?([A-Za-z_][A-Za-z0-9_]*)\s*:(?:\s+(.*))?$`)

// Word separates a value without quotes from the comment after it.
func Word(text string) (value, rest string) {
	value = text
	if i := strings.Index(text, " #"); i >= 0 {
		value, rest = text[:i], text[i:]
	}
	return strings.TrimSpace(value), rest
}

var curly = strings.NewReplacer("“", `"`, "”", `"`, "„", `"`, "‟", `"`, "«", `"`, "»", `"`, "″", `"`, "‘", `"`, "’", `"`, "‚", `"`, "‛", `"`, "´", `"`, "`", `"`)

var blanks = regexp.MustCompile("[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")

var nothing = regexp.MustCompile("[\u00ad\u200b-\u200f\u2060\ufeff\x00-\x08\x0b-\x1f\x7f]")

// Quoted matches a text in its quotes; its groups are that text and what follows it.
var Quoted = regexp.MustCompile(`^("(?:[^"\\]|\\.)*"|'[^']*')\s*(.*)$`)

// Leftover matches what an editor or a program leaves after a value: a \n in letters, a
// comma or semicolon.
var Leftover = regexp.MustCompile(`^(?:\\[nrt]?|[,;])+\s*(#.*)?$`)

// OnlyStrings reports whether an array in TOML has texts in quotes alone.
func OnlyStrings(array string) bool {
	var v struct{ V []string }
	return toml.Unmarshal([]byte("V = "+array), &v) == nil
}

// What is in a line that was copied from a web page, for people.
const (
	WebQuotes = `the quotes are those of a web page or a word processor; the plain " is needed`
	WebBlanks = "there is an invisible character in the line, such as the no-break space of a web page"
)

// PlainQuotes is a line with the quotes of TOML instead of those of web pages.
func PlainQuotes(line string) string { return curly.Replace(line) }

// PlainBlanks is a line without invisible characters, and with spaces instead of
// other blanks.
func PlainBlanks(line string) string {
	return nothing.ReplaceAllString(blanks.ReplaceAllString(line, " "), "")
}
