package lint

import (
	"regexp"
	"strings"

	"tpmdps/internal/edge/schema"
)

// The blanks of documentation, forms and build tools: what nobody has filled in.
// A sure one is never a real value; another one could be.
var (
	sureBlank = regexp.MustCompile(`^@[^@\s]+@$|<[A-Za-z][^<>]*>|\{\{.*\}\}|\{%.*%\}|\$\{[^}]*\}|\$\([^)]*\)|#\{[^}]*\}#?|<%.*%>|^__?[A-Z][A-Z0-9_]*__?$|^%[A-Za-z_]+%$|^\$[A-Za-z_]+$|^\[[A-Za-z][A-Za-z _-]*\]$|^\{[A-Za-z][A-Za-z0-9 _-]*\}$|^(\.{3,}|…)$`)
	askWord   = regexp.MustCompile(`(?i)(^|[^A-Za-z])(your|paste|insert|enter|replace|change[-_ ]?me|change[-_ ]?this|fill[-_ ]?in|fill[-_ ]?me|todo|tbd|fixme|placeholder|put)([^A-Za-z]|$)`)
	hereWord  = regexp.MustCompile(`(?i)[-_ ](goes[-_ ])?here$`)
	crosses   = regexp.MustCompile(`(?i)x{4,}$|^x{3,}`)
	letters   = regexp.MustCompile(`[^a-z]+`)
)

// blankNames are what documentation calls the values of a file, letters only.
var blankNames = map[string]bool{
	"scopeid": true, "idscope": true, "scope": true, "dpsscopeid": true, "dpsidscope": true, "registrationid": true, "deviceid": true, "regid": true,
	"hostname": true, "devicename": true, "globalendpoint": true, "endpoint": true, "devicehostname": true,
}

// isBlank finds a text that stands for a value, and whether it can be nothing else.
func isBlank(text string) (blank, sure bool) {
	text = strings.TrimSpace(text)
	upper := text == strings.ToUpper(text) && strings.ContainsAny(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
	name := blankNames[letters.ReplaceAllString(strings.ToLower(text), "")] && strings.Trim(text, "0123456789") == text
	switch {
	case text == "":
		return false, false
	case sureBlank.MatchString(text):
		return true, true
	case askWord.MatchString(text) && !strings.ContainsAny(text, "/."), hereWord.MatchString(text), name:
		return true, upper
	case crosses.MatchString(text) && !strings.ContainsAny(text, "/."):
		return true, upper
	}
	return false, false
}

// blank reports a value that nobody filled in. It reports whether that is all there
// is to say of the value.
func (c *checker) blank(n *node, k schema.Key) bool {
	text := n.entry.Text
	if c.isFilledIn(text) {
		return true
	}
	if k.Check == nil && len(k.Values) == 0 && k.Stub == "" {
		return false // of a container, or of the agent: they have blanks of their own
	}
	blank, sure := isBlank(text)
	if !blank || k.Secret && !sure {
		return false
	}
	refused := len(k.Values) > 0 || k.Check != nil && k.Check(text) != nil
	f := Finding{Rule: "placeholder", own: schema.IsName(n.name), Message: n.name + " is a blank of the template or of the documentation that nobody filled in"}
	if !refused && (!sure || k.Secret) {
		f.Severity, f.Message = Warning, n.name+" looks like a blank of the documentation that nobody filled in"
	}
	fixes := []string{ownValue}
	switch {
	case k.Name == "global_endpoint":
		f.Fix = k.Name + " = " + sample(k)
	case !k.Required && strings.HasPrefix(text, "@"):
		f.Fix = c.remove(n)
	default:
		f.Fix = ownValue
	}
	c.at(n, f, fixes...)
	return true
}
