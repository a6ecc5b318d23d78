//go:build vm

package vmtest

import (
	"bytes"
	"debug/elf"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// needed are the files of modules and of all that they depend on, which comes before them.
func needed(t *testing.T, modules []string) (files []string) {
	t.Helper()
	for _, name := range modules {
		path := filepath.Join(filepath.Dir(kernel(t)), "modules", name+".ko")
		if _, err := os.Stat(path); err != nil {
			t.Fatalf("no module of the kernel: %v; remove the kernel's image, and `make test-vm` brings both", err)
		}
		for _, file := range append(needed(t, dependencies(t, path)), path) {
			if !slices.Contains(files, file) {
				files = append(files, file)
			}
		}
	}
	return files
}

// dependencies are the modules that one names in its section .modinfo: "depends=a,b".
func dependencies(t *testing.T, path string) []string {
	t.Helper()
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Section(".modinfo").Data()
	if err != nil {
		t.Fatal(err)
	}
	for _, member := range bytes.Split(info, []byte{0}) {
		if list, is := strings.CutPrefix(string(member), "depends="); is && list != "" {
			return strings.Split(list, ",")
		}
	}
	return nil
}
