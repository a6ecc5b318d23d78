package tomledit

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// ErrStructure is returned, wrapped, where a key cannot be set because the file
// has something of another kind in its place, such as a table.
var ErrStructure = errors.New("the file's structure does not allow it")

// Set gives the key at path a value, which is TOML text such as "\"box-7\"" or
// "0x00_01_00". Where the key exists, only its value changes, and a string keeps
// its kind of quotes. Where it does not, it is added next to its siblings, in
// the form that they have: lines below a [table], dotted keys, or members of an
// inline table. A table that is missing is added too: below a commented example
// of it if the file has one, or else at the end.
func (d *Document) Set(value string, path ...string) (*Document, error) {
	if len(path) == 0 || !utf8.ValidString(strings.Join(path, ".")+"."+value) {
		return nil, fmt.Errorf("%w: there is no key, or it is not UTF-8", ErrStructure)
	}
	if len(path) > maxDepth {
		return nil, fmt.Errorf("%w: the key would be more than %d tables deep", ErrStructure, maxDepth)
	}
	if e, ok := d.Lookup(path...); ok {
		if e.Kind == Table || e.Kind == ArrayTable {
			return nil, fmt.Errorf("%w: line %d: %s is a table", ErrStructure, e.Line, strings.Join(path, "."))
		}
		return d.splice(e.Value.Start, e.Value.End, inStyleOf(d.data[e.Value.Start:e.Value.End], value))
	}
	if d.isImplicit(path) {
		return nil, fmt.Errorf("%w: %s is a table", ErrStructure, strings.Join(path, "."))
	}
	for n := len(path) - 1; n > 0; n-- {
		if done, ok, err := d.addTo(path[:n], path[n:], value); ok || err != nil {
			return done, err
		}
	}
	if len(path) == 1 {
		return d.addAtTop(path[0], value)
	}
	return d.addTable(path[:len(path)-1], path[len(path)-1], value)
}

// isImplicit finds a table that is only there by its children.
func (d *Document) isImplicit(path []string) bool {
	return slices.ContainsFunc(d.entries, func(e Entry) bool {
		return hasPrefix(e.Path, path) && (len(e.Path) > len(path) || e.Kind == ArrayTable)
	})
}

// addTo adds the key rest to the table at path, if the file has that table in a
// form that can hold it.
func (d *Document) addTo(path, rest []string, value string) (_ *Document, ok bool, err error) {
	dotted := -1
	for i, e := range d.entries {
		switch {
		case e.InArray && !(e.Kind == ArrayTable):
			continue
		case slices.Equal(e.Path, path):
			switch e.Kind {
			case InlineTable:
				doc, err := d.addMember(e, rest, value)
				return doc, true, err
			case Table:
				if len(rest) == 1 {
					doc, err := d.addLine(d.lastOf(i), rest, value)
					return doc, true, err
				}
			default:
				return nil, true, fmt.Errorf("%w: line %d: %s is not a table, but %s", ErrStructure, e.Line, strings.Join(path, "."), e.Kind)
			}
		case e.isValue() && !e.Inline && len(e.Header) < len(path) && hasPrefix(e.Path, path):
			dotted = i
		}
	}
	if dotted < 0 {
		return nil, false, nil
	}
	key := slices.Concat(path[len(d.entries[dotted].Header):], rest)
	doc, err := d.addLine(d.entries[dotted], key, value)
	return doc, true, err
}

func (e Entry) isValue() bool { return e.Kind != Table && e.Kind != ArrayTable }

// lastOf returns the last line of values below the header that is entry i, or
// the header itself where it has none.
func (d *Document) lastOf(i int) Entry {
	last := d.entries[i]
	for _, e := range d.entries[i+1:] {
		if !e.isValue() {
			break
		}
		if !e.Inline {
			last = e
		}
	}
	return last
}

// addLine adds a line for a key below another line, indented like it.
func (d *Document) addLine(after Entry, key []string, value string) (*Document, error) {
	end := max(after.Key.End, after.Value.End)
	at := d.lineEnd(end)
	line := d.indent(after) + Key(key...) + " = " + value
	return d.insertLines(at, line)
}

// addMember adds a key to an inline table.
func (d *Document) addMember(table Entry, key []string, value string) (*Document, error) {
	member := Key(key...) + " = " + value
	last := table.Value.Start + 1
	for _, e := range d.entries {
		if e.Inline && e.Value.Start > table.Value.Start && e.Value.End < table.Value.End {
			last = max(last, e.Value.End)
		}
	}
	inside := d.data[table.Value.Start+1 : table.Value.End-1]
	switch {
	case last > table.Value.Start+1:
		return d.splice(last, last, ", "+member)
	case len(bytes.TrimSpace(inside)) > 0: // a comment
		return d.splice(last, last, " "+member+" ")
	}
	return d.splice(table.Value.Start, table.Value.End, "{ "+member+" }")
}

// splice replaces a part of the text and reads the result.
func (d *Document) splice(start, end int, text string) (*Document, error) {
	edited, err := Parse(slices.Concat(d.data[:start], []byte(text), d.data[end:]))
	if err != nil {
		return nil, fmt.Errorf("edit at byte %d: %w", start, err)
	}
	return edited, nil
}

// lineEnd returns where the line ends that holds the byte at offset: after its
// line break, or at the end of the file.
func (d *Document) lineEnd(offset int) int {
	if i := bytes.IndexByte(d.data[offset:], '\n'); i >= 0 {
		return offset + i + 1
	}
	return len(d.data)
}

// insertLines inserts whole lines at the start of a line or at the end of the
// file, with the line breaks that the file has.
func (d *Document) insertLines(at int, lines ...string) (*Document, error) {
	eol := d.eol()
	text := strings.Join(lines, eol) + eol
	if at > d.lines[0] && d.data[at-1] != '\n' {
		text = eol + strings.TrimSuffix(text, eol) // a last line without a break stays without
	}
	return d.splice(at, at, text)
}

// eol is the line break that most lines of the file have.
func (d *Document) eol() string {
	if crlf := bytes.Count(d.data, []byte("\r\n")); 2*crlf > bytes.Count(d.data, []byte("\n")) {
		return "\r\n"
	}
	return "\n"
}

// indent is the white space before an entry.
func (d *Document) indent(e Entry) string {
	start := d.lines[e.Line-1]
	text := d.data[start:e.Key.Start]
	if len(bytes.TrimLeft(text, " \t")) > 0 {
		return ""
	}
	return string(text)
}

// inStyleOf writes a string with the quotes that the old one had, where it can.
func inStyleOf(old []byte, value string) string {
	inner := strings.TrimSuffix(strings.TrimPrefix(value, `"`), `"`)
	if old[0] == '\'' && !bytes.HasPrefix(old, []byte("'''")) && len(value) > 1 && value[0] == '"' && !strings.ContainsAny(inner, `'\`) {
		return "'" + inner + "'"
	}
	return value
}

// bare is a key that needs no quotes (TOML 1.0, "Keys").
var bare = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// Key writes a key, dotted where it has several parts, each quoted if it needs
// quotes.
func Key(path ...string) string {
	parts := make([]string, len(path))
	for i, p := range path {
		if parts[i] = p; !bare.MatchString(p) {
			parts[i] = Quote(p)
		}
	}
	return strings.Join(parts, ".")
}

// Quote writes a TOML basic string (TOML 1.0, "String"): everything stands for
// itself but the quote, the backslash and the control characters.
func Quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < 0x20 || r == 0x7f:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
