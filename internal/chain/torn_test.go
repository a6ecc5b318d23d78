package chain

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Every beginning of a line is torn, with zeros after it, too; the line itself is whole; and
// nothing else is ours: it would be taken away.
func TestTorn(t *testing.T) {
	next := []byte(`{"number":2,"previous":"` + Sum(nil) + `",`)
	whole := Seal([]byte(string(next) + `"id":"box } \" \u00e4 ü {","list":[{"sha256":"` + Sum(nil) + `"}],"n":12}`))
	for cut := range len(whole) + 1 {
		for _, zeros := range []int{0, 1, 700} {
			line, ours := Torn(append(bytes.Clone(whole[:cut]), make([]byte, zeros)...), next)
			if !ours || (line != nil) != (cut == len(whole)) || line != nil && !bytes.Equal(line, whole) {
				t.Fatalf("cut after %d of %d, %d zeros: %q, %v", cut, len(whole), zeros, line, ours)
			}
		}
	}
	edited := bytes.Replace(whole, []byte("box"), []byte("fox"), 1)
	for name, tail := range map[string]string{
		"edited":                     string(edited),
		"joined":                     string(whole) + string(whole),
		"joined by a blank":          string(whole) + " " + string(whole),
		"joined by CR":               string(whole) + "\r" + string(whole),
		"joined by zeros":            string(whole) + "\x00\x00" + string(whole),
		"joined, and edited":         string(edited) + string(whole),
		"joined, and cut":            string(whole) + string(whole[:9]),
		"joined by less than a line": string(whole[:len(whole)-1]) + string(whole),
		"CR at the end":              string(whole) + "\r",
		"a blank at the end":         string(whole) + " ",
		"a blank before it":          " " + string(whole),
		"another number":             strings.Replace(string(whole), ":2,", ":3,", 1),
		"another number, cut":        strings.Replace(string(whole), ":2,", ":3,", 1)[:90],
		"another line before it":     strings.Replace(string(whole), Sum(nil)[:4], "0000", 1)[:90],
		"text":                       "hello",
		"text after the begin":       string(next) + "hello",
		"an object":                  "{}",
		"zeros before it":            "\x00" + string(whole),
		"UTF-16":                     "{\x00\"\x00n\x00",
	} {
		if line, ours := Torn([]byte(tail), next); ours {
			t.Errorf("%s is taken for what a kill left: %q", name, line)
		}
	}
}

func TestMend(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	for _, tt := range []struct{ is, line, want string }{
		{"one\ntw", "", "one\n"},
		{"one\n\x00\x00\x00\x00\x00", "", "one\n"},
		{"one\ntwo", "two", "one\ntwo\n"},
		{"one\ntwo\x00\x00", "two", "one\ntwo\n"},
	} {
		if err := os.WriteFile(path, []byte(tt.is), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		var line []byte
		if tt.line != "" {
			line = []byte(tt.line)
		}
		if err := errors.Join(Mend(f, 4, line), f.Close()); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != tt.want {
			t.Errorf("%q became %q, want %q", tt.is, got, tt.want)
		}
	}
}
