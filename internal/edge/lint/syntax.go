package lint

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"tpmdps/internal/edge/mask"
	"tpmdps/internal/edge/rawline"
	"tpmdps/internal/edge/schema"
	"tpmdps/internal/text"
	"tpmdps/internal/tomledit"
)

// What is done about a file that is not TOML at all: so many findings, and so many
// bytes that are read again.
const (
	maxRepairs  = 50
	maxRepaired = 12 << 20
)

// syntax reads the document. What is wrong with a line is reported and mended in
// memory, so that one run finds everything. It reports whether the rest can be
// read.
func (c *checker) syntax(data []byte) bool {
	begin := len(c.findings)
	defer func() { c.joined(begin) }()
	rounds := 2*bytes.Count(data, []byte("\n")) + maxRepairs // a line is mended once, or twice
	for repaired := 0; repaired < maxRepaired && rounds > 0; repaired += len(data) {
		rounds--
		doc, err := tomledit.Parse(data)
		if err == nil {
			c.doc = doc
			return true
		}
		var at *tomledit.SyntaxError
		if !errors.As(err, &at) {
			at = &tomledit.SyntaxError{Line: 1, Column: 1, Message: err.Error()}
		}
		mended, f := mend(data, at)
		c.mended = c.mended || !isDuplicate(at.Message)
		f.Line, f.Column = at.Line, at.Column
		if n := len(c.findings) - begin; n < maxRepairs {
			c.add(f)
		} else if n == maxRepairs {
			c.add(Finding{Rule: "syntax", Line: f.Line, Column: f.Column, Message: "more lines are not TOML; they are not listed", Fix: "correct those above, and run this again"})
		}
		if mended == nil || bytes.Equal(mended, data) {
			return false
		}
		data = mended
	}
	return false
}

// mend finds out what a person did wrong in the line at which the parser stops.
// It returns the file as it was meant, without the line if that cannot be known, and
// nil if it cannot be read on.
func mend(data []byte, at *tomledit.SyntaxError) ([]byte, Finding) {
	if f, ok := otherEncoding(data, at); ok {
		return nil, f
	}
	if strings.Contains(at.Message, "more than") {
		return nil, Finding{Rule: "syntax", Message: at.Message, Fix: "is this the right file?"} // too large, too deep
	}
	lines := bytes.SplitAfter(data, []byte("\n"))
	if at.Line > len(lines) {
		return nil, Finding{Rule: "syntax", Message: at.Message, Fix: "look at the end of the file"}
	}
	line := strings.TrimRight(string(lines[at.Line-1]), "\r\n")
	if f, ok := duplicate(lines, at, line); ok {
		rest := removeLines(lines, at, f.Rule == "duplicate-table")
		if rest == nil {
			rest, _ = asComment(lines, at)
			return rest, f
		}
		if next := at.Line; f.Rule == "duplicate-key" && next < len(lines) && !bytes.Equal(bytes.SplitAfter(rest, []byte("\n"))[next], lines[next]) {
			f.Fix = "keep one, and remove the other with all lines of its value"
		}
		return rest, f
	}
	for _, slip := range slips {
		meant, f, ok := slip(line)
		if !ok {
			continue
		}
		mended := replaced(lines, at, meant)
		if mended == nil {
			continue
		}
		if f.Fix == "" {
			f.Fix = toType(meant)
		}
		f.Key = strings.TrimSpace(rawline.Key(meant))
		return mended, f
	}
	return asComment(lines, at)
}

// replaced replaces a line with another one. It returns nil if that does
// not help.
func replaced(lines [][]byte, at *tomledit.SyntaxError, line string) []byte {
	all := slices.Clone(lines)
	old := all[at.Line-1]
	end := old[len(bytes.TrimRight(old, "\r\n")):]
	all[at.Line-1] = append([]byte(line), end...)
	mended := bytes.Join(all, nil)
	var next *tomledit.SyntaxError
	if _, err := tomledit.Parse(mended); errors.As(err, &next) && next.Line <= at.Line && !isDuplicate(next.Message) {
		return nil
	}
	return mended
}

