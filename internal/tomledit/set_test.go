package tomledit

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestSet(t *testing.T) {
	for _, test := range []struct {
		name, text, path, value, want string
	}{
		{"value", "a = 1 # one\n", "a", "2", "a = 2 # one\n"},
		{"same quotes", "a='x'", "a", `"y"`, "a='y'"},
		{"other quotes", "a='x'", "a", `"it's"`, `a="it's"`},
		{"multi-line string", "a = '''x\ny''' # c\n", "a", `"y"`, "a = \"y\" # c\n"},
		{"spaces around", "a   =\t1\t# c\n", "a", "2", "a   =\t2\t# c\n"},
		{"quoted key", "\"a\" . 'b' = 1\n", "a.b", "2", "\"a\" . 'b' = 2\n"},

		{"empty file", "", "a", "1", "a = 1\n"},
		{"comment only", "# c\n", "a", "1", "# c\na = 1\n"},
		{"top, no break at the end", "b = 1", "a", "1", "b = 1\na = 1"},
		{"top, below the last", "b = 1\n\n[t]\n", "a", "1", "b = 1\na = 1\n\n[t]\n"},
		{"top, above a table", "# head\n\n# of t\n[t]\n", "a", "1", "# head\n\na = 1\n\n# of t\n[t]\n"},
		{"top, head comment on a table", "# head\n[t]\n", "a", "1", "# head\na = 1\n\n[t]\n"},
		{"top, table first", "[t]\n", "a", "1", "a = 1\n\n[t]\n"},
		{"top, below its example", "# x\n# a = 7\n#\n# y\nb = 1\n[t]\n# a = 8\n", "a", "1", "# x\n# a = 7\na = 1\n#\n# y\nb = 1\n[t]\n# a = 8\n"},
		{"top, after a BOM", "\xef\xbb\xbf[t]\n", "a", "1", "\xef\xbb\xbfa = 1\n\n[t]\n"},

		{"line in a table", "[t]\nb = 1 # c\n\n[u]\n", "t.a", "1", "[t]\nb = 1 # c\na = 1\n\n[u]\n"},
		{"line in an empty table", "[t] # c\n[u]\n", "t.a", "1", "[t] # c\na = 1\n[u]\n"},
		{"line, indented", "[t]\n\tb = 1\n", "t.a", "1", "[t]\n\tb = 1\n\ta = 1\n"},
		{"line, CRLF", "[t]\r\nb = 1\r\n", "t.a", "1", "[t]\r\nb = 1\r\na = 1\r\n"},
		{"line, below a long value", "[t]\nb = [\n 1, # c\n]\n# d\n", "t.a", "1", "[t]\nb = [\n 1, # c\n]\na = 1\n# d\n"},
		{"member", "t = { b = 1 } # c\n", "t.a", "1", "t = { b = 1, a = 1 } # c\n"},
		{"member of an empty one", "t = {}\n", "t.a", "1", "t = { a = 1 }\n"},
		{"dotted member", "t = { b = 1 }\n", "t.u.a", "1", "t = { b = 1, u.a = 1 }\n"},
		{"member of a dotted member", "t = { u.b = 1 }\n", "t.u.a", "1", "t = { u.b = 1, u.a = 1 }\n"},
		{"inline in a table", "[t]\nu = { b = 1 }\n", "t.u.a", "1", "[t]\nu = { b = 1, a = 1 }\n"},
		{"dotted at the top", "t.b = 1\n[u]\n", "t.a", "1", "t.b = 1\nt.a = 1\n[u]\n"},
		{"dotted in a table", "[t]\nu.b = 1\nc = 1\n", "t.u.a", "1", "[t]\nu.b = 1\nu.a = 1\nc = 1\n"},
		{"dotted, one deeper", "t.b = 1\n", "t.u.a", "1", "t.b = 1\nt.u.a = 1\n"},

		{"table at the end", "[t]\nb = 1\n", "u.a", "1", "[t]\nb = 1\n\n[u]\na = 1\n"},
		{"table at the end without a break", "[t]\nb = 1", "u.a", "1", "[t]\nb = 1\n\n[u]\na = 1"},
		{"table below its example", "# [u]\n# a = 7\n\n[t]\nb = 1\n", "u.a", "1", "# [u]\n# a = 7\n\n[u]\na = 1\n\n[t]\nb = 1\n"},
		{"last example", "# [u]\n\n# [u]\n# x\n\n# z\n", "u.a", "1", "# [u]\n\n# [u]\n# x\n\n[u]\na = 1\n\n# z\n"},
		{"no example amid another table", "[t]\n# [u]\nb = 1\n", "u.a", "1", "[t]\n# [u]\nb = 1\n\n[u]\na = 1\n"},
		{"no example above a top-level key", "# [u]\n\nb = 1\n", "u.a", "1", "# [u]\n\nb = 1\n\n[u]\na = 1\n"},
		{"no example in a string", "s = '''\n# [u]\n'''\n# z\n", "u.a", "1", "s = '''\n# [u]\n'''\n# z\n\n[u]\na = 1\n"},
		{"parent before its child", "# of t\n[t.u]\nb = 1\n", "t.a", "1", "[t]\na = 1\n\n# of t\n[t.u]\nb = 1\n"},
		{"child behind its parent", "[t]\nb = 1\n# more\n\n[v]\n", "t.u.a", "1", "[t]\nb = 1\n# more\n\n[t.u]\na = 1\n\n[v]\n"},
		{"child behind its brother", "[t]\n[t.u]\nb = 1\n# of v\n[v]\n", "t.w.a", "1", "[t]\n[t.u]\nb = 1\n\n[t.w]\na = 1\n\n# of v\n[v]\n"},
		{"key to quote", "", "a b", "1", "\"a b\" = 1\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			d, err := parse(t, test.text).Set(test.value, strings.Split(test.path, ".")...)
			if err != nil {
				t.Fatal(err)
			}
			if got := string(d.Bytes()); got != test.want {
				t.Errorf("Set(%s = %s) on\n%s\n=\n%s\nwant\n%s", test.path, test.value, test.text, got, test.want)
			}
		})
	}
}

