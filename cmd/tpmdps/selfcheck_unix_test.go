//go:build unix

package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSelfCheck runs the released program, and copies of it that are not it any more,
// beside lists of all kinds. Nothing is written: the folders cannot be written to.
func TestSelfCheck(t *testing.T) {
	program, err := releasedProgram()
	if err != nil {
		t.Fatal(err)
	}
	sum := fmt.Sprintf("%x", sha256.Sum256(program))
	changed := fmt.Sprintf("%x", sha256.Sum256(append(program[:len(program):len(program)], 0)))
	foreign := strings.Repeat("0f", 32)
	for name, test := range map[string]struct {
		program string // where it is
		more    []byte // what is after its end
		list    string // where the list is, "" for nowhere
		lines   string
		args    []string
		call    string // what is called, where that is a link to the program
		code    int
		says    string // on stderr
		listed  string
		silent  bool // there is no list to compare with, and no result
	}{
		"a folder of a release":       {program: "tpmdps_1.0_linux_amd64", list: "SHA256SUMS", lines: foreign + "  LICENSE\n" + sum + "  tpmdps_1.0_linux_amd64\n", listed: "tpmdps_1.0_linux_amd64"},
		"an unpacked archive":         {program: "tpmdps", list: "SHA256SUMS", lines: sum + "  tpmdps\n", listed: "tpmdps"},
		"renamed":                     {program: "tpmdps", list: "SHA256SUMS", lines: sum + "  tpmdps_1.0_linux_amd64\n" + foreign + "  tpmdps_1.0_linux_arm64\n", listed: "tpmdps_1.0_linux_amd64"},
		"a stick":                     {program: "Stick für Halle 3/bin/tpmdps-linux-amd64", list: "Stick für Halle 3/SHA256SUMS", lines: sum + "  bin/tpmdps-linux-amd64\n", listed: "bin/tpmdps-linux-amd64"},
		"a list as Windows writes it": {program: "tpmdps", list: "SHA256SUMS", lines: "\xff\xfe" + utf16LE(strings.ToUpper(sum)+" *tpmdps\r\n"), listed: "tpmdps"},
		"a list elsewhere":            {program: "a b/tpmdps", list: "ü/list", lines: sum + "  tpmdps\n", args: []string{"--sums", "ü/list"}, listed: "tpmdps"},
		"through a link":              {program: "opt/tpmdps", list: "opt/SHA256SUMS", lines: sum + "  tpmdps\n", call: "bin/tool", listed: "tpmdps"},

		"a byte at the end":   {program: "tpmdps", more: []byte{0}, list: "SHA256SUMS", lines: sum + "  tpmdps\n", code: 50, says: "this program is not the one in the list", listed: "tpmdps"},
		"a changed stick":     {program: "bin/tpmdps-linux-amd64", more: []byte{0}, list: "SHA256SUMS", lines: sum + "  bin/tpmdps-linux-amd64\n", code: 50, says: changed, listed: "bin/tpmdps-linux-amd64"},
		"changed and renamed": {program: "tpmdps", more: []byte{0}, list: "SHA256SUMS", lines: sum + "  tpmdps_1.0_linux_amd64\n", code: 2, says: "this program is not in the list"},
		"mixed up":            {program: "tpmdps_arm64", list: "SHA256SUMS", lines: foreign + "  tpmdps_arm64\n" + sum + "  tpmdps_amd64\n", code: 50, says: "this program is not the one", listed: "tpmdps_arm64"},
		"no list":             {program: "tpmdps", code: 2, says: "there is no SHA256SUMS", silent: true},
		"a missing list":      {program: "tpmdps", args: []string{"--sums", "list"}, code: 2, says: "no such file", silent: true},
		"a folder for a list": {program: "tpmdps", args: []string{"--sums", "."}, code: 2, says: "it is a directory", silent: true},
		"a damaged list":      {program: "tpmdps", list: "SHA256SUMS", lines: sum + "  tpmdps\n<html>\n", code: 50, says: "line 2", silent: true},
		"an empty list":       {program: "tpmdps", list: "SHA256SUMS", code: 50, says: "it names no file", silent: true},
		"another release's":   {program: "tpmdps", list: "SHA256SUMS", lines: foreign + "  tpmdps_2.0.tar.gz\n", code: 2, says: "get both from the same one"},
	} {
		t.Run(name, func(t *testing.T) {
			root, err := filepath.EvalSymlinks(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			root = filepath.Join(root, "deep") // no list of another test is above it
			at := func(path string) string { return filepath.Join(root, path) }
			whole := installReleased(t, at(test.program), test.more...)
			if test.list != "" {
				if err := os.MkdirAll(filepath.Dir(at(test.list)), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(at(test.list), []byte(test.lines), 0o444); err != nil {
					t.Fatal(err)
				}
			}
			call := at(test.program)
			if test.call != "" {
				if err := os.Mkdir(filepath.Dir(at(test.call)), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.Symlink(call, at(test.call)); err != nil {
					t.Fatal(err)
				}
				call = at(test.call)
			}
			lockFolder(t, filepath.Dir(at(test.program)))
			t.Chdir(root)
			code, stdout, stderr := runAt(t, call, append([]string{"self-check", "-o", "json"}, test.args...)...)
			if code != test.code || !strings.Contains(stderr, test.says) {
				t.Fatalf("exit code %d, want %d with %q; %s%s", code, test.code, test.says, stdout, stderr)
			}
			if (stdout == "") != test.silent {
				t.Fatalf("the result is %q", stdout)
			}
			if test.silent {
				return
			}
			var got selfCheckResult
			if err := json.Unmarshal([]byte(stdout), &got); err != nil {
				t.Fatal(err)
			}
			if got.Outcome != map[bool]string{true: "pass", false: "fail"}[code == 0] || got.Name != test.listed || got.File != at(test.program) ||
				got.SHA != fmt.Sprintf("%x", sha256.Sum256(whole)) {
				t.Errorf("%+v", got)
			}
		})
	}
}

// lockFolder takes the right to write in a folder away until the test ends.
func lockFolder(t *testing.T, dir string) {
	t.Helper()
	if err := os.Chmod(dir, 0o555); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Chmod(dir, 0o755) })
}
