package lint

import (
	"fmt"
	"slices"
	"strings"

	"tpmdps/internal/edge/schema"
	"tpmdps/internal/spelling"
	"tpmdps/internal/tomledit"
)

// unknown is for a key that does nothing where it stands.
func (c *checker) unknown(table, n *node, k schema.Key) {
	c.secretsBelow(n, n.name)
	if c.onlyTexts(table, n, k) {
		return
	}
	near := spelling.Slip(n.name, names(k.Keys))
	isNear := near != ""
	if isNear && !k.Open {
		c.noteMisspelt(table, near)
	}
	if k.Open {
		if isNear {
			c.at(n, Finding{Rule: "unknown-key", Severity: Warning, Message: fmt.Sprintf("IoT Edge looks for %s, not for %s", near, n.name), Fix: c.renamed(n, near)})
		}
		return
	}
	elsewhere := relevantPlaces(schema.PlacesOf(n.name))
	now, isOld := schema.Formerly[n.name]
	switch {
	case isNear && (len(elsewhere) == 0 || spelling.Distance(n.name, near) <= 1):
		c.at(n, Finding{Rule: "unknown-key", Message: fmt.Sprintf("there is no %s %s; did you mean %s?", n.name, inTable(table), near), Fix: c.renamed(n, near)}, c.remove(n))
	case len(elsewhere) > 0:
		c.misplaced(table, n, elsewhere)
	case isOld && now == "nothing":
		c.at(n, Finding{Rule: "unknown-key", Message: n.name + " belongs in other files of IoT Edge and has no use in this one", Fix: c.remove(n)})
	case isOld:
		f := Finding{Rule: "unknown-key", Message: fmt.Sprintf("%s is from another version or file of IoT Edge; here it is %s", n.name, now), Fix: "write " + now + " instead"}
		if _, ok := k.Named(now); ok {
			c.noteMisspelt(table, now)
			f.Fix = c.renamed(n, now)
		}
		c.at(n, f)
	default:
		c.unknownEverywhere(table, n)
	}
}

// unknownEverywhere is for a name that no place in the file has.
func (c *checker) unknownEverywhere(table, n *node) {
	f := Finding{Rule: "unknown-key", Message: fmt.Sprintf("IoT Edge does not know %s and ignores it", tomledit.Key(n.name)), Fix: c.remove(n)}
	if k, _ := schema.Lookup(table.path); k.OnlyTexts {
		f.Message = fmt.Sprintf("IoT Edge's key service does not start with a setting that it does not know: %s", tomledit.Key(n.name))
	}
	if c.mended { // then it may be a line of a text, and no name at all
		f.Message, f.Key = "IoT Edge does not know this key and ignores it", strings.TrimPrefix(tomledit.Key(table.path...)+".…", ".")
	}
	others := []string{f.Fix}
	all := schema.Places(func(schema.Key) bool { return true })
	var known []string
	for _, p := range all {
		known = append(known, p.Key.Name)
	}
	if near := spelling.Slip(n.name, known); near != "" {
		at := relevantPlaces(schema.PlacesOf(near))
		f.Message += fmt.Sprintf("; did you mean %s, which belongs to %s?", near, list(at))
		fixes := moves(c, n, near, at)
		f.Fix, others = fixes[0], append(fixes[1:], others...)
	}
	c.at(n, f, others...)
}

// misplaced is for a key that does something in another table.
func (c *checker) misplaced(table, n *node, at []schema.Place) {
	fixes := moves(c, n, n.name, at)
	f := Finding{Rule: "misplaced-key", Message: fmt.Sprintf("%s does nothing %s; it belongs to %s", n.name, inTable(table), list(at)), Fix: fixes[0]}
	if len(at[0].Table) == 0 && !n.entry.Inline && len(n.entry.Header) > 0 && n.entry.Line > 0 {
		f.Message = fmt.Sprintf("%s does nothing %s, because it comes after the header above; it belongs to %s", n.name, inTable(table), list(at))
	}
	c.at(n, f, fixes[1:]...)
	if len(at) == 1 && !n.table {
		c.value(n, at[0].Key)
	}
}

// noteMisspelt notes that a key is there, under a wrong name: it is not reported as
// missing as well.
func (c *checker) noteMisspelt(table *node, name string) {
	if c.misspelt == nil {
		c.misspelt = map[string]bool{}
	}
	c.misspelt[tomledit.Key(append(slices.Clone(table.path), name)...)] = true
}

// inTable names a table as a place.
func inTable(n *node) string {
	if len(n.path) == 0 {
		return "at the top of the file"
	}
	return "in [" + tomledit.Key(n.path...) + "]"
}

// moves says where a line belongs, and what is to do if it cannot go there.
func moves(c *checker, n *node, name string, at []schema.Place) []string {
	if n.table {
		if len(at) == 1 && !n.entry.Inline && n.entry.Kind == tomledit.Table && len(n.entry.Path) == len(n.path) {
			return []string{"[" + tomledit.Key(append(slices.Clone(at[0].Table), name)...) + "]", c.remove(n)}
		}
		return []string{c.remove(n)}
	}
	line := c.line(n, name)
	if len(at[0].Table) == 0 {
		return []string{"move it above the first line that begins with [: " + line, c.remove(n)}
	}
	return []string{"move it below " + at[0].String() + ": " + line,
		"move it to the end of the file, below " + at[0].String() + ": " + line, c.remove(n)}
}

// line is a key and its value, to be typed; what may be a secret is left out.
func (c *checker) line(n *node, name string) string {
	if k, ok := schema.OnlyPlace(name); ok && !k.Secret && !n.table && !n.entry.Inline {
		if text, ok := c.written(n, k); ok {
			return name + " = " + text
		}
	}
	return name + " = …"
}

// renamed is the line with another key.
func (c *checker) renamed(n *node, name string) string {
	if n.table && !n.entry.Inline {
		path := slices.Clone(n.entry.Path) // of a header that may go further down
		path[len(n.path)-1] = name
		if n.entry.Kind == tomledit.ArrayTable {
			return "[[" + tomledit.Key(path...) + "]]"
		}
		return "[" + tomledit.Key(path...) + "]"
	}
	return c.line(n, name)
}

// relevantPlaces keeps the places that a device with a TPM has a use for, if there are
// some.
func relevantPlaces(all []schema.Place) []schema.Place {
	if own := slices.DeleteFunc(slices.Clone(all), func(p schema.Place) bool { return !p.ForTPM() }); len(own) > 0 {
		return own
	}
	return all
}

// list names up to three places.
func list(at []schema.Place) string {
	var words []string
	for i, p := range at {
		if i == 3 {
			words = append(words, "…")
			break
		}
		words = append(words, p.String())
	}
	return strings.Join(words, ", ")
}

func names(keys []schema.Key) []string {
	var all []string
	for _, k := range keys {
		all = append(all, k.Name)
	}
	return all
}
