package secretfile

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf16"
)

// utf16LE is a text as Windows writes it, without its mark.
func utf16LE(s string) string {
	var out []byte
	for _, u := range utf16.Encode([]rune(s)) {
		out = binary.LittleEndian.AppendUint16(out, u)
	}
	return string(out)
}

// Of a secret only the encoding and the line end are undone.
func TestRead(t *testing.T) {
	for data, want := range map[string]string{
		"pass word\n":                         "pass word",
		" pass \r\n":                          " pass ",
		"p\u00e4ss\u200b":                     "p\u00e4ss\u200b",
		"p\xe4ss\n":                           "p\xe4ss", // a code page, or any bytes
		"\xff\x01\xfe":                        "\xff\x01\xfe",
		"\xef\xbb\xbfp\u00e4ss\r\n":           "p\u00e4ss",
		"\xff\xfe" + utf16LE("p\u00e4ss\r\n"): "p\u00e4ss",
		"\xff\xfe" + utf16LE("\u4e2d\u56fd"):  "\u4e2d\u56fd",
		utf16LE("p\u00e4ss\r\n"):              "p\u00e4ss",
		"\xfe\xff\x00p\x00w\x00\r\x00\n":      "pw",
		"\x00p\x00w":                          "pw",
	} {
		if got, err := Read(strings.NewReader(data)); err != nil || string(got) != want {
			t.Errorf("Read(%q) = %q, %v, want %q", data, got, err, want)
		}
	}
	for data, want := range map[string]string{
		"ab\x00cd":                 "a zero byte cannot be part of a secret",
		"\x00\x00":                 "a zero byte",
		"a" + utf16LE("b\n"):       "a zero byte", // it changes half-way: not to be guessed
		utf16LE("\u4e2d") + "\x00": "a zero byte",
		"\xff\xfe":                 "it is empty",
		"\xef\xbb\xbf\r\n":         "it is empty",
	} {
		if got, err := Read(strings.NewReader(data)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Read(%q) = %q, %v, want %q", data, got, err, want)
		}
	}
}

// What is too long, and what breaks off, is not half a secret.
func TestReadIsWhole(t *testing.T) {
	for _, n := range []int{1, MaxSize - 1, MaxSize} {
		if got, err := Read(strings.NewReader(strings.Repeat("x", n))); err != nil || len(got) != n {
			t.Errorf("%d bytes: %d, %v", n, len(got), err)
		}
	}
	if got, err := Read(strings.NewReader(strings.Repeat("x", MaxSize+1))); !errors.Is(err, ErrTooLarge) || got != nil || err.Error() != "it is larger than 16384 bytes" {
		t.Errorf("one byte too many: %d bytes, %v", len(got), err)
	}
	broken := errors.New("broken")
	if got, err := Read(iotest.ErrReader(broken)); !errors.Is(err, broken) || got != nil {
		t.Errorf("a broken reader: %q, %v", got, err)
	}
}

// Others who can read a file are warned of, whether it was opened by name or
// inherited; of a pipe there is nothing to say.
func TestPolicyWarnsOfModes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cs")
	if err := os.WriteFile(path, []byte("canary\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []os.FileMode{0o600, 0o400, 0o640, 0o604, 0o644, 0o622} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{path, ""} {
			f, err := os.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			var warned []string
			got, err := Policy{Warn: func(message string) { warned = append(warned, message) }}.Read(Source{f, f, name})
			if err != nil || string(got) != "canary" {
				t.Errorf("mode %o: %q, %v", mode, got, err)
			}
			known := name != "" || runtime.GOOS == "linux"
			if want := mode&0o077 != 0 && known && runtime.GOOS != "windows"; (len(warned) > 0) != want || want && !strings.HasSuffix(warned[0], "chmod 600 "+path) {
				t.Errorf("mode %o, opened as %q: warned %q", mode, name, warned)
			}
			f.Close()
		}
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := w.WriteString("canary"); err != nil {
		t.Fatal(err)
	}
	w.Close()
	got, err := Policy{Warn: func(message string) { t.Errorf("of a pipe: %s", message) }}.Read(Source{r, r, ""})
	if err != nil || string(got) != "canary" {
		t.Errorf("a pipe: %q, %v", got, err)
	}
}
