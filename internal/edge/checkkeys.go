package edge

import (
	"fmt"
	"slices"
	"strings"

	"tpmdps/internal/tomledit"
)

// tree compares the file with the schema.
func (c *checker) tree() { c.table(c.root, schema) }

func (c *checker) table(n *node, k key) {
	variant, known := n.variant(k)
	for _, m := range n.members {
		c.wrongName(m, k)
		c.member(n, m, k, variant)
	}
	c.complete(n, k, variant, known)
}

// variant finds which variant of its table this one is. It is not known when
// the key that says so is missing or wrong.
func (n *node) variant(k key) (variant string, known bool) {
	for _, name := range k.by {
		m := n.child(name)
		if m == nil {
			continue
		}
		choice, _ := k.named(name)
		switch {
		case len(choice.values) == 0:
			return name, true
		case slices.Contains(choice.values, m.entry.Text):
			return m.entry.Text, true
		}
		return "", true
	}
	return "", len(k.by) == 0
}

// member checks one key of a table.
func (c *checker) member(table, n *node, k key, variant string) {
	found, ok := k.member(n.name, variant)
	switch {
	case ok && found.unless != "" && table.child(found.unless) != nil:
		c.useless(n, "beside "+found.unless+", which IoT Edge takes in its place")
	case ok && found.unlessTable != "" && table.at(found.unlessTable) != nil && table.at(found.unlessTable).table:
		c.useless(n, "beside the table "+found.unlessTable+", by which IoT Edge makes the key itself")
	case ok:
		c.incomplete(table, n, found)
		c.value(n, found)
	default:
		if _, elsewhere := k.named(n.name); elsewhere {
			c.useless(n, "with "+choiceOf(table, k, variant))
		} else {
			c.unknown(table, n, k)
		}
	}
}

// choiceOf names the key that chose the variant.
func choiceOf(table *node, k key, variant string) string {
	for _, name := range k.by {
		switch {
		case name == variant:
			return name
		case table.text(name) == variant:
			return fmt.Sprintf("%s = %q", name, variant)
		}
	}
	return variant
}

// useless is for a key that is right there, but not in this file.
func (c *checker) useless(n *node, why string) {
	c.secretsBelow(n, n.name)
	c.at(n, Finding{Rule: "misplaced-key", Message: fmt.Sprintf("%s means nothing %s", n.name, why), Fix: c.remove(n)})
}

// incomplete is for a key that counts only together with another one.
func (c *checker) incomplete(table, n *node, k key) {
	if k.with == "" || table.child(k.with) != nil {
		return
	}
	c.at(n, Finding{Rule: "missing-key", Message: fmt.Sprintf("IoT Edge passes over %s, because %s is missing", n.name, k.with), Fix: "add " + k.with + " below it, or " + c.remove(n)})
}

// complete finds the keys that a table must have.
func (c *checker) complete(n *node, k key, variant string, known bool) {
	missed := false
	for _, m := range k.keys {
		switch {
		case !m.required || n.child(m.name) != nil || m.alias != "" && n.child(m.alias) != nil,
			variant == "" && len(m.of) > 0, !m.in(variant),
			m.unless != "" && n.child(m.unless) != nil, c.misspelt[tomledit.Key(append(slices.Clone(n.path), m.name)...)],
			m.unlessTable != "" && n.child(m.unlessTable) != nil && n.child(m.unlessTable).table:
			continue
		}
		missed = true
		c.missing(n, m)
	}
	if !known && !missed {
		c.at(n, Finding{Rule: "missing-key", Message: fmt.Sprintf("IoT Edge refuses %s without %s", tomledit.Key(n.path...), alternatives(k.by)),
			Fix: "add it, or " + c.remove(n)})
	}
}

func (c *checker) missing(n *node, k key) {
	path := tomledit.Key(append(slices.Clone(n.path), k.name)...)
	f := Finding{Rule: "missing-key", Key: path, Message: "IoT Edge refuses the file without " + path}
	switch {
	case len(n.path) == 0:
		f.Fix = "tpmdps config --id-scope SCOPE adds it"
	case k.is == isTable:
		f.Fix = "add a table: [" + path + "]"
	default:
		f.Fix = "add to " + place{table: n.path}.String() + ": " + k.name + " = " + k.sample()
	}
	c.at(n, f)
}

// sample is a value to type, or what stands for one.
func (k key) sample() string {
	switch {
	case k.name == "source":
		return `"dps"`
	case k.name == "method":
		return `"tpm"`
	case k.name == "global_endpoint":
		return tomledit.Quote(DefaultGlobalEndpoint)
	case len(k.values) > 0:
		return tomledit.Quote(k.values[0])
	case k.is&isBool != 0:
		return "true"
	case k.is&isNumber != 0:
		return fmt.Sprint(max(k.min, 1))
	}
	return `"…"`
}

// alternatives names keys of which one is needed.
func alternatives(names []string) string {
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " or " + names[last]
}

// at adds a finding where the node stands. others are fixes if that of the
// finding turns out not to be right.
func (c *checker) at(n *node, f Finding, others ...string) {
	f.Line, f.Column = n.entry.Line, n.entry.Column
	if f.Key == "" && len(n.path) > 0 {
		f.Key = tomledit.Key(n.path...)
	}
	c.add(f, others...)
}
