package text

import (
	"regexp"
	"strings"
)

var bareWords = regexp.MustCompile(`^[A-Za-z0-9_./+@%:,=-]+$`)

// ShellWord is a text as one argument for a shell: as it is, or in quotes.
func ShellWord(s string) string {
	if bareWords.MatchString(s) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
