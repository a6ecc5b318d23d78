package softtpm_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"tpmdps/internal/softtpm"
)

// bystander is set in the environment of the test binary when it runs as the
// parent that is about to be killed.
const bystander = "SOFTTPM_TEST_BYSTANDER"

func TestParentKilledTakesSwtpmAlong(t *testing.T) {
	if os.Getenv(bystander) != "" {
		p, err := softtpm.Start(t.Context(), softtpm.Options{})
		if err != nil {
			t.Fatal(err)
		}
		fmt.Println(p.Address())
		select {} // until killed
	}
	parent := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	parent.Env = append(os.Environ(), bystander+"=1", "TMPDIR="+t.TempDir())
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	defer parent.Wait()
	defer parent.Process.Kill()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("unix", strings.TrimPrefix(strings.TrimSpace(line), "swtpm:path="))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	// The connection ends when swtpm does, and swtpm never closes it first.
	conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	if _, err := conn.Read(make([]byte, 1)); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("swtpm outlived its parent")
	} else if err == nil {
		t.Errorf("Read() = nil, want %v", io.EOF)
	}
}
