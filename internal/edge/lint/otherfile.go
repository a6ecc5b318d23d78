package lint

import (
	"bytes"
	"fmt"
	"regexp"

	"tpmdps/internal/edge/rawline"
)

// other says once of a file that it is another one altogether, and what makes
// the right one of it. What can be read anyway is returned: the lines of a
// template that are TOML, one side of a merge. It is nil where nothing can.
func (c *checker) other(data []byte) []byte {
	if name, fix, ok := rawline.OtherFile(data); ok {
		c.add(Finding{Rule: "other-file", own: true, Line: 1, Column: 1, Message: name, Fix: fix})
		return nil
	}
	return c.template(c.merge(data))
}

var mergeMark = regexp.MustCompile(`^(<{7}|\|{7}|={7}|>{7})( .*)?\r?\n?$`)

// merge leaves of an unfinished merge the first of the two sides.
func (c *checker) merge(data []byte) []byte {
	lines := bytes.SplitAfter(data, []byte("\n"))
	type conflict struct{ from, separator, to int } // lines from 0
	var all []conflict
	open := conflict{-1, -1, -1}
	for i, line := range lines {
		switch m := mergeMark.FindSubmatch(line); {
		case m == nil:
		case m[1][0] == '<':
			open = conflict{i, -1, -1}
		case open.from >= 0 && m[1][0] != '>' && open.separator < 0:
			open.separator = i
		case open.separator >= 0 && m[1][0] == '>':
			open.to = i
			all = append(all, open)
			open = conflict{-1, -1, -1}
		}
	}
	if len(all) == 0 {
		return data
	}
	for _, m := range all {
		lines[m.from] = []byte("\n")
		for i := m.separator; i <= m.to; i++ {
			lines[i] = []byte("\n")
		}
	}
	c.add(Finding{Rule: "other-file", own: true, Line: all[0].from + 1, Column: 1,
		Message: fmt.Sprintf("a merge was not finished: both versions are in the file, first in lines %d to %d; the first of them is checked", all[0].from+1, all[0].to+1),
		Fix:     "keep one version, and delete the lines with <<<<<<<, ======= and >>>>>>>"})
	return bytes.Join(lines, nil)
}
