package tomledit

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func parse(t *testing.T, text string) *Document {
	t.Helper()
	d, err := Parse([]byte(text))
	if err != nil {
		t.Fatalf("Parse(%q): %v", text, err)
	}
	return d
}

func TestEntries(t *testing.T) {
	const text = "\xef\xbb\xbfa = 1 # one\n" +
		"b.c = 'x'\n" +
		"\t[ t . \"q r\" ] # head\n" +
		"\tk = { x = 1, y = { z = \"ü\" } }\n" +
		"[[l]]\nn = [ \"p\", 2, { q = true } ]\n[l.m]\no = 1979-05-27\n"
	want := []struct {
		path         string
		kind         Kind
		line, column int
		text, key    string
		value        string
		inline, in   bool
	}{
		{"a", Integer, 1, 1, "1", "a", "1", false, false},
		{"b c", String, 2, 1, "x", "b.c", "'x'", false, false},
		{"t q r", Table, 3, 2, "", `[ t . "q r" ]`, "", false, false},
		{"t q r k", InlineTable, 4, 2, "", "k", `{ x = 1, y = { z = "ü" } }`, false, false},
		{"t q r k x", Integer, 4, 8, "1", "x", "1", true, false},
		{"t q r k y", InlineTable, 4, 15, "", "y", `{ z = "ü" }`, true, false},
		{"t q r k y z", String, 4, 21, "ü", "z", `"ü"`, true, false},
		{"l", ArrayTable, 5, 1, "", "[[l]]", "", false, true},
		{"l n", Array, 6, 1, "", "n", `[ "p", 2, { q = true } ]`, false, true},
		{"l n q", Bool, 6, 17, "true", "q", "true", true, true},
		{"l m", Table, 7, 1, "", "[l.m]", "", false, true},
		{"l m o", DateTime, 8, 1, "1979-05-27", "o", "1979-05-27", false, true},
	}
	d := parse(t, text)
	entries := d.Entries()
	if len(entries) != len(want) {
		t.Fatalf("Entries() has %d entries, want %d: %+v", len(entries), len(want), entries)
	}
	for i, w := range want {
		e := entries[i]
		key, value := text[e.Key.Start:e.Key.End], text[e.Value.Start:e.Value.End]
		if strings.Join(e.Path, " ") != w.path || e.Kind != w.kind || e.Line != w.line || e.Column != w.column || e.Text != w.text ||
			key != w.key || value != w.value || e.Inline != w.inline || e.InArray != w.in {
			t.Errorf("entry %d = %+v (%q = %q), want %+v", i, e, key, value, w)
		}
	}
	if got := entries[8].Items; !slices.Equal(got, []string{"p"}) {
		t.Errorf("Items = %q, want p", got)
	}
	if got := entries[3].Header; !slices.Equal(got, []string{"t", "q r"}) {
		t.Errorf("Header = %q", got)
	}
	if _, ok := d.Lookup("l", "n"); ok {
		t.Error("Lookup() finds what is in an array of tables")
	}
}

func TestParseErrors(t *testing.T) {
	for _, test := range []struct {
		text         string
		line, column int
	}{
		{"a = 1\nb = Dynamic\n", 2, 5},
		{"a = 1\na = 2\n", 2, 1},
		{"[a]\n[b]\n[a]\n", 3, 2},
		{"a = \"x", 1, 6},
		{"\xef\xbb\xbfa = x", 1, 5},
		{"ä\xff", 1, 2},
		{"a = [1,\n", 1, 8},
		{"a.b = 1\na = 2\n", 2, 1},
		{strings.Repeat("[[a]]\n", maxEntries) + "x = 1", maxEntries + 1, 1},
		{"[a]\n" + strings.Repeat("b.", maxDepth) + "c = 1", 2, 1},
		{"a = " + strings.Repeat("{ a = ", maxDepth) + "1" + strings.Repeat(" }", maxDepth), 1, 5 + 6*maxDepth - 4},
		{"[" + strings.Repeat("b.", maxDepth) + "c]\n", 1, 1},
	} {
		var syntax *SyntaxError
		_, err := Parse([]byte(test.text))
		if !errors.As(err, &syntax) {
			t.Errorf("Parse(%q) = %v, want a SyntaxError", test.text, err)
			continue
		}
		if syntax.Line != test.line || syntax.Column != test.column {
			t.Errorf("Parse(%q) = %v, want line %d, column %d", test.text, err, test.line, test.column)
		}
	}
}

func TestTOML11(t *testing.T) {
	for text, want := range map[string]bool{
		"a = { b = 1 }":             false,
		"a = { b = 1, }":            true,
		"a = {\n b = 1 }":           true,
		"a = { b = 1\n }":           true,
		"a = { b = [\n1,\n] }":      false,
		"a = { b = \"\"\"\n\"\"\"}": false,
		"a = { b = 1, # x\n c = 2}": true,
		"a = {}":                    false,
	} {
		if got := parse(t, text).Entries()[0].TOML11; got != want {
			t.Errorf("%q: TOML11 = %t, want %t", text, got, want)
		}
	}
}
