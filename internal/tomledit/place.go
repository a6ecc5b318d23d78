package tomledit

import (
	"bytes"
	"regexp"
	"slices"
)

// addAtTop adds a top-level key: below a commented example of it, or else below
// the last top-level key, or else above the first table.
func (d *Document) addAtTop(key, value string) (*Document, error) {
	line := Key(key) + " = " + value
	first := d.firstTable()
	example := regexp.MustCompile(`(?m)^[ \t]*#[# \t]*` + regexp.QuoteMeta(key) + `[ \t]*=.*$`)
	if at := d.lastComment(example, first); at >= 0 {
		return d.insertLines(d.lineEnd(at), line)
	}
	last := -1
	for i, e := range d.entries {
		if len(e.Header) == 0 && !e.Inline && e.isValue() {
			last = i
		}
	}
	switch {
	case last >= 0:
		return d.addLine(d.entries[last], []string{key}, value)
	case first == len(d.data):
		return d.insertLines(first, line)
	}
	at := d.aboveComments(first)
	if n, _ := d.position(first); at == d.lines[0] && n > 1 {
		at = d.lines[n-1] // a comment at the head of the file stays there
	}
	return d.insertLines(at, line, "")
}

// addTable adds a table with one key.
func (d *Document) addTable(path []string, key, value string) (*Document, error) {
	lines := []string{"[" + Key(path...) + "]", Key(key) + " = " + value}
	if at := d.beforeChildren(path); at >= 0 {
		return d.insertLines(at, append(lines, "")...)
	}
	at := d.endOfFamily(path)
	if at < 0 {
		at = d.belowExample(path)
	}
	if at < 0 {
		at = len(d.data)
	}
	if !d.blankBefore(at) {
		lines = append([]string{""}, lines...)
	}
	if at < len(d.data) && !d.blankAt(at) {
		lines = append(lines, "")
	}
	return d.insertLines(at, lines...)
}

// beforeChildren is the place for a table that has children already.
func (d *Document) beforeChildren(path []string) int {
	for _, e := range d.entries {
		if !e.isValue() && len(e.Path) > len(path) && hasPrefix(e.Path, path) {
			return d.aboveComments(e.Key.Start)
		}
	}
	return -1
}

// endOfFamily is the place after the last table of the same family, and
// after the comments at its end.
func (d *Document) endOfFamily(path []string) int {
	last := -1
	for i, e := range d.entries {
		if !e.isValue() && e.Path[0] == path[0] {
			last = i
		}
	}
	if last < 0 {
		return -1
	}
	e := d.lastOf(last)
	return d.belowComments(d.lineEnd(max(e.Key.End, e.Value.End)))
}

// belowExample is the place below the paragraph of comments that shows the
// table, the last one where a table may stand.
func (d *Document) belowExample(path []string) int {
	example := regexp.MustCompile(`(?m)^[ \t]*#[# \t]*\[[ \t]*` + regexp.QuoteMeta(Key(path...)) + `[ \t]*\].*$`)
	for end := len(d.data); ; {
		at := d.lastComment(example, end)
		if at < 0 {
			return -1
		}
		if below := d.endOfComments(d.lineEnd(at)); d.takesTable(below) {
			return below
		}
		end = at
	}
}

// takesTable tells whether a table at the start of that line would take nothing
// from another one: the next thing is a header, or there is none.
func (d *Document) takesTable(at int) bool {
	for _, e := range d.entries {
		if e.Key.Start >= at && !e.Inline {
			return !e.isValue()
		}
	}
	return true
}

// lastComment finds the last line before end that matches and is a comment, not
// a line of a value.
func (d *Document) lastComment(pattern *regexp.Regexp, end int) int {
	for _, m := range slices.Backward(pattern.FindAllIndex(d.data[:end], -1)) {
		inValue := func(e Entry) bool { return e.Value.Start <= m[0] && m[0] < e.Value.End }
		if !slices.ContainsFunc(d.entries, inValue) {
			return m[0]
		}
	}
	return -1
}

// firstTable is where the first header stands, or the end of the file.
func (d *Document) firstTable() int {
	for _, e := range d.entries {
		if !e.isValue() {
			return e.Key.Start
		}
	}
	return len(d.data)
}

// line returns the text of the line that begins at a place, without its break
// and the white space around it.
func (d *Document) line(at int) []byte {
	return bytes.TrimSpace(d.data[at:d.lineEnd(at)])
}

// endOfComments goes down from the start of a line as long as there are
// comments.
func (d *Document) endOfComments(at int) int {
	for at < len(d.data) && bytes.HasPrefix(d.line(at), []byte("#")) {
		at = d.lineEnd(at)
	}
	return at
}

// belowComments is endOfComments, but for those that belong to the header right
// below them.
func (d *Document) belowComments(at int) int {
	end := d.endOfComments(at)
	if end < len(d.data) && len(d.line(end)) > 0 {
		return at
	}
	return end
}

// aboveComments goes up from a header to the first of the comments that stand
// right above it.
func (d *Document) aboveComments(header int) int {
	n, _ := d.position(header)
	for n--; n > 0 && bytes.HasPrefix(d.line(d.lines[n-1]), []byte("#")); {
		n--
	}
	return d.lines[n]
}

// blankBefore tells whether the line above a place is empty, or there is none.
func (d *Document) blankBefore(at int) bool {
	if at == d.lines[0] {
		return true
	}
	n, _ := d.position(at - 1)
	return len(d.line(d.lines[n-1])) == 0
}

// blankAt tells whether the line at a place is empty.
func (d *Document) blankAt(at int) bool { return len(d.line(at)) == 0 }
