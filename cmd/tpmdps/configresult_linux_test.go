package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
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

// terminal opens a terminal of its own; read returns what was written to it.
func terminal(t *testing.T) (tty *os.File, read func() string) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { master.Close() })
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	text := make(chan string)
	go func() {
		all, _ := io.ReadAll(master) // ends with an error when the last writer is gone
		text <- string(all)
	}()
	return tty, func() string {
		tty.Close()
		return <-text
	}
}

// On a terminal the difference is coloured, unless somebody does not want that.
// What the file has of control characters does not reach it.
func TestDryRunOnATerminal(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config.toml")
	const text = "[provisioning]\nsource = \"dps\"\nid_scope = \"0ne0012AB34\"\n\"a\u009b31mb\" = 1\r\n[provisioning.attestation]\nmethod = \"tpm\"\nregistration_id = \"box-7\"\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		variable, value string
		coloured        bool
	}{{"NO_COLOR", "", true}, {"NO_COLOR", "1", false}, {"TERM", "dumb", false}} {
		t.Run(test.variable+test.value, func(t *testing.T) {
			t.Setenv("TERM", "xterm")
			t.Setenv("NO_COLOR", "")
			t.Setenv(test.variable, test.value)
			tty, read := terminal(t)
			args := []string{"tpmdps", "config", "--file", file, "--id-scope", "0ne00000E11", "--dry-run"}
			code := run(context.Background(), args, streams{in: strings.NewReader(""), out: tty, err: io.Discard})
			got := read()
			if code != 0 || !strings.Contains(got, `-id_scope = "0ne0012AB34"`) || strings.ContainsRune(got, '\u009b') {
				t.Errorf("exit code %d, and the terminal gets %q", code, got)
			}
			for _, colour := range []string{"\x1b[32m+id_scope", "\x1b[31m-id_scope", "\x1b[36m@@", "\x1b[1m+++"} {
				if strings.Contains(got, colour) != test.coloured {
					t.Errorf("the terminal gets %q; coloured has to be %t", got, test.coloured)
				}
			}
		})
	}
}
