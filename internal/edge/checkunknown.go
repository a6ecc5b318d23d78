package edge

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"tpmdps/internal/tomledit"
)

// formerly are names of IoT Edge 1.1's config.yaml, and of the files that
// config.toml is turned into, with what config.toml has for them. So people who
// copy from an old page find it.
var formerly = map[string]string{
	"scope_id":                        "id_scope",
	"device_ca_cert":                  "cert of [edge_ca]",
	"device_ca_pk":                    "pk of [edge_ca]",
	"trusted_ca_certs":                "trust_bundle_cert",
	"dynamic_reprovisioning":          "auto_reprovisioning_mode",
	"always_reprovision_on_startup":   `auto_reprovisioning_mode = "AlwaysOnStartup"`,
	"device_connection_string":        "connection_string",
	"certificates":                    "[edge_ca] and trust_bundle_cert",
	"content_trust_ca_certs":          "ca_certs of [moby_runtime.content_trust]",
	"max_requests":                    "[aziot_max_requests]",
	"homedir":                         "nothing",
	"homedir_path":                    "nothing",
	"endpoints":                       "nothing",
	"principal":                       "nothing",
	"auto_generated_ca_lifetime_days": "auto_generated_edge_ca_expiry_days",
}

// unknown is for a key that does nothing where it stands.
func (c *checker) unknown(table, n *node, k key) {
	c.secretsBelow(n, n.name)
	if c.onlyTexts(table, n, k) {
		return
	}
	near, isNear := nearest(n.name, names(k.keys))
	if isNear && !k.open {
		c.meant(table, near)
	}
	if k.open {
		if isNear {
			c.at(n, Finding{Rule: "unknown-key", Severity: Warning, Message: fmt.Sprintf("IoT Edge looks for %s, not for %s", near, n.name), Fix: c.renamed(n, near)})
		}
		return
	}
	elsewhere := likely(places(func(k key) bool { return k.called(n.name) }))
	now, isOld := formerly[n.name]
	switch {
	case isNear && (len(elsewhere) == 0 || distance(n.name, near) <= 1):
		c.at(n, Finding{Rule: "unknown-key", Message: fmt.Sprintf("there is no %s %s; did you mean %s?", n.name, in(table), near), Fix: c.renamed(n, near)}, c.remove(n))
	case len(elsewhere) > 0:
		c.misplaced(table, n, elsewhere)
	case isOld && now == "nothing":
		c.at(n, Finding{Rule: "unknown-key", Message: n.name + " belongs into other files of IoT Edge; this one has nothing for it", Fix: c.remove(n)})
	case isOld:
		f := Finding{Rule: "unknown-key", Message: fmt.Sprintf("%s is from another version or file of IoT Edge; here it is %s", n.name, now), Fix: "write " + now + " in its place"}
		if _, ok := k.named(now); ok {
			c.meant(table, now)
			f.Fix = c.renamed(n, now)
		}
		c.at(n, f)
	default:
		c.strange(table, n)
	}
}

// strange is for a name that no place in the file has.
func (c *checker) strange(table, n *node) {
	f := Finding{Rule: "unknown-key", Message: fmt.Sprintf("IoT Edge knows no %s and passes over it", tomledit.Key(n.name)), Fix: c.remove(n)}
	if k, _ := lookup(table.path); k.texts {
		f.Message = fmt.Sprintf("IoT Edge's key service does not start with a setting that it does not know: %s", tomledit.Key(n.name))
	}
	if c.mended { // then it may be a line of a text, and no name at all
		f.Message, f.Key = "IoT Edge knows no such key and passes over it", strings.TrimPrefix(tomledit.Key(table.path...)+".…", ".")
	}
	others := []string{f.Fix}
	all := places(func(key) bool { return true })
	var known []string
	for _, p := range all {
		known = append(known, p.key.name)
	}
	if near, ok := nearest(n.name, known); ok {
		at := likely(places(func(k key) bool { return k.called(near) }))
		f.Message += fmt.Sprintf("; did you mean %s, which belongs to %s?", near, list(at))
		fixes := moves(c, n, near, at)
		f.Fix, others = fixes[0], append(fixes[1:], others...)
	}
	c.at(n, f, others...)
}

