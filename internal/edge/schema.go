package edge

import (
	"slices"
	"strings"
	"sync"
)

// kinds are the kinds of value that a key takes, one or more.
type kinds int

const (
	isText kinds = 1 << iota
	isNumber
	isBool
	isList
	isTable // a [table] or an inline one
)

// String names the kinds as a technician calls them.
func (k kinds) String() string {
	var words []string
	for i, word := range []string{"a text in quotes", "a whole number", "true or false", "a list in brackets", "a table"} {
		if k&(1<<i) != 0 {
			words = append(words, word)
		}
	}
	return strings.Join(words, " or ")
}

// key is one key of config.toml, with what IoT Edge makes of it. The zero value
// of a field says nothing.
type key struct {
	name  string
	alias string // another name that IoT Edge takes
	is    kinds

	required bool
	values   []string            // the only texts that it may be
	text     func(string) error  // what else a text has to be
	doubt    func(string) string // what is odd in a text that IoT Edge accepts
	rule     string              // of a finding about its text, if not wrong-value
	min, max int64               // of a number
	stub     string              // the text that IoT Edge's template has here

	// secret: its value is shown to nobody.
	secret bool
	// byName: only if its name says so, or that of a key below it.
	byName bool
	// only is the version of IoT Edge that knows it, where others do not.
	only string

	// of: it means something in these variants of its table alone.
	of []string
	// unless: it means nothing beside that key, and is not required there.
	unless string
	// unlessTable: the same, where that key is a table.
	unlessTable string
	// with: IoT Edge drops it without a word when that key is missing.
	with string

	// keys are those of a table, each those of a table of any names, or the
	// elements of a list. open: a table takes other keys too.
	keys []key
	each *key
	open bool
	// names is what the names in a table of any names have to be.
	names func(string) error
	// texts: IoT Edge refuses the file if something other than a text stands in
	// the table, whatever its name is.
	texts bool
	// by are the keys that choose the variant of a table: the first of them
	// that is there, by its text if it has values, or else by its name.
	by []string
}

// member finds what a name in the table stands for, in the given variant. In a
// variant that is not known, every one of them may be meant.
func (k key) member(name, variant string) (found key, ok bool) {
	if k.each != nil {
		found = *k.each
		found.name = name
		return found, true
	}
	for _, m := range k.keys {
		if m.called(name) && m.in(variant) {
			return m, true
		}
	}
	return key{}, false
}

// named finds a member in whatever variant.
func (k key) named(name string) (key, bool) {
	return k.member(name, "")
}

func (k key) called(name string) bool { return name != "" && (k.name == name || k.alias == name) }

func (k key) in(variant string) bool {
	return variant == "" || len(k.of) == 0 || slices.Contains(k.of, variant)
}

// hides tells whether there can be a secret in the key, or below it.
func (k key) hides() bool {
	return k.secret || k.each != nil && k.each.hides() || slices.ContainsFunc(k.keys, key.hides)
}

// place is where in the file a key may stand.
type place struct {
	table []string // nil is the top of the file
	key   key
	chain []string // the variants of all tables on the way to it
}

// String names the place as it is written in the file.
func (p place) String() string {
	if len(p.table) == 0 {
		return "the top of the file"
	}
	return "[" + strings.Join(p.table, ".") + "]"
}

// forTPM tells whether a device that provisions with its TPM has a use for it.
func (p place) forTPM() bool {
	for i, set := range p.chain {
		if set == "" {
			continue
		}
		own := map[string]string{"provisioning": "dps", "attestation": "tpm"}
		if i > 0 && i-1 < len(p.table) && own[p.table[i-1]] != "" && !slices.Contains(strings.Fields(set), own[p.table[i-1]]) {
			return false
		}
	}
	return true
}

// everyPlace is every place of the schema, from the top down. Where a name has
// several variants in a table, the first stands for all.
var everyPlace = sync.OnceValue(func() []place {
	var all []place
	var walk func(k key, table, chain []string)
	walk = func(k key, table, chain []string) {
		for _, m := range k.keys {
			p := place{table: table, key: m, chain: append(slices.Clone(chain), strings.Join(m.of, " "))}
			if first, _ := k.named(m.name); slices.Equal(first.of, m.of) {
				all = append(all, p)
				walk(m, append(slices.Clone(table), m.name), p.chain)
			}
		}
	}
	walk(schema, nil, nil)
	return all
})

// places finds every place for which f holds.
func places(f func(key) bool) []place {
	var found []place
	for _, p := range everyPlace() {
		if f(p.key) {
			found = append(found, p)
		}
	}
	return found
}

// lookup follows a path through the schema, whatever the variants.
func lookup(path []string) (key, bool) {
	k, ok := schema, true
	for _, name := range path {
		if k, ok = k.named(name); !ok {
			return key{}, false
		}
	}
	return k, true
}
