package text

import (
	"regexp"
	"runtime"
	"strings"
)

// What needs no quotes, in a shell and at a prompt of Windows.
var (
	bareWords    = regexp.MustCompile(`^[A-Za-z0-9_./+@%:,=-]+$`)
	bareOfPrompt = regexp.MustCompile(`^[A-Za-z0-9_./\\+:-]+$`)
)

// ShellWord is a text as one argument for a shell of this system: as it is, or in quotes.
func ShellWord(s string) string { return shellWord(s, runtime.GOOS == "windows") }

// shellWord is ShellWord for either system. On Windows cmd.exe knows double quotes only, in
// which names of files cannot have any; a backslash before the last one would be part of
// it for the program.
func shellWord(s string, windows bool) string {
	switch {
	case windows && bareOfPrompt.MatchString(s), !windows && bareWords.MatchString(s):
		return s
	case windows:
		name := strings.TrimRight(s, `\`)
		return `"` + strings.ReplaceAll(name, `"`, `\"`) + strings.Repeat(`\`, 2*(len(s)-len(name))) + `"`
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
