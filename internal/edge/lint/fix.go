package lint

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"tpmdps/internal/edge"
	"tpmdps/internal/edge/rawline"
	"tpmdps/internal/tomledit"
)

// A fix that is a line to type is shown only after it was tried: what is found
// must be gone then, and nothing new be there. What is not right gives way to the
// next one, and the last is in words.

// maxTried bounds the bytes that are read again to try fixes.
const maxTried = 16 << 20

// settle chooses the fix of each finding from those that were proposed. Those
// before begin are of the syntax, and were tried when the line was mended.
func (c *checker) settle(begin int) {
	tried := 0
	for i := begin; i < len(c.findings); i++ {
		f := &c.findings[i]
		for _, fix := range append([]string{f.Fix}, c.others[i]...) {
			if c.templated != nil && (strings.HasSuffix(fix, removeTable) || lineRange.MatchString(fix)) {
				f.Fix = describe(*f) // the engine's lines are among those below
				continue
			}
			data, where, ok := c.applied(*f, fix)
			if ok {
				tried += len(data)
			}
			if !ok && !typed(fix) || ok && tried < maxTried && c.right(i, data, where) {
				f.Fix = fix
				break
			}
			f.Fix = describe(*f)
		}
	}
	for i := range c.findings {
		f := &c.findings[i]
		if f.own && !typed(f.Fix) {
			continue
		}
		if shown := c.shown(f.Fix, 400); shown != f.Fix && typed(f.Fix) {
			f.Fix = describe(*f) // a line that is half hidden is not to be typed
		} else {
			f.Fix = shown
		}
	}
}

// describe is a fix that is right whatever is in the line.
func describe(f Finding) string {
	switch f.Rule {
	case "unknown-key", "misplaced-key":
		return "correct the name, the value or the place, or remove the setting"
	case "missing-key":
		return "add what is missing"
	case "placeholder":
		return ownValue
	case "not-tpm":
		return "tpmdps config --id-scope SCOPE --replace-provisioning"
	case "syntax", "quotes", "blanks", "unquoted-word":
		return "correct the line"
	}
	return "correct the value"
}

const ownValue = "write your own value instead"

// typed reports whether a fix has a line in it that is to be typed as it is.
func typed(fix string) bool {
	if i := strings.LastIndex(fix, ": "); i >= 0 {
		fix = fix[i+2:]
	}
	return !strings.Contains(fix, "…") && (rawline.Setting.MatchString(fix) || rawline.Header.MatchString(fix))
}

// right tries the file as a fix leaves it. where says on which line of the file
// as it is now a line of that one stands.
func (c *checker) right(fixed int, data []byte, where func(int) int) bool {
	type place struct {
		rule string
		line int
	}
	left := map[place]int{}
	for i, f := range c.findings[c.start:] {
		if i+c.start != fixed {
			left[place{f.Rule, f.Line}]++
		}
	}
	after := checker{templated: c.templated, trial: true}
	if !after.read(data) {
		return false
	}
	for _, f := range after.findings {
		at := place{f.Rule, where(f.Line)}
		if left[at]--; left[at] < 0 {
			return false
		}
	}
	return true
}

var (
	moveBelow = regexp.MustCompile(`^(?:move it below|add to) \[([^\[\]]+)\]: (.*)$`)
	moveAbove = regexp.MustCompile(`^move it above the first line that begins with \[: (.*)$`)
	moveToEnd = regexp.MustCompile(`^move it to the end of the file, below \[([^\[\]]+)\]: (.*)$`)
	lineRange = regexp.MustCompile(`put # before lines (\d+) to (\d+)$`)
)

// applied is the file as a fix leaves it, ok false if the fix says in words what
// to do. where is that of right.
func (c *checker) applied(f Finding, fix string) (data []byte, where func(int) int, ok bool) {
	i := slices.IndexFunc(c.doc.Entries(), func(e tomledit.Entry) bool { return e.Line == f.Line && e.Column == f.Column })
	if i < 0 || strings.Contains(fix, "…") {
		return nil, nil, false
	}
	e := c.doc.Entries()[i]
	t := trial{doc: c.doc, source: c.source, e: e, last: lastLine(c.doc, e)}
	if m := moveBelow.FindStringSubmatch(fix); m != nil {
		if strings.HasPrefix(fix, "move") && e.Inline {
			return nil, nil, false
		}
		return t.insert(m[1], m[2], strings.HasPrefix(fix, "move"))
	}
	if m := moveAbove.FindStringSubmatch(fix); m != nil {
		return t.insert("", m[1], true)
	}
	if m := moveToEnd.FindStringSubmatch(fix); m != nil {
		data := append(t.replace(e.Line, t.last, ""), "\n["+m[1]+"]\n"+m[2]+"\n"...)
		return data, func(n int) int {
			if n > bytes.Count(c.doc.Bytes(), []byte("\n")) {
				return e.Line
			}
			return n
		}, true
	}
	data, ok = c.inPlace(t, fix)
	return data, func(n int) int { return n }, ok
}

