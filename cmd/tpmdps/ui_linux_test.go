package main

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

// TestBanner: a verdict is coloured for somebody at a terminal, unless they do
// not want it, and plain for everything else.
func TestBanner(t *testing.T) {
	terminal, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close()
	t.Setenv("TERM", "xterm")
	t.Setenv("NO_COLOR", "")
	if got := passed(terminal); !strings.HasPrefix(got, "\x1b[") || !strings.Contains(got, " PASS ") || !strings.HasSuffix(got, "m ") {
		t.Errorf("on a terminal: %q", got)
	}
	if passed(terminal) == strings.ReplaceAll(failed(terminal), "FAIL", "PASS") {
		t.Error("PASS and FAIL look alike from afar")
	}
	t.Setenv("NO_COLOR", "1")
	if got := failed(terminal); got != "FAIL  " {
		t.Errorf("with NO_COLOR: %q", got)
	}
	t.Setenv("NO_COLOR", "")
	if got := passed(new(bytes.Buffer)); got != "PASS  " {
		t.Errorf("in a pipe: %q", got)
	}
}