// removeLines is the file without a line, or without a header and all that stands
// below it.
func removeLines(lines [][]byte, at *tomledit.SyntaxError, table bool) []byte {
	all := slices.Clone(lines)
	last := at.Line
	for k := at.Line; !table && k <= min(at.Line+50, len(lines)); k++ { // the value may go over lines
		if _, err := tomledit.Parse(bytes.Join(lines[at.Line-1:k], nil)); err == nil {
			last = k
			break
		}
	}
	for n := at.Line; n <= last; n++ {
		all[n-1] = []byte("\n")
	}
	for i := at.Line; table && i < len(all) && !bytes.HasPrefix(bytes.TrimSpace(all[i]), []byte("[")); i++ {
		all[i] = []byte("\n")
	}
	return replaced(all, at, "")
}

func otherEncoding(data []byte, at *tomledit.SyntaxError) (Finding, bool) {
	switch {
	case bytes.HasPrefix(data, []byte("\xff\xfe")), bytes.HasPrefix(data, []byte("\xfe\xff")), len(data) > 1 && (data[0] == 0) != (data[1] == 0):
		return Finding{Rule: "encoding", Message: "the file is saved as UTF-16, which Windows calls Unicode; IoT Edge reads UTF-8", Fix: "save it as UTF-8"}, true
	case bytes.IndexByte(data, '\r') >= 0 && bytes.IndexByte(data, '\n') < 0:
		return Finding{Rule: "encoding", Message: "the lines end in a carriage return alone, as on old Macs; IoT Edge reads the file as one line", Fix: "save it with the line ends of Linux or Windows"}, true
	case strings.HasPrefix(at.Message, "this is not UTF-8, but"): // from here on
		return Finding{Rule: "encoding", Message: at.Message + "; IoT Edge reads UTF-8", Fix: "save it as UTF-8; in PowerShell, append with Add-Content -Encoding utf8 instead of >>"}, true
	case at.Message == "this is not UTF-8":
		return Finding{Rule: "encoding", Message: "a letter here is not UTF-8, but in an older encoding such as Windows-1252", Fix: "write the letter again and save the file as UTF-8"}, true
	}
	return Finding{}, false
}

// toType is a line as it is to be typed, without what may be a secret.
func toType(line string) string {
	m := rawline.Setting.FindStringSubmatch(line)
	if m == nil {
		if h := strings.TrimSpace(line); rawline.Header.MatchString(h) {
			return h
		}
		return "correct the line"
	}
	name := strings.Trim(strings.TrimSpace(m[1]), `"'`)
	if k, ok := schema.OnlyPlace(name); ok && !k.Secret && mask.Plain(m[2]) {
		return strings.TrimSpace(line)
	}
	return name + ` = "…"`
}

func isDuplicate(message string) bool {
	return strings.Contains(message, "already") || strings.Contains(message, "should be a table") || strings.Contains(message, "cannot be redefined")
}

// duplicate is for what is defined twice; people meet it when they uncomment a
// second example. The parser reports it after it has read all of the file.
func duplicate(lines [][]byte, at *tomledit.SyntaxError, line string) (Finding, bool) {
	if !isDuplicate(at.Message) {
		return Finding{}, false
	}
	if h := rawline.Header.FindStringSubmatch(line); h != nil {
		f := Finding{Rule: "duplicate-table", Key: h[1], Message: fmt.Sprintf("[%s] is in the file twice", h[1]), Fix: "keep one, and put # before all lines of the other"}
		if strings.Contains(at.Message, "not a value") {
			f.Message = fmt.Sprintf("[%s] is a key with a value already, and cannot be a table as well", h[1])
		}
		if n := earlier(lines, at.Line, func(l string) bool { m := rawline.Header.FindStringSubmatch(l); return m != nil && m[1] == h[1] }); n > 0 {
			f.Message += fmt.Sprintf(", first in line %d", n)
		}
		return f, true
	}
	key := strings.TrimSpace(rawline.Key(line))
	f := Finding{Rule: "duplicate-key", Key: key, Message: key + " is in the table twice", Fix: "keep one, and put # before the other"}
	if n := earlier(lines, at.Line, func(l string) bool { return strings.TrimSpace(rawline.Key(l)) == key }); n > 0 {
		f.Message += fmt.Sprintf(", first in line %d", n)
	}
	return f, true
}

// earlier finds the last line before n for which f holds, 0 if there is none.
func earlier(lines [][]byte, n int, f func(string) bool) int {
	for i := n - 2; i >= 0; i-- {
		if f(strings.TrimRight(string(lines[i]), "\r\n")) {
			return i + 1
		}
	}
	return 0
}

// words makes a parser's message one for people.
func words(message string) string {
	return notTOML + text.Printable(strings.TrimSpace(message), 200)
}
