package schema

import (
	"regexp"
	"strings"
	"unicode"
)

// The blanks of documentation, forms and build tools: what nobody has filled in.
// A sure one is never a real value; another one could be.
var (
	sureBlank = regexp.MustCompile(`^@[^@\s]+@$|<[A-Za-z][^<>]*>|\{\{.*\}\}|\{%.*%\}|\$\{[^}]*\}|\$\([^)]*\)|#\{[^}]*\}#?|<%.*%>|^__?[A-Z][A-Z0-9_]*__?$|^%[A-Za-z_]+%$|^\$[A-Za-z_]+$|^\[[A-Za-z][A-Za-z _-]*\]$|^\{[A-Za-z][A-Za-z0-9 _-]*\}$|^(\.{3,}|…)$`)
	askWord   = regexp.MustCompile(`(?i)(^|[^A-Za-z])(your|paste|insert|enter|replace|change[-_ ]?me|change[-_ ]?this|fill[-_ ]?in|fill[-_ ]?me|todo|tbd|fixme|placeholder|put)([^A-Za-z]|$)`)
	hereWord  = regexp.MustCompile(`(?i)[-_ ](goes[-_ ])?here$`)
	crosses   = regexp.MustCompile(`(?i)x{4,}$|^x{3,}`)
)

// blankNames are what documentation calls the values of a file, letters only.
var blankNames = map[string]bool{
	"scopeid": true, "idscope": true, "scope": true, "dpsscopeid": true, "dpsidscope": true, "registrationid": true, "deviceid": true, "regid": true,
	"hostname": true, "devicename": true, "globalendpoint": true, "endpoint": true, "devicehostname": true,
}

// IsBlank finds a text that stands for a value, and whether it can be nothing else.
func IsBlank(text string) (blank, sure bool) {
	text = strings.TrimSpace(text)
	upper := text == strings.ToUpper(text) && strings.ContainsAny(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
	name := blankNames[letters(text)] && strings.Trim(text, "0123456789") == text
	address := strings.ContainsAny(text, "/.")
	switch {
	case text == "":
		return false, false
	case sureBlank.MatchString(text):
		return true, true
	case !address && askWord.MatchString(text), hereWord.MatchString(text), name:
		return true, upper
	case !address && crosses.MatchString(text):
		return true, upper
	}
	return false, false
}

// letters are those of a text, in small letters.
func letters(text string) string {
	return strings.Map(func(r rune) rune {
		if r = unicode.ToLower(r); r < 'a' || r > 'z' {
			return -1
		}
		return r
	}, text)
}
