package tomledit

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// Disable puts a key, or a table with everything below its header, out of
// force: its lines become comments. A member of an inline table is deleted,
// because there is no other way. A path that the file does not have is left out
// in silence.
func (d *Document) Disable(path ...string) (*Document, error) {
	i := slices.IndexFunc(d.entries, func(e Entry) bool { return !e.InArray && slices.Equal(e.Path, path) })
	if i < 0 {
		return d, nil
	}
	switch e := d.entries[i]; {
	case e.Inline:
		return d.removeMember(e)
	case e.Kind == Table:
		return d.comment(e.Key.Start, max(d.lastOf(i).Value.End, e.Key.End))
	case e.Kind == ArrayTable:
		return nil, fmt.Errorf("%w: line %d: %s is an array of tables", ErrStructure, e.Line, strings.Join(path, "."))
	default:
		return d.comment(e.Key.Start, e.Value.End)
	}
}

// comment puts "# " before every line from one that holds start to the one that
// holds the byte before end. Empty lines and comments stay as they are.
func (d *Document) comment(start, end int) (*Document, error) {
	first, _ := d.position(start)
	last, _ := d.position(end)
	var text bytes.Buffer
	for n := first; n <= last; n++ {
		line := d.data[d.lines[n-1]:d.lineEnd(d.lines[n-1])]
		if trimmed := bytes.TrimSpace(line); len(trimmed) > 0 && trimmed[0] != '#' {
			text.WriteString("# ")
		}
		text.Write(line)
	}
	return d.splice(d.lines[first-1], d.lineEnd(d.lines[last-1]), text.String())
}

// removeMember deletes a member of an inline table with one of the commas
// beside it.
func (d *Document) removeMember(e Entry) (*Document, error) {
	start, end := e.Key.Start, e.Value.End
	skip := func(at, step int) int {
		for bytes.IndexByte([]byte(" \t"), d.data[at]) >= 0 {
			at += step
		}
		return at
	}
	before, after := skip(start-1, -1), skip(end, +1)
	switch {
	case d.data[before] == ',':
		start = before
	case d.data[after] == ',':
		end = skip(after+1, +1)
	default:
		start, end = before+1, after
	}
	return d.splice(start, end, "")
}
