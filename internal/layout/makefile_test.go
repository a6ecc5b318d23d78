package layout_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// ofMake is what a variable of the Makefile is, whatever make runs the tests.
func ofMake(t *testing.T, variable string) string {
	t.Helper()
	ask := exec.Command("make", "-s", "-C", filepath.Join("..", ".."), "--no-print-directory", "--eval", "listed: ; @:$(info $("+variable+"))", "listed")
	ask.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "MAKE") || strings.HasPrefix(v, "MFLAGS=") })
	var faults strings.Builder
	ask.Stderr = &faults
	out, err := ask.Output()
	if err != nil {
		t.Fatalf("make: %v: %s", err, faults.String())
	}
	return strings.TrimSpace(string(out))
}

// Whatever builds the program, for the release or for a test, builds the same one.
func TestBuildTags(t *testing.T) {
	tags := regexp.MustCompile(`urfave_cli_[a-z_]+(?:, ?[a-z0-9_]+)*`)
	want := tags.FindString(ofMake(t, "BUILD"))
	if want == "" {
		t.Fatal("BUILD of the Makefile has no tags")
	}
	found := 0
	for _, file := range sources(t, `\.go$`, `^\.goreleaser\.yaml$`, `^\.ci/\w+$`) {
		data, err := os.ReadFile(filepath.Join("..", "..", file))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)(?:-tags"?,?|\btags:) .*`).FindAllString(string(data), -1) {
			got := tags.FindString(m)
			if got == "" {
				continue // of tests
			}
			found++
			if strings.ReplaceAll(got, " ", "") != want {
				t.Errorf("%s builds with %q, the Makefile with %q", file, got, want)
			}
		}
	}
	if found < 5 {
		t.Errorf("only %d places name tags", found)
	}
}

// A test that the Makefile names is there: the name of one that is gone would let the
// next of that name be run in another way.
func TestNamedTests(t *testing.T) {
	for variable, pattern := range map[string]string{"RACED": `^cmd/tpmdps/\w+_test\.go$`, "SINGLE": `^internal/.*_test\.go$`} {
		declared := map[string]bool{}
		for _, file := range sources(t, pattern) {
			data, err := os.ReadFile(filepath.Join("..", "..", file))
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllStringSubmatch(string(data), -1) {
				declared[m[1]] = true
			}
		}
		names := strings.Split(ofMake(t, variable), "|")
		for i, name := range names {
			if name = strings.TrimSpace(name); !declared[name] {
				t.Errorf("%s of the Makefile names %q, which is no test of %s", variable, name, pattern)
			}
			if slices.Contains(names[:i], name) {
				t.Errorf("%s of the Makefile names %q twice", variable, name)
			}
		}
		if len(names) < 5 {
			t.Errorf("%s of the Makefile is %q", variable, names)
		}
	}
}

// sources lists the files of the repository whose names fit one of the patterns.
func sources(t *testing.T, patterns ...string) (files []string) {
	t.Helper()
	err := fs.WalkDir(os.DirFS(filepath.Join("..", "..")), ".", func(name string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() && slices.Contains([]string{".git", "bin", "dist", "testdata", "node_modules"}, entry.Name()) {
			return fs.SkipDir
		}
		if slices.ContainsFunc(patterns, func(pattern string) bool { return regexp.MustCompile(pattern).MatchString(name) }) {
			files = append(files, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