// inPlace is applied for a fix that leaves every line where it stands.
func (c *checker) inPlace(t trial, fix string) (data []byte, ok bool) {
	e := t.e
	switch isHeader := e.Kind == tomledit.Table || e.Kind == tomledit.ArrayTable; {
	case strings.HasSuffix(fix, removeLine):
		return t.comment(e.Line, e.Line), !e.Inline && !isHeader
	case strings.HasSuffix(fix, removeTable):
		return t.comment(e.Line, t.belowHeader()), isHeader
	case e.Inline && !bytes.Equal(c.doc.Bytes(), c.source):
		return nil, false
	case strings.HasSuffix(fix, removeMember) && !e.InArray:
		doc, err := c.doc.Disable(e.Path...)
		if err != nil {
			return nil, false
		}
		return doc.Bytes(), true
	case lineRange.MatchString(fix):
		var first, last int
		fmt.Sscan(strings.Join(lineRange.FindStringSubmatch(fix)[1:], " "), &first, &last)
		return t.comment(first, last), true
	case rawline.Header.MatchString(fix) && isHeader:
		return t.replace(e.Line, e.Line, fix), true
	case rawline.Setting.MatchString(fix) && e.Inline:
		return slices.Concat(c.doc.Bytes()[:e.Key.Start], []byte(fix), c.doc.Bytes()[e.Value.End:]), true
	case rawline.Setting.MatchString(fix) && !isHeader:
		return t.replace(e.Line, t.last, fix), true
	}
	return nil, false
}

// trial puts a fix into a file at the entry that it is for.
type trial struct {
	doc *tomledit.Document // where everything stands
	// source is the text, in which the same lines may not be TOML yet.
	source []byte
	e      tomledit.Entry
	last   int // the line on which its value ends
}

func lastLine(doc *tomledit.Document, e tomledit.Entry) int {
	return e.Line + bytes.Count(doc.Bytes()[e.Key.Start:max(e.Key.End, e.Value.End)], []byte("\n"))
}

// replace puts one line instead of some; the others are empty.
func (t trial) replace(first, last int, text string) []byte {
	lines := bytes.SplitAfter(bytes.Clone(t.source), []byte("\n"))
	for n := first; n <= last && n <= len(lines); n++ {
		old := lines[n-1]
		lines[n-1] = append([]byte(text), old[len(bytes.TrimRight(old, "\r\n")):]...)
		text = ""
	}
	return bytes.Join(lines, nil)
}

func (t trial) comment(first, last int) []byte {
	lines := bytes.SplitAfter(bytes.Clone(t.source), []byte("\n"))
	for n := first; n <= last && n <= len(lines); n++ {
		lines[n-1] = append([]byte("# "), lines[n-1]...)
	}
	return bytes.Join(lines, nil)
}

// belowHeader is the last line that belongs to a header, for somebody who reads the
// text: a header that comes twice was mended away in the document, and ends the
// lines below the first one anyway.
func (t trial) belowHeader() int {
	lines := bytes.Split(t.source, []byte("\n"))
	for n := t.e.Line + 1; n <= len(lines); n++ {
		if bytes.HasPrefix(bytes.TrimSpace(lines[n-1]), []byte("[")) && !t.inValue(n) {
			return n - 1
		}
	}
	return len(lines)
}

// inValue reports whether a line belongs to a value that began above it.
func (t trial) inValue(n int) bool {
	return slices.ContainsFunc(t.doc.Entries(), func(e tomledit.Entry) bool { return e.Line < n && n <= lastLine(t.doc, e) })
}

// insert puts a line below a header, or at the top of the file, and removes the
// one that moves there.
func (t trial) insert(table, line string, moves bool) ([]byte, func(int) int, bool) {
	at := 0
	if table != "" {
		for _, e := range t.doc.Entries() {
			if e.Kind == tomledit.Table && tomledit.Key(e.Path...) == table {
				at = e.Line
				break
			}
		}
		if at == 0 {
			return nil, nil, false
		}
	}
	data := t.source
	if moves {
		data = t.replace(t.e.Line, t.last, "")
	}
	lines := bytes.SplitAfter(data, []byte("\n"))
	if at > 0 && !bytes.HasSuffix(lines[at-1], []byte("\n")) {
		line = "\n" + line
	}
	if table == "" {
		line = strings.TrimPrefix(line, "\xef\xbb\xbf")
		lines[0] = bytes.TrimPrefix(lines[0], []byte("\xef\xbb\xbf"))
	}
	lines = slices.Insert(lines, at, []byte(line+"\n"))
	return bytes.Join(lines, nil), func(n int) int {
		switch {
		case n == at+1:
			return t.e.Line
		case n > at:
			return n - 1
		}
		return n
	}, true
}

var configCommand = regexp.MustCompile(`\btpmdps config( --id-scope SCOPE)`)

// forFile has the commands of config's in a fix be about the file at a path, as
// those that come without one are not.
func forFile(fix, path string) string {
	return configCommand.ReplaceAllStringFunc(fix, func(command string) string { return command + edge.FileFlag(path) })
}
