package integrity

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tpmdps/internal/sums"
)

var (
	own   = strings.Repeat("a1", 32)
	other = strings.Repeat("b2", 32)
)

// TestCompare: the name counts before the sum, and a sum under any name before nothing.
func TestCompare(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	dir = filepath.Join(dir, "Prüf stand ü")
	if err := os.MkdirAll(filepath.Join(dir, "bin", "x"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		file, list string
		lines      map[string]string
		is         error
		found      string
		sameAs     string
	}{
		"its name":                     {"tpmdps", "SHA256SUMS", map[string]string{"tpmdps": own, "README": other}, nil, "tpmdps", ""},
		"a folder below":               {"bin/tpmdps", "SHA256SUMS", map[string]string{"bin/tpmdps": own}, nil, "bin/tpmdps", ""},
		"two folders below":            {"bin/x/tpmdps", "SHA256SUMS", map[string]string{"bin/x/tpmdps": own}, nil, "bin/x/tpmdps", ""},
		"its name alone":               {"bin/tpmdps", "SHA256SUMS", map[string]string{"tpmdps": own}, nil, "tpmdps", ""},
		"a list elsewhere":             {"tpmdps", "bin/SHA256SUMS", map[string]string{"tpmdps": own}, nil, "tpmdps", ""},
		"another name":                 {"tpmdps", "SHA256SUMS", map[string]string{"tpmdps_1.0_linux_amd64": own, "tpmdps_1.0_linux_arm64": other}, nil, "tpmdps_1.0_linux_amd64", ""},
		"another case":                 {"TPMDPS.EXE", "SHA256SUMS", map[string]string{"tpmdps.exe": own}, nil, "tpmdps.exe", ""},
		"another sum":                  {"tpmdps", "SHA256SUMS", map[string]string{"tpmdps": other}, ErrChanged, "tpmdps", ""},
		"another sum in a folder":      {"bin/tpmdps", "SHA256SUMS", map[string]string{"bin/tpmdps": other, "tpmdps": own}, ErrChanged, "bin/tpmdps", "tpmdps"},
		"another sum, its own below":   {"tpmdps", "SHA256SUMS", map[string]string{"tpmdps": other, "old": own}, ErrChanged, "tpmdps", "old"},
		"not there":                    {"tpmdps", "SHA256SUMS", map[string]string{"README": other}, ErrUnlisted, "", ""},
		"another file's name":          {"tpmdps", "SHA256SUMS", map[string]string{"tpmdps2": other, "x/tpmdps": other}, ErrUnlisted, "", ""},
		"a name that is a part of it":  {"my tpmdps", "SHA256SUMS", map[string]string{"tpmdps": other}, ErrUnlisted, "", ""},
		"a sum with one digit changed": {"tpmdps", "SHA256SUMS", map[string]string{"tpmdps": "0" + own[1:]}, ErrChanged, "tpmdps", ""},
	} {
		var list sums.Sums
		for line, sum := range test.lines {
			if err := list.Add(line, sum); err != nil {
				t.Fatal(err)
			}
		}
		file, path := filepath.Join(dir, test.file), filepath.Join(dir, test.list)
		r, err := Compare(file, own, path, list)
		if !errors.Is(err, test.is) || r.Name != test.found || r.SameAs != test.sameAs || r.File != file || r.List != path || r.SHA != own {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
		if r.Listed != test.lines[test.found] {
			t.Errorf("%s: the listed sum is %q", name, r.Listed)
		}
		if errors.Is(err, ErrChanged) && (!strings.Contains(err.Error(), own) || !strings.Contains(err.Error(), r.Listed)) {
			t.Errorf("%s: both sums are to be in %q", name, err)
		}
	}
}

// TestFindList: the list beside the file counts before the one of the folder above.
func TestFindList(t *testing.T) {
	root := t.TempDir()
	bin := filepath.Join(root, "bin")
	if err := os.Mkdir(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(bin, "tpmdps")
	if path, err := FindList(program); !errors.Is(err, ErrNoList) {
		t.Errorf("%s, %v", path, err)
	}
	for _, dir := range []string{root, bin} {
		want := filepath.Join(dir, sums.FileName)
		if err := os.WriteFile(want, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		if path, err := FindList(program); err != nil || path != want {
			t.Errorf("%s, %v, want %s", path, err, want)
		}
	}
}

// TestExecutable: links are resolved, and the path is that of a file.
func TestExecutable(t *testing.T) {
	path, err := Executable("")
	if err != nil {
		t.Fatal(err)
	}
	want, _ := os.Executable()
	a, errA := os.Stat(path)
	b, errB := os.Stat(want)
	if errA != nil || errB != nil || !os.SameFile(a, b) || !filepath.IsAbs(path) {
		t.Errorf("%s, want %s", path, want)
	}
}
