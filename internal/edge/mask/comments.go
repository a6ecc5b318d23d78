package mask

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"sync"

	"tpmdps/internal/edge/rawline"
	"tpmdps/internal/edge/schema"
	"tpmdps/internal/tomledit"
	"tpmdps/templates"
)

// comments finds where the comments stand: a # that is in no key and no value.
func comments(doc *tomledit.Document) []tomledit.Span {
	var taken []tomledit.Span
	for _, e := range doc.Entries() {
		taken = append(taken, e.Key)
		if e.Value.End > 0 && e.Kind != tomledit.InlineTable {
			taken = append(taken, e.Value)
		}
	}
	slices.SortFunc(taken, func(a, b tomledit.Span) int { return a.Start - b.Start })
	var found []tomledit.Span
	data := doc.Bytes()
	for at := 0; at < len(data); at++ {
		for len(taken) > 0 && taken[0].End <= at {
			taken = taken[1:]
		}
		if len(taken) > 0 && taken[0].Start <= at {
			at = taken[0].End - 1
			continue
		}
		if data[at] != '#' {
			continue
		}
		end := len(data)
		if i := bytes.IndexByte(data[at:], '\n'); i >= 0 {
			end = at + i
		}
		end = at + len(bytes.TrimRight(data[at:end], "\r"))
		found = append(found, tomledit.Span{Start: at, End: end})
		at = end
	}
	return found
}

var (
	ruler     = regexp.MustCompile(`^[# =~*_-]*$`)
	simple    = regexp.MustCompile(`^("[^"\\]*"|'[^']*'|[A-Za-z0-9_.+-]+)\s*(#.*)?$`)
	hashes    = regexp.MustCompile(`^[# ]*`)
	ownRemark = sync.OnceValue(func() map[string]bool {
		own := map[string]bool{}
		for line := range strings.Lines(templates.ConfigTOML) {
			if line = strings.TrimSpace(line); strings.HasPrefix(line, "#") {
				own[line] = true
			}
		}
		return own
	})
)

// maskComments hides what people write into comments: notes, and settings that
// are out of force, with their passwords.
func maskComments(doc *tomledit.Document) []edit {
	var edits []edit
	headers := slices.DeleteFunc(doc.Entries(), func(e tomledit.Entry) bool {
		return e.Kind != tomledit.Table && e.Kind != tomledit.ArrayTable
	})
	var p passage
	for _, span := range comments(doc) {
		for len(headers) > 0 && headers[0].Key.Start < span.Start {
			p.enter(headers[0].Path)
			headers = headers[1:]
		}
		edits = append(edits, edit{span, p.comment(string(doc.Bytes()[span.Start:span.End]))})
	}
	return edits
}

// passage is a part of the file below a header, in force or not.
type passage struct {
	closed bool // nothing in it is shown
}

func (p *passage) enter(table []string) {
	_, ok := lookupPlain(table)
	p.closed = !ok
}

// comment shows a harmless setting, the remarks of our own template, and lines
// of dashes.
func (p *passage) comment(text string) string {
	if ruler.MatchString(text) || ownRemark()[strings.TrimSpace(text)] {
		return text
	}
	lead := hashes.FindString(text)
	if line, ok := p.line(text[len(lead):]); ok {
		return lead + line
	}
	return "# " + notShown
}

// line shows a header, or a setting of which nothing more is known than this
// line: if its name means something harmless wherever it may stand.
func (p *passage) line(text string) (string, bool) {
	if strings.HasPrefix(text, "[") {
		m := rawline.Header.FindStringSubmatch(text)
		p.closed = true
		if m == nil {
			return "", false
		}
		path := strings.Split(m[1], ".")
		p.enter(path)
		_, known := schema.Lookup(path)
		return text[:strings.Index(text, m[1])+len(m[1])] + strings.Repeat("]", strings.Count(text[:2], "[")), known
	}
	m := rawline.Setting.FindStringSubmatch(text)
	if m == nil || p.closed {
		return "", false
	}
	k, ok := schema.OnlyPlace(strings.TrimSpace(m[1]))
	value := simple.FindStringSubmatch(m[2])
	if !ok || k.Secret || value == nil || !Plain(value[1]) {
		return "", false
	}
	return m[1] + " = " + value[1], true
}

// maskLines masks what is not TOML, line by line. What a line is part of is not
// known for certain then, so only whole settings are shown.
func maskLines(data []byte) []byte {
	var out bytes.Buffer
	var p passage
	for line := range bytes.Lines(data) {
		text := strings.TrimRight(string(line), "\r\n")
		trimmed := strings.TrimSpace(text)
		shown := ""
		switch {
		case trimmed == "":
		case trimmed[0] == '#':
			shown = p.comment(trimmed)
		default:
			var ok bool
			if shown, ok = p.line(trimmed); !ok {
				shown = maskKnown(trimmed)
				// A line that is nothing may have been a header, or is in a value: what
				// follows may stand anywhere.
				p.closed = p.closed || shown == notShown
			}
		}
		out.WriteString(shown)
		out.Write(line[len(text):])
	}
	return out.Bytes()
}

// maskKnown shows the name of a setting, if it is one that IoT Edge has.
func maskKnown(line string) string {
	name := strings.TrimSpace(rawline.Key(line))
	if name != "" && len(schema.PlacesOf(name)) > 0 {
		return name + ` = "` + notShown + `"`
	}
	return notShown
}
