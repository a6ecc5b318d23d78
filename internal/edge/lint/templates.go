package lint

import (
	"bytes"
	"regexp"
	"strings"

	"tpmdps/internal/edge/rawline"
	"tpmdps/internal/edge/schema"
)

// engine is a language of templates for text files.
type engine struct {
	name string
	// statement is a line that only the engine reads, sign what is in this
	// language alone, and blank is what it fills in.
	statement, sign, blank *regexp.Regexp
	render                 string
}

// engines stand in the order in which they are tried.
var engines = []engine{
	{"Go or Helm", regexp.MustCompile(`^\s*\{\{-?\s*(if|else|end|range|with|define|template|include|block|/\*|\$|#|/)`), regexp.MustCompile(`\{\{-?\s*[.$]`), doubleBraces,
		"helm template, or what else fills it in"},
	{"Jinja (Ansible, Salt)", regexp.MustCompile(`^\s*(\{%|\{#|%\}|#\})`), doubleBraces, doubleBraces,
		"ansible -m template, or what else fills it in"},
	{"Terraform or a shell", regexp.MustCompile(`^\s*%\{`), dollarBraces, dollarBraces, "templatefile or envsubst"},
	{"ERB or EPP (Chef, Puppet)", regexp.MustCompile(`^\s*<%[^=]`), percents, percents, "erb or puppet epp render"},
}

var (
	doubleBraces = regexp.MustCompile(`\{\{.*?\}\}`)
	dollarBraces = regexp.MustCompile(`\$\{[^}]*\}`)
	percents     = regexp.MustCompile(`<%.*?%>`)
)

// template says of a file that it is a template, and returns it without what
// only the engine reads: a line with a statement is empty, a value that is filled
// in is a text.
func (c *checker) template(data []byte) []byte {
	e, line := engineOf(data)
	if e == nil {
		return data
	}
	c.templated = e
	c.add(Finding{Rule: "other-file", own: true, Line: line, Column: 1, Message: "the file is a template, in the language of " + e.name,
		Fix: "render it first, with " + e.render + ", and check the file that comes out"})
	lines := bytes.SplitAfter(data, []byte("\n"))
	for i, line := range lines {
		text := strings.TrimRight(string(line), "\r\n")
		if meant, ok := rendered(e, text); ok {
			lines[i] = append([]byte(meant), line[len(text):]...)
		}
	}
	return bytes.Join(lines, nil)
}

// engineOf finds the language that a file is a template in, and its first line
// in it: where there is a statement, a blank that no quotes are around, or more
// than one blank.
func engineOf(data []byte) (found *engine, line int) {
	for i := range engines {
		e, blanks, sure := &engines[i], 0, false
		n, at := 0, 0
		for text := range strings.Lines(string(data)) {
			n++
			statement := e.statement.MatchString(text)
			if strings.HasPrefix(strings.TrimSpace(text), "#") && !statement {
				continue
			}
			filled := e.sign.MatchString(text) && !containerText(text)
			if !statement && !filled {
				continue
			}
			if at == 0 {
				at = n
			}
			blanks++
			sure = sure || statement || !quotedBlank(text)
		}
		if sure && blanks > 0 || blanks > 1 {
			return e, at
		}
	}
	return nil, 0
}

// containerText reports whether a line is for Docker, which has blanks of its own.
func containerText(line string) bool {
	name := strings.TrimSpace(rawline.Key(line))
	return strings.Contains(line, "createOptions") || name == "tag" || name != "" && !schema.IsName(name)
}

// quotedBlank reports whether all blanks of a line stand in a string in quotes.
func quotedBlank(line string) bool {
	m := rawline.Setting.FindStringSubmatch(strings.TrimRight(line, "\r\n"))
	return m != nil && strings.ContainsAny(m[2][:min(1, len(m[2]))], `"'`)
}

// rendered is a line without what the engine reads.
func rendered(e *engine, line string) (string, bool) {
	m := rawline.Setting.FindStringSubmatch(line)
	switch {
	case e.statement.MatchString(line):
		return "", true
	case !e.blank.MatchString(line), strings.HasPrefix(strings.TrimSpace(line), "#"):
		return "", false
	case m == nil:
		return "", true // a name, or a table, that is filled in
	case m[2] != "" && strings.Contains(`"'`, m[2][:1]) && rawline.OnlyStrings("["+m[2]+"]"):
		return "", false
	}
	return m[1] + ` = "` + filledIn + `"`, true
}

// filledIn is a value in a template, of which nothing is known.
const filledIn = "{{}}"

// isFilledIn reports whether a value comes from the template's engine.
func (c *checker) isFilledIn(text string) bool {
	return c.templated != nil && (text == filledIn || c.templated.blank.MatchString(text))
}
