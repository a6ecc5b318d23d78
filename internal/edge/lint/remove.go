package lint

import (
	"fmt"

	"tpmdps/internal/tomledit"
)

// How a setting is disabled, in the words of a fix.
const (
	removeLine   = "put # before the line"
	removeTable  = "put # before the header and before all lines below it" // the header alone would leave them to the table above
	removeMember = "remove it from the braces"
)

// remove says how a key or a table is disabled, whole: a value may go
// over lines, and a table may stand in several places.
func (c *checker) remove(n *node) string {
	entries := c.doc.Entries()
	first := len(entries)
	for i, e := range entries {
		if e.Line == n.entry.Line && e.Column == n.entry.Column {
			first = i
			break
		}
	}
	if first == len(entries) {
		return removeLine
	}
	e := entries[first]
	if e.Inline {
		return removeMember
	}
	from, to, parts := e.Line, 0, 0
	for i := first; i < len(entries); i++ {
		x := entries[i]
		if !isBelow(x, n) {
			continue
		}
		if x.Kind == tomledit.Table || x.Kind == tomledit.ArrayTable {
			parts++
		}
		if to != 0 && !c.adjacent(entries, i, n) {
			return fmt.Sprintf("put # before all lines of %s, which stand in several places", tomledit.Key(n.path...))
		}
		to = max(to, lastLine(c.doc, x))
	}
	switch isHeader := e.Kind == tomledit.Table || e.Kind == tomledit.ArrayTable; {
	case isHeader && parts == 1:
		return removeTable
	case !isHeader && from == to:
		return removeLine
	}
	return fmt.Sprintf("put # before lines %d to %d", from, to)
}

// isBelow reports whether an entry is the node, or in it.
func isBelow(e tomledit.Entry, n *node) bool {
	if len(e.Path) < len(n.path) {
		return false
	}
	for i, name := range n.path {
		if e.Path[i] != name {
			return false
		}
	}
	return true
}

// adjacent reports whether the entry before that one is in the node, too.
func (c *checker) adjacent(entries []tomledit.Entry, i int, n *node) bool {
	return i > 0 && isBelow(entries[i-1], n)
}
