package lint

import (
	"slices"

	"tpmdps/internal/edge/schema"
	"tpmdps/internal/tomledit"
)

// node is a key of the file, with what is below it.
type node struct {
	name  string
	path  []string
	entry tomledit.Entry // its header or its key; of a table that is only implied, what implies it
	table bool
	// implied: no line of the file is its own.
	implied bool
	members []*node
}

// tree arranges the entries of a document by what is in what. The elements of an
// array of tables are taken for one table.
func tree(d *tomledit.Document) *node {
	root := &node{table: true}
	for _, e := range d.Entries() {
		n := root
		for i, name := range e.Path {
			last := i == len(e.Path)-1
			child := n.child(name)
			if child == nil || last && e.InArray && !child.table {
				child = &node{name: name, path: e.Path[:i+1], entry: e, table: true, implied: true}
				n.members = append(n.members, child)
			}
			n = child
		}
		n.entry, n.implied = e, false
		n.table = e.Kind == tomledit.Table || e.Kind == tomledit.InlineTable
	}
	return root
}

func (n *node) child(name string) *node {
	if i := slices.IndexFunc(n.members, func(m *node) bool { return m.name == name }); i >= 0 {
		return n.members[i]
	}
	return nil
}

// at finds a node by its path, nil if the file does not have it.
func (n *node) at(path ...string) *node {
	for _, name := range path {
		if n = n.child(name); n == nil {
			return nil
		}
	}
	return n
}

// text is the text that stands at a path, "" if there is none.
func (n *node) text(path ...string) string {
	if n = n.at(path...); n == nil || n.entry.Kind != tomledit.String {
		return ""
	}
	return n.entry.Text
}

// kind is the kind of the node's value, in the words of the schema.
func (n *node) kind() schema.Kind {
	if n.table {
		return schema.Table
	}
	return schema.KindOf(n.entry.Kind)
}
