package commandline

import (
	"cmp"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"tpmdps/internal/spelling"
	"tpmdps/internal/text"
	"tpmdps/internal/tpm"
)

// badValue is the error of package flag for a value that is not of the flag's kind.
var badValue = regexp.MustCompile(`(?s)^invalid value "(.*)" for flag -([^:]*): (.*)$`)

// wrongValue says what is wrong with a value that is not of the flag's kind.
func wrongValue(f cli.Flag, quoted, name, why string) string {
	value, err := strconv.Unquote(`"` + quoted + `"`)
	if err != nil {
		value = quoted
	}
	shown := Dashed(name) + " " + strconv.Quote(text.Printable(value, 40))
	if value == "" {
		return Dashed(name) + " is empty: omit it, or check the variable that should fill it"
	}
	switch f.(type) {
	case *cli.DurationFlag:
		if _, err := strconv.ParseFloat(value, 64); err == nil {
			return fmt.Sprintf("%s has no unit: write %ss for seconds, %[2]sm for minutes, %[2]sh for hours", shown, value)
		}
		for unit, ours := range map[string]string{"sec": "s", "min": "m", "hour": "h", "hr": "h", "day": "h, of which a day has 24"} {
			number := strings.TrimSpace(strings.TrimRight(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"))
			if _, err := time.ParseDuration(number + "s"); err == nil && strings.Contains(strings.ToLower(value), unit) {
				return fmt.Sprintf("%s is not a time: the unit is %s; a time is written such as 90s, 5m or 1h30m", shown, ours)
			}
		}
		return shown + " is not a time: a time is written with its unit and without blanks, such as 90s, 5m or 1h30m"
	case *cli.IntFlag:
		return shown + " is not a whole number"
	case *cli.Float64Flag:
		return shown + " is not a number: a number is written such as 60 or 63.5"
	}
	return shown + ": " + why
}

// meantWord says which flag a word is meant for that stands where only flags are,
// as the end of a sentence; "" where nothing is near.
func (c Command) meantWord(flag *cli.Context) string {
	word := flag.Args().First()
	known := Flag(flag.Command, word)
	if near := spelling.Nearest(word, Names(flag.Command.VisibleFlags())); known == nil && near != "" && len(word) > 2 {
		known = Flag(flag.Command, near)
	}
	meant := ""
	switch _, err := time.ParseDuration(word); {
	case known != nil && len(word) > 1:
		meant = "--" + cmp.Or(firstWith(known.Names(), word), known.Names()[0])
	case isScope.MatchString(word):
		meant = forFlag(flag.Command, "id-scope", word)
	case err == nil:
		meant = forFlag(flag.Command, "timeout", word)
	case isChip(word):
		meant = forFlag(flag.Command, "tpm", word)
	case strings.HasSuffix(word, ".azure-devices-provisioning.net"):
		meant = forFlag(flag.Command, "dps", word)
	case looksLikeFile(word):
		meant = forFlag(flag.Command, c.FileFlag, word)
	}
	if meant == "" {
		return ""
	}
	return ", perhaps " + meant
}

// isScope is an ID scope as DPS makes them.
var isScope = regexp.MustCompile(`^0ne[0-9A-Fa-f]{8}$`)

// isChip tells an address that can be of nothing but a TPM.
func isChip(word string) bool {
	a, err := tpm.ParseAddress(word)
	switch {
	case err != nil || word == "":
		return false
	case strings.HasPrefix(word, "/dev/") || strings.Contains(word, ":"):
		return true
	}
	fi, err := os.Stat(a.String())
	return err == nil && fi.Mode()&os.ModeSocket != 0
}

// looksLikeFile tells a file's name from other words.
func looksLikeFile(word string) bool {
	if strings.ContainsAny(word, "=;") { // a connection string, a token
		return false
	}
	if strings.ContainsAny(word, "./\\") {
		return true
	}
	fi, err := os.Stat(word)
	return err == nil && fi.Mode().IsRegular()
}

// forFlag writes a flag with a word as its value; "" where the command has no such
// flag.
func forFlag(c *cli.Command, name, word string) string {
	if name == "" || Flag(c, name) == nil {
		return ""
	}
	if len(word) > 40 { // and is cut in the message, since it may be a secret
		return "--" + name
	}
	return "--" + name + " " + text.ShellWord(text.Printable(word, 40))
}

func firstWith(names []string, word string) string {
	for _, name := range names {
		if spelling.Same(name, word) {
			return name
		}
	}
	return ""
}
