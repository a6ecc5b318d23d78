package lint

import (
	"regexp"
	"slices"
	"strings"

	"tpmdps/internal/edge/mask"
	"tpmdps/internal/edge/rawline"
	"tpmdps/internal/edge/schema"
	"tpmdps/internal/spelling"
	"tpmdps/internal/tomledit"
)

// slip finds one mistake that people make in a line, and writes the line as it
// was meant. A Fix that it leaves empty is that line.
type slip func(line string) (meant string, f Finding, ok bool)

// slips stand in the order in which they are tried.
var slips = []slip{curlyQuotes, oddBlanks, yaml, noValue, otherComment, twoEquals, wrongCase, bareWord, afterQuotes, oneQuote, backslashes, openHeader}

func curlyQuotes(line string) (string, Finding, bool) {
	meant := rawline.PlainQuotes(line)
	return meant, Finding{Rule: "quotes", Message: rawline.WebQuotes}, meant != line
}

func oddBlanks(line string) (string, Finding, bool) {
	meant := rawline.PlainBlanks(line)
	return meant, Finding{Rule: "blanks", Message: rawline.WebBlanks}, meant != line
}

// yaml is the format of IoT Edge 1.1.
func yaml(line string) (string, Finding, bool) {
	m := rawline.YAML.FindStringSubmatch(line)
	if m == nil {
		return "", Finding{}, false
	}
	f := Finding{Rule: "syntax", Message: "that is YAML, the format of IoT Edge 1.1; here it is key = value, below a [table]"}
	if m[3] == "" {
		f.Fix = "write a [table] instead"
		return "#", f, true
	}
	if _, old := schema.Formerly[m[2]]; !old && !schema.IsName(m[2]) {
		f.Fix = removeLine // a word of something else
		return "#", f, true
	}
	meant := m[1] + m[2] + " = " + m[3]
	if quoted, _, ok := bareWord(meant); ok {
		meant = quoted
	}
	return meant, f, true
}

func noValue(line string) (string, Finding, bool) {
	m := rawline.Setting.FindStringSubmatch(line)
	if m == nil || m[2] != "" && m[2][0] != '#' {
		return "", Finding{}, false
	}
	return "#", Finding{Rule: "syntax", Message: strings.TrimSpace(m[1]) + " has no value", Fix: "put the value after the =, or # before the line"}, true
}

func otherComment(line string) (string, Finding, bool) {
	text := strings.TrimSpace(line)
	ok := strings.HasPrefix(text, "//") || strings.HasPrefix(text, ";") || strings.HasPrefix(text, "--") || strings.HasPrefix(text, "/*")
	return "#", Finding{Rule: "syntax", Message: "a comment begins with #", Fix: "put # before the line"}, ok
}

// wrongCase is for True, FALSE, Yes, off.
func wrongCase(line string) (string, Finding, bool) {
	m := rawline.Setting.FindStringSubmatch(line)
	if m == nil {
		return "", Finding{}, false
	}
	value, rest := rawline.Word(m[2])
	k, _ := schema.OnlyPlace(strings.TrimSpace(m[1]))
	var meant string
	switch lower := strings.ToLower(value); {
	case lower == "true" || lower == "false":
		meant = lower
	case k.Kind == schema.Bool && slices.Contains([]string{"yes", "on"}, lower):
		meant = "true"
	case k.Kind == schema.Bool && slices.Contains([]string{"no", "off"}, lower):
		meant = "false"
	}
	return m[1] + " = " + meant + rest, Finding{Rule: "unquoted-word", Message: "write true or false in lower case, not yes or no"}, meant != ""
}

// bareWord is for a text without quotes.
func bareWord(line string) (string, Finding, bool) {
	m := rawline.Setting.FindStringSubmatch(line)
	if m == nil || m[2] == "" || strings.ContainsAny(m[2][:1], `"'[{#`) {
		return "", Finding{}, false
	}
	value, rest := rawline.Word(m[2])
	k, _ := schema.OnlyPlace(strings.TrimSpace(m[1]))
	f := Finding{Rule: "unquoted-word", Message: "the value needs quotes"}
	if mask.Plain(value) && k.Name != "" && !k.Secret {
		f.Message = value + " needs quotes"
	}
	if near := spelling.Slip(value, k.Values); near != "" {
		value = near
	}
	quoted := tomledit.Quote(value)
	if digits := strings.TrimLeft(value, "0"); k.Kind == schema.Number && digits != "" && strings.Trim(digits, "0123456789") == "" {
		quoted, f.Rule, f.Message = digits, "syntax", "a number does not begin with 0"
	}
	return m[1] + " = " + quoted + rest, f, true
}

// oneQuote is for a text that ends without a quote.
func oneQuote(line string) (string, Finding, bool) {
	m := rawline.Setting.FindStringSubmatch(line)
	if m == nil || m[2] == "" || !strings.Contains(`"'`, m[2][:1]) {
		return "", Finding{}, false
	}
	quote := m[2][:1]
	value, rest := rawline.Word(m[2])
	other := strings.NewReplacer(`"`, "", `'`, "").Replace(value)
	if strings.Count(value, quote) > 2 {
		return "", Finding{}, false
	}
	return m[1] + " = " + quote + other + quote + rest, Finding{Rule: "quotes", Message: "one quote is missing, or the quotes at the two ends differ"}, true
}

// backslashes is for a path of Windows.
func backslashes(line string) (string, Finding, bool) {
	m := rawline.Setting.FindStringSubmatch(line)
	if m == nil || !strings.HasPrefix(m[2], `"`) || strings.Contains(m[2], "'") || strings.Count(m[2], `"`) != 2 {
		return "", Finding{}, false
	}
	return m[1] + " = " + strings.ReplaceAll(m[2], `"`, "'"), Finding{Rule: "quotes", Message: `a \ means something else between ", and itself between '`}, strings.Contains(m[2], `\`)
}

// headerName finds the name in what begins like a header.
var headerName = regexp.MustCompile(`^\[+\s*([A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*)`)

func openHeader(line string) (string, Finding, bool) {
	text := strings.TrimSpace(line)
	if !strings.HasPrefix(text, "[") && !strings.HasSuffix(text, "]") || strings.Contains(text, "=") {
		return "", Finding{}, false
	}
	name := strings.Trim(text, "[] ")
	if _, known := schema.Lookup(strings.Split(name, ".")); !known && text[0] != '[' {
		return "", Finding{}, false // the end of a list
	}
	meant := "[" + name + "]"
	if m := headerName.FindStringSubmatch(text); m != nil {
		if _, ok := schema.Lookup(strings.Split(m[1], ".")); ok {
			meant = "[" + m[1] + "]" // whatever follows it
		}
	}
	return meant, Finding{Rule: "syntax", Message: "a table's name needs both brackets, [ and ]"}, true
}
