package sums_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"tpmdps/internal/sums"
)

const (
	sumA = "87428fc522803d31065e7bce3cf03fe475096631e5e07bbd7a0fde60c4cf25c7" // of "a\n"
	sumB = "0263829989b6fd954f72baaf2fc64bc2e2f01d692d4de72986ea808f6e99813f" // of "b\n"
)

func utf16le(s string) string {
	out := []byte{0xff, 0xfe}
	for _, u := range utf16.Encode([]rune(s)) {
		out = append(out, byte(u), byte(u>>8))
	}
	return string(out)
}

func TestParse(t *testing.T) {
	for name, test := range map[string]struct {
		list string
		want []string // names; the first has sumA, others sumB
	}{
		"text and binary mark":          {sumA + "  a\n" + sumB + " *b\n", []string{"a", "b"}},
		"CR LF":                         {sumA + "  a\r\n" + sumB + " *b.exe\r\n", []string{"a", "b.exe"}},
		"byte order mark":               {"\ufeff" + sumA + "  a\r\n", []string{"a"}},
		"UTF-16 of PowerShell 5.1":      {utf16le(sumA + "  a\r\n" + sumB + " *gr\u00f6\u00dfe\r\n"), []string{"a", "gr\u00f6\u00dfe"}},
		"upper-case hex":                {strings.ToUpper(sumA) + "  a\n", []string{"a"}},
		"no line end at the end":        {sumA + "  a", []string{"a"}},
		"empty lines":                   {"\n" + sumA + "  a\n\r\n\n", []string{"a"}},
		"blanks in and around the name": {sumA + "   a b  c \n", []string{" a b  c "}},
		"an asterisk of the name":       {sumA + "  *a\n", []string{"*a"}},
		"umlauts, below a folder":       {sumA + "  Prüf stand/größe (1) & 100%.txt\n", []string{"Prüf stand/größe (1) & 100%.txt"}},
		"escaped":                       {`\` + sumA + `  a\nb\\c\rd` + "\n", []string{"a\nb\\c\rd"}},
		"sha256sum ./*":                 {sumA + "  ./a\n" + sumB + " *./bin/b\n", []string{"a", "bin/b"}},
		"dots in names":                 {sumA + "  ..a\n" + sumB + "  b/...\n", []string{"..a", "b/..."}},
		"hex as a name":                 {sumA + "  " + sumB + "\n", []string{sumB}},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := sums.Parse(strings.NewReader(test.list))
			if err != nil {
				t.Fatal(err)
			}
			if got := s.Names(); !slices.Equal(got, slices.Sorted(slices.Values(test.want))) {
				t.Errorf("names %q, want %q", got, test.want)
			}
			for i, name := range test.want {
				want := sumB
				if i == 0 {
					want = sumA
				}
				if got, listed := s.Of(name); got != want || !listed {
					t.Errorf("%q: %s, %v", name, got, listed)
				}
			}
			var out bytes.Buffer
			if err := sums.Write(&out, s); err != nil {
				t.Fatal(err)
			}
			again, err := sums.Parse(&out)
			if err != nil || fmt.Sprint(again) != fmt.Sprint(s) {
				t.Errorf("written and read again: %v, %v", again, err)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	var many strings.Builder
	for i := range sums.MaxFiles + 1 {
		fmt.Fprintf(&many, "%s  %d\n", sumA, i)
	}
	for name, test := range map[string]struct{ list, want string }{
		"nothing":                 {"", "names no file"},
		"empty lines alone":       {"\n\n", "names no file"},
		"a web page":              {"<html>\n", "line 1: not a list of SHA-256 sums"},
		"bytes":                   {"\xff\xfe\xfd", "not a list"},
		"form of BSD":             {"SHA256 (a) = " + sumA + "\n", "sha256sum --tag"},
		"form of openssl":         {"SHA256(a)= " + sumA + "\n", "sha256sum --tag"},
		"another form of openssl": {"SHA2-256(a)= " + sumA + "\n", "sha256sum --tag"},
		"escaped form of BSD":     {`\SHA256 (a\nb) = ` + sumA + "\n", "sha256sum --tag"},
		"MD5":                     {"d41d8cd98f00b204e9800998ecf8427e  a\n", "MD5"},
		"SHA-1":                   {sumA[:40] + "  a\n", "SHA-1"},
		"SHA-512":                 {sumA + sumA + "  a\n", "SHA-512"},
		"a digit short":           {sumA[1:] + "  a\n", "64 hex digits"},
		"no hex":                  {"g" + sumA[1:] + "  a\n", "64 hex digits"},
		"no name":                 {sumA + "\n", "two blanks"},
		"an empty name":           {sumA + "  \n", "cannot be the name"},
		"one blank":               {sumA + " a\n", "two blanks"},
		"a tab":                   {sumA + "\ta\n", "64 hex digits"},
		"blank before the sum":    {" " + sumA + "  a\n", "64 hex digits"},
		"named twice":             {sumA + "  a\n" + sumB + "  a\n", "line 2: not a list of SHA-256 sums: a is named twice"},
		"twice with one sum":      {sumA + "  a\n" + sumA + " *./a\n", "a is named twice"},
		"the folder above":        {sumA + "  ../a\n", "leads out"},
		"through a folder":        {sumA + "  a/../../b\n", "leads out"},
		"within the folder":       {sumA + "  a/../b\n", "leads out"},
		"absolute":                {sumA + "  /etc/passwd\n", "leads out"},
		"absolute after a dot":    {sumA + "  .//etc/passwd\n", "leads out"},
		"a drive":                 {sumA + "  C:/a\n", "leads out"},
		"a drive, relative":       {sumA + "  c:a\n", "leads out"},
		"a share":                 {`\` + sumA + `  \\\\server\\a` + "\n", "leads out"},
		"above with backslashes":  {`\` + sumA + `  ..\\a` + "\n", "leads out"},
		"backslash not escaped":   {sumA + `  bin\a` + "\n", "does not begin with one"},
		"an unknown escape":       {`\` + sumA + `  a\tb` + "\n", "sha256sum does not write"},
		"half an escape":          {`\` + sumA + `  a\` + "\n", "within an escape"},
		"a folder":                {sumA + "  bin/\n", "not the plain name"},
		"this folder":             {sumA + "  .\n", "not the plain name"},
		"two slashes":             {sumA + "  a//b\n", "not the plain name"},
		"a dot within":            {sumA + "  a/./b\n", "not the plain name"},
		"a zero byte":             {sumA + "  a\x00b\n", "not a list of SHA-256 sums"},
		"a name without an end":   {sumA + "  " + strings.Repeat("a", 5000) + "\n", "cannot be the name"},
		"too many files":          {many.String(), "not a list of SHA-256 sums"},
		"too large":               {strings.Repeat("\n", sums.MaxSize+1), "larger than"},
		"a bad line at the end":   {sumA + "  a\n" + sumB + "\n", "line 2"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := sums.Parse(strings.NewReader(test.list))
			if !errors.Is(err, sums.ErrMalformed) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %q", err, test.want)
			}
			if len(s.Names()) > 0 {
				t.Errorf("returned %v with the error", s.Names())
			}
		})
	}
}

// TestParseEndsAtItsLimit reads a list that has no end.
func TestParseEndsAtItsLimit(t *testing.T) {
	read := 0
	endless := readerFunc(func(p []byte) (int, error) { read += len(p); clear(p); return len(p), nil })
	if _, err := sums.Parse(endless); !errors.Is(err, sums.ErrMalformed) {
		t.Errorf("%v", err)
	}
	if read > 2*sums.MaxSize {
		t.Errorf("%d bytes were read", read)
	}
}

func TestParseFailingReader(t *testing.T) {
	pulled := errors.New("the stick was pulled out")
	if _, err := sums.Parse(readerFunc(func([]byte) (int, error) { return 0, pulled })); !errors.Is(err, pulled) || errors.Is(err, sums.ErrMalformed) {
		t.Errorf("%v", err)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// TestCoreutils has sha256sum read what is written here, and its own lists read here.
func TestCoreutils(t *testing.T) {
	dir := t.TempDir()
	names := []string{"a", " b c ", "größe & 100%", "line\nend", `back\slash`, "carriage\rreturn", "*star", "-dash", "#hash", "folder/in it"}
	var s sums.Sums
	for _, name := range names {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("of "+name), 0o644); err != nil {
			t.Fatal(err)
		}
		sum, err := sums.File(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Add(name, sum); err != nil {
			t.Fatal(err)
		}
	}
	var list bytes.Buffer
	if err := sums.Write(&list, s); err != nil {
		t.Fatal(err)
	}
	check := exec.Command("sha256sum", "--strict", "-c")
	check.Dir, check.Stdin = dir, &list
	if out, err := check.CombinedOutput(); err != nil {
		t.Errorf("sha256sum -c: %v\n%s", err, out)
	}
	for _, mark := range []string{"--text", "--binary"} {
		theirs := exec.Command("sha256sum", append([]string{mark, "--"}, names...)...)
		theirs.Dir = dir
		out, err := theirs.Output()
		if err != nil {
			t.Fatal(err)
		}
		read, err := sums.Parse(bytes.NewReader(out))
		if err != nil || fmt.Sprint(read) != fmt.Sprint(s) {
			t.Errorf("%s: %v, %v", mark, read, err)
		}
	}
}

func TestVerify(t *testing.T) {
	s, err := sums.Parse(strings.NewReader(strings.ToUpper(sumA) + " *a\n" + sumB + "  b\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, content string
		want          error
	}{
		{"a", "a\n", nil},
		{"b", "b\n", nil},
		{"a", "b\n", sums.ErrDiffers},
		{"a", "", sums.ErrDiffers},
		{"A", "a\n", sums.ErrUnlisted},
		{"c", "c\n", sums.ErrUnlisted},
		{"", "", sums.ErrUnlisted},
	} {
		if err := s.Verify(test.name, strings.NewReader(test.content)); !errors.Is(err, test.want) {
			t.Errorf("%q with %q: %v, want %v", test.name, test.content, err, test.want)
		}
	}
	if err := (sums.Sums{}).Verify("a", strings.NewReader("a\n")); !errors.Is(err, sums.ErrUnlisted) {
		t.Errorf("an empty list: %v", err)
	}
}

func TestAddRefuses(t *testing.T) {
	for _, test := range [][2]string{{"../a", sumA}, {"a", sumA[:40]}, {"a", ""}, {"", sumA}, {"a/", sumA}, {`a\..\b`, sumA}} {
		var s sums.Sums
		if err := s.Add(test[0], test[1]); !errors.Is(err, sums.ErrMalformed) {
			t.Errorf("%q: %v", test, err)
		}
	}
}

func TestFile(t *testing.T) {
	dir := t.TempDir()
	large := filepath.Join(dir, "large file.bin")
	f, err := os.Create(large)
	if err != nil {
		t.Fatal(err)
	}
	// A sparse file: more than memory is to be used for, and no place on the disk.
	if err := errors.Join(f.Truncate(256<<20), f.Close()); err != nil {
		t.Fatal(err)
	}
	const zeros = "a6d72ac7690f53be6ae46ba88506bd97302a093f7108472bd9efc3cefda06484" // head -c 256M /dev/zero | sha256sum
	if got, err := sums.File(large); got != zeros || err != nil {
		t.Errorf("%s, %v", got, err)
	}
	if allocated := testing.AllocsPerRun(1, func() { _, _ = sums.File(large) }); allocated > 100 {
		t.Errorf("%.0f allocations", allocated)
	}
	if _, err := sums.File(filepath.Join(dir, "missing")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
	if _, err := sums.File(dir); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("a folder: %v", err)
	}
}

func TestWriteFails(t *testing.T) {
	var s sums.Sums
	if err := s.Add("a", sumA); err != nil {
		t.Fatal(err)
	}
	if err := sums.Write(failing{}, s); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("%v", err)
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

func FuzzParse(f *testing.F) {
	f.Add([]byte(sumA + "  a\n"))
	f.Add([]byte(`\` + sumA + " *a\\nb\r\n"))
	f.Add([]byte("SHA256 (a) = " + sumA))
	f.Fuzz(func(t *testing.T, list []byte) {
		s, err := sums.Parse(bytes.NewReader(list))
		if err != nil {
			return
		}
		var out bytes.Buffer
		if err := sums.Write(&out, s); err != nil {
			t.Fatal(err)
		}
		again, err := sums.Parse(&out)
		if err != nil || fmt.Sprint(again) != fmt.Sprint(s) {
			t.Errorf("%q: written and read again: %v, %v", list, again, err)
		}
		for _, name := range s.Names() {
			if path := filepath.Join("/stick", name); path != "/stick" && !strings.HasPrefix(path, "/stick/") {
				t.Errorf("%q leads to %s", name, path)
			}
		}
	})
}