func TestSetRefuses(t *testing.T) {
	for text, path := range map[string]string{
		"[a]\n":          "a",
		"[a.b]\n":        "a",
		"a.b = 1\n":      "a",
		"a = 1\n":        "a.b",
		"[[a]]\nb = 1\n": "a.b",
		"[[a]]\n":        "a",
	} {
		if _, err := parse(t, text).Set("1", strings.Split(path, ".")...); !errors.Is(err, ErrStructure) {
			t.Errorf("Set(%s) on %q = %v, want ErrStructure", path, text, err)
		}
	}
	if _, err := parse(t, "a = 1\n").Set("no value", "a"); err == nil {
		t.Error("Set() takes what is no TOML value")
	}
}

func TestDisable(t *testing.T) {
	for _, test := range []struct{ text, path, want string }{
		{"a = 1 # c\nb = 2\n", "a", "# a = 1 # c\nb = 2\n"},
		{"\ta = '''x\n\n#y\nz''' # c\r\nb = 2", "a", "# \ta = '''x\n\n#y\n# z''' # c\r\nb = 2"},
		{"[t] # c\n# d\na = 1\n\nb = 2\n# e\n[u]\n", "t", "# [t] # c\n# d\n# a = 1\n\n# b = 2\n# e\n[u]\n"},
		{"[t]", "t", "# [t]"},
		{"t = { a = 1, b = 2, c = 3 }", "t.a", "t = { b = 2, c = 3 }"},
		{"t = { a = 1, b = 2, c = 3 }", "t.b", "t = { a = 1, c = 3 }"},
		{"t = { a = 1, b = 2, c = 3 }", "t.c", "t = { a = 1, b = 2 }"},
		{"t = { a = 1 }", "t.a", "t = {}"},
		{"a = 1\n", "b", "a = 1\n"},
	} {
		d, err := parse(t, test.text).Disable(strings.Split(test.path, ".")...)
		if err != nil {
			t.Errorf("Disable(%s) on %q: %v", test.path, test.text, err)
			continue
		}
		if got := string(d.Bytes()); got != test.want {
			t.Errorf("Disable(%s) on %q = %q, want %q", test.path, test.text, got, test.want)
		}
	}
}

// put does to the values what Set does to the text.
func put(values map[string]any, value any, path []string) {
	for _, p := range path[:len(path)-1] {
		next, ok := values[p].(map[string]any)
		if !ok {
			next = map[string]any{}
			values[p] = next
		}
		values = next
	}
	values[path[len(path)-1]] = value
}

// FuzzSet: whatever the file, the values are those from before and the one that
// was set, every comment is still there, and a second time changes nothing.
func FuzzSet(f *testing.F) {
	for _, seed := range []string{
		"", "# c", "a = 1\r\n[t]\r\nb = 2\r\n", "t = { u = { v = 1 } }", "t.u.v = 1", "[t]\nu.v = 1", "[t.u]\nv = 1", "# [t.u]\n# v = 1\n",
		"[t.u.x]\n[t]\n", "[[x]]\n[t]\n[[t.y]]\n[t.y.u]\n", "t.u = { }", "\xef\xbb\xbf# c\n[z]\n", "t = {\n u = { v = 1, }, # c\n}\n", "a = '''\n# [t.u]\n'''\n[b]",
	} {
		f.Add([]byte(seed), "t.u.v")
		f.Add([]byte(seed), "a")
	}
	f.Fuzz(func(t *testing.T, data []byte, key string) {
		path := strings.Split(key, ".")
		d, err := Parse(data)
		if err != nil {
			return
		}
		edited, err := d.Set(`"new"`, path...)
		if errors.Is(err, ErrStructure) {
			return
		}
		if err != nil {
			t.Fatalf("Set(%q) on %q: %v", key, data, err)
		}
		want := d.Values()
		put(want, "new", path)
		if got := edited.Values(); !reflect.DeepEqual(got, want) && !hasNaN(want) {
			t.Fatalf("Set(%q) on %q = %q: %v, want %v", key, data, edited.Bytes(), got, want)
		}
		if e, ok := d.Lookup(path...); !ok || e.Kind < Array {
			keepsComments(t, d, edited)
		}
		again, err := edited.Set(`"new"`, path...)
		if err != nil || string(again.Bytes()) != string(edited.Bytes()) {
			t.Fatalf("Set(%q) again on %q = %v, %v", key, edited.Bytes(), again, err)
		}
	})
}

func hasNaN(v any) bool { return !reflect.DeepEqual(v, v) }

// keepsComments compares the comments of two documents, as a multiset.
func keepsComments(t *testing.T, before, after *Document) {
	t.Helper()
	a, b := before.Comments(), after.Comments()
	if !slices.Equal(a, b) {
		t.Fatalf("comments of\n%s\nare %q, after the edit %q", before.Bytes(), a, b)
	}
}
