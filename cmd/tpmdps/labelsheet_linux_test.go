package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"tpmdps/internal/labels"
	"tpmdps/internal/softtpm"
	"tpmdps/internal/softtpm/softtpmtest"
)

// openTerminal opens a terminal and what shows on it.
func openTerminal(t *testing.T) (terminal, screen *os.File) {
	t.Helper()
	screen, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { screen.Close() })
	if err := unix.IoctlSetPointerInt(int(screen.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(screen.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if terminal, err = os.OpenFile(fmt.Sprint("/dev/pts/", n), os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		t.Fatal(err)
	}
	return terminal, screen
}

// On a terminal read-ek --qr draws the code of the ID that is in its table.
func TestReadEKDrawsQR(t *testing.T) {
	dir := t.TempDir()
	if err := softtpmtest.Copy(dir, "persisted"); err != nil {
		t.Fatal(err)
	}
	chip, err := softtpm.Start(t.Context(), softtpm.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer chip.Stop()
	terminal, screen := openTerminal(t)
	shown := make(chan string)
	go func() {
		var b bytes.Buffer
		io.Copy(&b, screen) // ends with an error when the terminal is closed
		shown <- strings.ReplaceAll(b.String(), "\r\n", "\n")
	}()
	var said bytes.Buffer
	code := run(t.Context(), []string{"tpmdps", "read-ek", "--qr", "--registration-id", "line7-4711", "--tpm", chip.Address()}, streams{strings.NewReader(""), terminal, &said})
	terminal.Close()
	got := <-shown
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, &said)
	}
	var want strings.Builder
	if err := labels.Terminal(&want, "line7-4711"); err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(got, "\n"+want.String()) || !regexp.MustCompile(`^Registration ID  line7-4711\n`).MatchString(got) {
		t.Errorf("the terminal shows %q", got)
	}
}