// misplaced is for a key that does something in another table.
func (c *checker) misplaced(table, n *node, at []place) {
	fixes := moves(c, n, n.name, at)
	f := Finding{Rule: "misplaced-key", Message: fmt.Sprintf("%s does nothing %s; it belongs to %s", n.name, in(table), list(at)), Fix: fixes[0]}
	if len(at[0].table) == 0 && !n.entry.Inline && len(n.entry.Header) > 0 && n.entry.Line > 0 {
		f.Message = fmt.Sprintf("%s does nothing %s, because the header above takes what follows it; it belongs to %s", n.name, in(table), list(at))
	}
	c.at(n, f, fixes[1:]...)
	if len(at) == 1 && !n.table {
		c.value(n, at[0].key)
	}
}

// meant notes that a key is there, under a wrong name: it is not reported as
// missing as well.
func (c *checker) meant(table *node, name string) {
	if c.misspelt == nil {
		c.misspelt = map[string]bool{}
	}
	c.misspelt[tomledit.Key(append(slices.Clone(table.path), name)...)] = true
}

// in names a table as a place.
func in(n *node) string {
	if len(n.path) == 0 {
		return "at the top of the file"
	}
	return "in [" + tomledit.Key(n.path...) + "]"
}

// moves says where a line belongs, and what is to do if it cannot go there.
func moves(c *checker, n *node, name string, at []place) []string {
	if n.table {
		if len(at) == 1 && !n.entry.Inline && n.entry.Kind == tomledit.Table && len(n.entry.Path) == len(n.path) {
			return []string{"[" + tomledit.Key(append(slices.Clone(at[0].table), name)...) + "]", c.remove(n)}
		}
		return []string{c.remove(n)}
	}
	line := c.line(n, name)
	if len(at[0].table) == 0 {
		return []string{"move it above the first line that begins with [: " + line, c.remove(n)}
	}
	return []string{"move it below " + at[0].String() + ": " + line,
		"move it to the end of the file, below " + at[0].String() + ": " + line, c.remove(n)}
}

// line is a key and its value, to be typed; what may be a secret is left out.
func (c *checker) line(n *node, name string) string {
	if k, ok := onlyPlace(name); ok && !k.secret && !n.table && !n.entry.Inline {
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

// onlyPlace finds a key by its name, if there is no secret in it wherever it
// stands.
func onlyPlace(name string) (key, bool) {
	all := places(func(k key) bool { return k.called(name) })
	if len(all) == 0 || slices.ContainsFunc(all, func(p place) bool { return p.key.hides() }) {
		return key{}, false
	}
	return all[0].key, true
}

// likely keeps the places that a device with a TPM has a use for, if there are
// some.
func likely(all []place) []place {
	if own := slices.DeleteFunc(slices.Clone(all), func(p place) bool { return !p.forTPM() }); len(own) > 0 {
		return own
	}
	return all
}

// list names up to three places.
func list(at []place) string {
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

func names(keys []key) []string {
	var all []string
	for _, k := range keys {
		all = append(all, k.name)
	}
	return all
}

// nearest finds the name that a misspelt one may stand for.
func nearest(name string, known []string) (string, bool) {
	length := utf8.RuneCountInString(name)
	limit := min(length/4, 3)
	best, found := "", false
	if len(name) > 64 {
		return "", false // of no key
	}
	for _, k := range known {
		if n := utf8.RuneCountInString(k) - length; n > max(limit, 0) || -n > max(limit, 0) {
			continue // so many letters are missing, or too many
		}
		if d := distance(name, k); d <= limit || d == 0 {
			best, found, limit = k, true, d-1
		}
	}
	return best, found
}

// distance counts the letters that are wrong, missing, too many, or swapped
// (Damerau and Levenshtein); case and the sort of dash do not count.
func distance(a, b string) int {
	fold := func(s string) []rune { return []rune(strings.ReplaceAll(strings.ToLower(s), "-", "_")) }
	s, t := fold(a), fold(b)
	rows := make([][]int, len(s)+1)
	for i := range rows {
		rows[i] = make([]int, len(t)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(s); i++ {
		for j := 1; j <= len(t); j++ {
			cost := 1
			if s[i-1] == t[j-1] {
				cost = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && s[i-1] == t[j-2] && s[i-2] == t[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(s)][len(t)]
}
