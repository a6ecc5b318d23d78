package main

import (
	"os"
	"strings"
	"testing"
)

// What a file has of control characters does not reach a terminal, with colours
// or without; a pipe gets the diff as it is.
func TestDiffForPeople(t *testing.T) {
	terminal, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close()
	const diff = "--- a\n+++ b\n-old \x1b]0;title\a\n+new\tvalue\n"
	const harmless = "--- a\n+++ b\n-old ]0;title\n+new\tvalue\n"

	t.Setenv("TERM", "xterm")
	t.Setenv("NO_COLOR", "1")
	if got := forPeople(terminal, diff); got != harmless {
		t.Errorf("forPeople() without colours = %q, want %q", got, harmless)
	}
	t.Setenv("NO_COLOR", "")
	got := forPeople(terminal, diff)
	if !strings.Contains(got, "\x1b[32m+new\tvalue\x1b[0") || strings.Contains(got, "\x1b]") {
		t.Errorf("forPeople() with colours = %q", got)
	}
	if got := forPeople(&strings.Builder{}, diff); got != diff {
		t.Errorf("forPeople() to a pipe = %q, want it as it is", got)
	}
}
