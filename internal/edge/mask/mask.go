// Package mask keeps the secrets of a config.toml out of what is shown of it: of the
// file itself (File, Pair), and of a message about it (Concealer). It goes by what
// is known to be harmless, and works for a file that is not TOML.
package mask

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"tpmdps/internal/edge/rawline"
	"tpmdps/internal/edge/schema"
	"tpmdps/internal/tomledit"
)

// What is shown instead of a value.
const (
	notShown = "(not shown)"
	another  = "(not shown, another one)"
)

// File returns the file without what may be a secret, to be shown to people who
// must not know it. It goes by what is known to be harmless: the values of the
// schema's keys that hold no secret. All others are replaced: those of unknown
// keys, of the agent's environment and container options, and most comments.
// The lines stay what they are, and so does their number.
//
// The rule for its users: names of keys and tables are shown.
func File(data []byte) []byte { return mask(data, nil) }

// Pair masks two versions of a file for a comparison: where a value that is
// not shown differs, what stands for it differs too.
func Pair(old, updated []byte) (a, b []byte) {
	before := map[string]string{}
	if doc, err := tomledit.Parse(old); err == nil {
		for key, e := range hidden(doc) {
			before[key] = string(old[e.Value.Start:e.Value.End])
		}
	}
	return mask(old, nil), mask(updated, before)
}

func mask(data []byte, before map[string]string) []byte {
	doc, err := tomledit.Parse(data)
	if err != nil || len(data) > schema.MaxFile {
		return maskLines(data)
	}
	var edits []edit
	for key, e := range hidden(doc) {
		text := notShown
		if was, ok := before[key]; ok && was != string(data[e.Value.Start:e.Value.End]) {
			text = another
		}
		edits = append(edits, edit{e.Value, standIn(text, data[e.Value.Start:e.Value.End])})
	}
	edits = append(edits, maskComments(doc)...)
	slices.SortFunc(edits, func(a, b edit) int { return a.span.Start - b.span.Start })
	var out bytes.Buffer
	at := 0
	for _, e := range edits {
		if e.span.Start < at {
			continue // in a value that is gone
		}
		out.Write(data[at:e.span.Start])
		out.WriteString(e.text)
		at = e.span.End
	}
	out.Write(data[at:])
	return out.Bytes()
}

// edit is a part of the file and what replaces it.
type edit struct {
	span tomledit.Span
	text string
}

// standIn is a value with as many lines as the one that it replaces.
func standIn(text string, value []byte) string {
	n := bytes.Count(value, []byte("\n"))
	if n == 0 {
		return `"` + text + `"`
	}
	end := "\n"
	if bytes.Contains(value, []byte("\r\n")) {
		end = "\r\n"
	}
	return `"""` + text + strings.Repeat(end, n) + `"""`
}

// hidden finds the values that are not shown, by their path. In arrays of tables
// a path stands more than once.
func hidden(doc *tomledit.Document) map[string]tomledit.Entry {
	found := map[string]tomledit.Entry{}
	times := map[string]int{}
	for _, e := range doc.Entries() {
		if e.Kind == tomledit.Table || e.Kind == tomledit.ArrayTable || harmless(doc, e) {
			continue
		}
		path := tomledit.Key(e.Path...)
		times[path]++
		found[fmt.Sprint(path, " ", times[path])] = e
	}
	return found
}

// harmless reports whether a value can be shown.
func harmless(doc *tomledit.Document, e tomledit.Entry) bool {
	k, ok := lookupPlain(e.Path)
	if !ok || schema.KindOf(e.Kind)&k.Kind == 0 {
		return false
	}
	raw := string(doc.Bytes()[e.Value.Start:e.Value.End])
	switch e.Kind {
	case tomledit.InlineTable:
		return true // its members are looked at one by one
	case tomledit.Array:
		return !strings.Contains(raw, "#") && rawline.OnlyStrings(raw) && !slices.ContainsFunc(e.Items, func(s string) bool { return !Plain(s) })
	}
	return Plain(e.Text)
}

// lookupPlain follows a path through the parts of the schema that hold no
// secret.
func lookupPlain(path []string) (schema.Key, bool) {
	k := schema.Root
	for _, name := range path {
		var ok bool
		if k, ok = k.Named(name); !ok || k.Secret {
			return schema.Key{}, false
		}
	}
	return k, true
}

// Plain reports whether a text can be shown where a harmless one is expected: it
// has no password, PIN or key in it.
func Plain(text string) bool {
	if len(text) > 300 {
		return false
	}
	for _, r := range text {
		if r < 0x20 || r == 0x7f {
			return false
		}
	}
	lower := strings.ToLower(text)
	for _, sign := range []string{"@", "?", "pin-", "sharedaccess", "passw", "secret=", "accountkey", "sig="} {
		if strings.Contains(lower, sign) {
			return false
		}
	}
	return true
}
