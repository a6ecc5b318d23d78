// Package schema is what IoT Edge makes of a config.toml: every key, where it may
// stand, what its value has to be, and which of them hold secrets. It knows
// nothing of a file: what is wrong with one is for package lint to say.
//
// The rule for its users: an error about a value never contains the value, which
// may be a secret.
package schema

import (
	"slices"
	"strings"
	"sync"

	"tpmdps/internal/tomledit"
)

// Kind is the kind of a value, or the kinds that a key accepts, one or more.
type Kind int

const (
	// Text and the others are the kinds that there are.
	Text Kind = 1 << iota
	Number
	Bool
	List
	Table // a [table] or an inline one
)

// String names the kinds as a technician calls them.
func (k Kind) String() string {
	var words []string
	for i, word := range []string{"a string in quotes", "a whole number", "true or false", "a list in brackets", "a table"} {
		if k&(1<<i) != 0 {
			words = append(words, word)
		}
	}
	return strings.Join(words, " or ")
}

// KindOf is the kind of a value in a file.
func KindOf(k tomledit.Kind) Kind {
	switch k {
	case tomledit.String:
		return Text
	case tomledit.Integer:
		return Number
	case tomledit.Bool:
		return Bool
	case tomledit.Array, tomledit.ArrayTable:
		return List
	case tomledit.Table, tomledit.InlineTable:
		return Table
	}
	return 0 // a date, a time, a fraction: IoT Edge wants none anywhere
}

// Key is one key of config.toml, with what IoT Edge makes of it. The zero value
// of a field says nothing.
type Key struct {
	Name  string
	Alias string // another name that IoT Edge accepts
	Kind  Kind

	Required bool
	Values   []string            // the only texts that it may be
	Check    func(string) error  // what else a text has to be
	Doubt    func(string) string // what is odd in a text that IoT Edge accepts
	Rule     string              // of a finding about its text, if not wrong-value
	Min, Max int64               // of a number
	Stub     string              // the text that IoT Edge's template has here

	// Secret: its value is shown to nobody.
	Secret bool
	// ByName: only if its name says so, or that of a key below it.
	ByName bool
	// Only is the version of IoT Edge that knows it, where others do not.
	Only string

	// Of: it means something in these variants of its table alone.
	Of []string
	// Unless: it means nothing beside that key, and is not required there.
	Unless string
	// UnlessTable: the same, where that key is a table.
	UnlessTable string
	// With: IoT Edge drops it without a word when that key is missing.
	With string

	// Keys are those of a table, each those of a table of any names, or the
	// elements of a list. open: a table accepts other keys too.
	Keys []Key
	Each *Key
	Open bool
	// Names is what the names in a table of any names have to be.
	Names func(string) error
	// texts: IoT Edge refuses the file if something other than a text stands in
	// the table, whatever its name is.
	OnlyTexts bool
	// By are the keys that choose the variant of a table: the first of them
	// that is there, by its text if it has values, or else by its name.
	By []string
}

// Member finds what a name in the table stands for, in the given variant. In a
// variant that is not known, every one of them may be meant.
func (k Key) Member(name, variant string) (found Key, ok bool) {
	if k.Each != nil {
		found = *k.Each
		found.Name = name
		return found, true
	}
	for _, m := range k.Keys {
		if m.Called(name) && m.In(variant) {
			return m, true
		}
	}
	return Key{}, false
}

// Named finds a member in whatever variant.
func (k Key) Named(name string) (Key, bool) {
	return k.Member(name, "")
}

// Called reports whether a name is the key's own, or its alias.
func (k Key) Called(name string) bool { return name != "" && (k.Name == name || k.Alias == name) }

// In reports whether the key means something in a variant of its table; "" is any.
func (k Key) In(variant string) bool {
	return variant == "" || len(k.Of) == 0 || slices.Contains(k.Of, variant)
}

// hides reports whether there can be a secret in the key, or below it.
func (k Key) hides() bool {
	return k.Secret || k.Each != nil && k.Each.hides() || slices.ContainsFunc(k.Keys, Key.hides)
}

// Place is where in the file a key may stand.
type Place struct {
	Table []string // nil is the top of the file
	Key   Key
	chain []string // the variants of all tables on the way to it
}

// String names the place as it is written in the file.
func (p Place) String() string {
	if len(p.Table) == 0 {
		return "the top of the file"
	}
	return "[" + strings.Join(p.Table, ".") + "]"
}

// ForTPM reports whether a device that provisions with its TPM has a use for it.
func (p Place) ForTPM() bool {
	for i, set := range p.chain {
		if set == "" {
			continue
		}
		own := map[string]string{"provisioning": "dps", "attestation": "tpm"}
		if i > 0 && i-1 < len(p.Table) && own[p.Table[i-1]] != "" && !slices.Contains(strings.Fields(set), own[p.Table[i-1]]) {
			return false
		}
	}
	return true
}

// everyPlace is every place of the schema, from the top down. Where a name has
// several variants in a table, the first stands for all.
var everyPlace = sync.OnceValue(func() []Place {
	var all []Place
	var walk func(k Key, table, chain []string)
	walk = func(k Key, table, chain []string) {
		for _, m := range k.Keys {
			p := Place{Table: table, Key: m, chain: append(slices.Clone(chain), strings.Join(m.Of, " "))}
			if first, _ := k.Named(m.Name); slices.Equal(first.Of, m.Of) {
				all = append(all, p)
				walk(m, append(slices.Clone(table), m.Name), p.chain)
			}
		}
	}
	walk(Root, nil, nil)
	return all
})

// Places finds every place for which f holds.
func Places(f func(Key) bool) []Place {
	var found []Place
	for _, p := range everyPlace() {
		if f(p.Key) {
			found = append(found, p)
		}
	}
	return found
}

// placesByName are those of each name and alias, in the order of everyPlace.
var placesByName = sync.OnceValue(func() map[string][]Place {
	all := map[string][]Place{}
	for _, p := range everyPlace() {
		all[p.Key.Name] = append(all[p.Key.Name], p)
		if p.Key.Alias != p.Key.Name {
			all[p.Key.Alias] = append(all[p.Key.Alias], p)
		}
	}
	delete(all, "")
	return all
})

// PlacesOf finds every place of the keys that are called by a name.
func PlacesOf(name string) []Place { return slices.Clone(placesByName()[name]) }

// Lookup follows a path through the schema, whatever the variants.
func Lookup(path []string) (Key, bool) {
	k := Root
	for _, name := range path {
		var ok bool
		if k, ok = k.Named(name); !ok {
			return Key{}, false
		}
	}
	return k, true
}
