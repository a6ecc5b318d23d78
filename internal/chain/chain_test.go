package chain

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSealAndUnseal(t *testing.T) {
	object := []byte(`{"number":1,"x":"a}"}`)
	sealed := Seal(object)
	if len(sealed) != len(object)+SumLength || string(object) != `{"number":1,"x":"a}"}` {
		t.Errorf("Seal() = %s; the object is %s", sealed, object)
	}
	if body, err := Unseal(sealed); err != nil || string(body)+"}" != string(object) {
		t.Errorf("Unseal() = %s, %v", body, err)
	}
	for at := range sealed {
		changed := bytes.Clone(sealed)
		changed[at] ^= 1
		if _, err := Unseal(changed); !errors.Is(err, ErrEdited) && !errors.Is(err, ErrNoSum) {
			t.Errorf("byte %d changed: %v", at, err)
		}
		if _, err := Unseal(sealed[:at]); err == nil {
			t.Errorf("cut after %d bytes: it is accepted", at)
		}
	}
}

func TestLines(t *testing.T) {
	const max = 32
	long := strings.Repeat("y", 5*max)
	for name, tt := range map[string]struct{ text, want string }{
		"whole":          {"a\nb\n", "a b EOF"},
		"empty":          {"", "EOF"},
		"blank":          {"\n\n", "  EOF"},
		"cut":            {"a\nb", "a cut:b EOF"},
		"long":           {"a\n" + long + "\nb\n", "a long b EOF"},
		"long at end":    {long, "long EOF"},
		"two long":       {long + "\n" + long + "\n", "long long EOF"},
		"just fits":      {strings.Repeat("z", max-1) + "\n", strings.Repeat("z", max-1) + " EOF"},
		"just too long":  {strings.Repeat("z", max) + "\nb\n", "long b EOF"},
		"long then cut":  {long + "\nb", "long cut:b EOF"},
		"carriage lines": {"a\r\n", "a\r EOF"},
	} {
		var got []string
		for in, err := NewLines(strings.NewReader(tt.text), max), error(nil); err == nil; {
			var line []byte
			switch line, err = in.Next(); {
			case errors.Is(err, ErrCut):
				got, err = append(got, "cut:"+string(line)), nil
			case errors.Is(err, ErrLong):
				got, err = append(got, "long"), nil
			case errors.Is(err, io.EOF):
				got = append(got, "EOF")
			default:
				got = append(got, string(line))
			}
		}
		if s := strings.Join(got, " "); s != tt.want {
			t.Errorf("%s: %q, want %q", name, s, tt.want)
		}
	}
}

func TestAppendAndInPlace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	line := []byte("one-and-more")[:3]
	if err := errors.Join(Append(f, 0, line), Append(f, 4, []byte("two")), SyncFolder(path), InPlace(f)); err != nil {
		t.Fatal(err)
	}
	if size, err := Size(f); err != nil || size != 8 || string(line[:4]) != "one-" {
		t.Errorf("Size() = %d, %v; the line's array has %q", size, err, line[:4])
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != "one\ntwo\n" {
		t.Errorf("the file has %q, %v", got, err)
	}
	if err := os.Rename(path, path+"2"); err != nil {
		t.Fatal(err)
	}
	if err := InPlace(f); err == nil || !strings.Contains(err.Error(), "moved") {
		t.Errorf("InPlace() of a moved file: %v", err)
	}
}

func TestNoted(t *testing.T) {
	head := Sum([]byte("x"))
	for name, tt := range map[string]struct {
		note string
		look string // hash of line 2
		at   int
		bad  bool // Look or Missing
	}{
		"nothing":        {"", head, 0, false},
		"hash":           {head, head, 2, false},
		"hash, capitals": {strings.ToUpper(head), head, 2, false},
		"line and hash":  {" 2:" + head + "\n", head, 2, false},
		"another line":   {"3:" + head, head, 0, true},
		"another hash":   {"2:" + Sum(nil), head, 0, true},
		"of no line":     {"0:" + Sum(nil), head, 0, false},
		"nonsense":       {"hello", head, 0, true},
	} {
		n := Note(tt.note)
		err := errors.Join(n.Look(1, Sum([]byte("w"))), n.Look(2, tt.look))
		if err == nil {
			err = n.Missing()
		}
		if n.At() != tt.at || (err != nil) != tt.bad {
			t.Errorf("%s: At() = %d, %v", name, n.At(), err)
		}
	}
}
