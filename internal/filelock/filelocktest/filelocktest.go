//go:build linux

// Package filelocktest shows that a lock ends when its owner says so, and not when
// everybody has closed the file. In the flow it stands beside the tests of whatever
// locks files.
package filelocktest

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// Inherit keeps each file below a folder that this process has open, until the end of the
// test, as a program does that the process has forked and that has not begun. It says how
// many they are.
func Inherit(t *testing.T, folder string) int {
	t.Helper()
	folder, err := filepath.EvalSymlinks(folder)
	if err != nil {
		t.Fatal(err)
	}
	const open = "/proc/self/fd"
	entries, err := os.ReadDir(open)
	if err != nil {
		t.Fatal(err)
	}
	var mine []int // all of them before the first is opened again, which gets a number of these
	for _, e := range entries {
		path, err := os.Readlink(filepath.Join(open, e.Name()))
		if err != nil || !strings.HasPrefix(path, folder+"/") {
			continue
		}
		fd, err := strconv.Atoi(e.Name())
		if err != nil {
			t.Fatal(err)
		}
		mine = append(mine, fd)
	}
	for _, fd := range mine {
		again, err := syscall.Dup(fd)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { syscall.Close(again) })
	}
	return len(mine)
}
