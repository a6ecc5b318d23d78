package lint

import (
	"fmt"
	"slices"
	"strings"

	"tpmdps/internal/edge/schema"
	"tpmdps/internal/tomledit"
)

// tree compares the file with the schema.
func (c *checker) tree() { c.table(c.root, schema.Root) }

func (c *checker) table(n *node, k schema.Key) {
	variant, known := n.variant(k)
	for _, m := range n.members {
		c.wrongName(m, k)
		c.member(n, m, k, variant)
	}
	c.complete(n, k, variant, known)
}

// variant finds which variant of its table this one is. It is not known when
// the key that says so is missing or wrong.
func (n *node) variant(k schema.Key) (variant string, known bool) {
	for _, name := range k.By {
		m := n.child(name)
		if m == nil {
			continue
		}
		choice, _ := k.Named(name)
		switch {
		case len(choice.Values) == 0:
			return name, true
		case slices.Contains(choice.Values, m.entry.Text):
			return m.entry.Text, true
		}
		return "", true
	}
	return "", len(k.By) == 0
}

// member checks one key of a table.
func (c *checker) member(table, n *node, k schema.Key, variant string) {
	found, ok := k.Member(n.name, variant)
	switch {
	case ok && found.Unless != "" && table.child(found.Unless) != nil:
		c.noEffect(n, "beside "+found.Unless+", which IoT Edge uses instead")
	case ok && found.UnlessTable != "" && table.at(found.UnlessTable) != nil && table.at(found.UnlessTable).table:
		c.noEffect(n, "beside the table "+found.UnlessTable+", by which IoT Edge makes the key itself")
	case ok:
		c.incomplete(table, n, found)
		c.value(n, found)
	default:
		if _, elsewhere := k.Named(n.name); elsewhere {
			c.noEffect(n, "with "+choiceOf(table, k, variant))
		} else {
			c.unknown(table, n, k)
		}
	}
}

// choiceOf names the key that chose the variant.
func choiceOf(table *node, k schema.Key, variant string) string {
	for _, name := range k.By {
		switch {
		case name == variant:
			return name
		case table.text(name) == variant:
			return fmt.Sprintf("%s = %q", name, variant)
		}
	}
	return variant
}

// noEffect is for a key that is right there, but not in this file.
func (c *checker) noEffect(n *node, why string) {
	c.secretsBelow(n, n.name)
	c.at(n, Finding{Rule: "misplaced-key", Message: fmt.Sprintf("%s means nothing %s", n.name, why), Fix: c.remove(n)})
}

// incomplete is for a key that counts only together with another one.
func (c *checker) incomplete(table, n *node, k schema.Key) {
	if k.With == "" || table.child(k.With) != nil {
		return
	}
	c.at(n, Finding{Rule: "missing-key", Message: fmt.Sprintf("IoT Edge ignores %s, because %s is missing", n.name, k.With), Fix: "add " + k.With + " below it, or " + c.remove(n)})
}

// complete finds the keys that a table must have.
func (c *checker) complete(n *node, k schema.Key, variant string, known bool) {
	missed := false
	for _, m := range k.Keys {
		switch {
		case !m.Required || n.child(m.Name) != nil || m.Alias != "" && n.child(m.Alias) != nil,
			variant == "" && len(m.Of) > 0, !m.In(variant),
			m.Unless != "" && n.child(m.Unless) != nil, c.misspelt[tomledit.Key(append(slices.Clone(n.path), m.Name)...)],
			m.UnlessTable != "" && n.child(m.UnlessTable) != nil && n.child(m.UnlessTable).table:
			continue
		}
		missed = true
		c.missing(n, m)
	}
	if !known && !missed {
		c.at(n, Finding{Rule: "missing-key", Message: fmt.Sprintf("IoT Edge refuses %s without %s", tomledit.Key(n.path...), alternatives(k.By)),
			Fix: "add it, or " + c.remove(n)})
	}
}

func (c *checker) missing(n *node, k schema.Key) {
	path := tomledit.Key(append(slices.Clone(n.path), k.Name)...)
	f := Finding{Rule: "missing-key", Key: path, Message: "IoT Edge refuses the file without " + path}
	switch {
	case len(n.path) == 0:
		f.Fix = "tpmdps config --id-scope SCOPE adds it"
	case k.Kind == schema.Table:
		f.Fix = "add a table: [" + path + "]"
	default:
		f.Fix = "add to " + schema.Place{Table: n.path}.String() + ": " + k.Name + " = " + sample(k)
	}
	c.at(n, f)
}

// sample is a value to type, or what stands for one.
func sample(k schema.Key) string {
	switch {
	case k.Name == "source":
		return `"dps"`
	case k.Name == "method":
		return `"tpm"`
	case k.Name == "global_endpoint":
		return tomledit.Quote(schema.DefaultGlobalEndpoint)
	case len(k.Values) > 0:
		return tomledit.Quote(k.Values[0])
	case k.Kind&schema.Bool != 0:
		return "true"
	case k.Kind&schema.Number != 0:
		return fmt.Sprint(max(k.Min, 1))
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
