package softtpm_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
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
	conn.SetReadDeadline(time.Now().Add(hangLimit))
	if _, err := conn.Read(make([]byte, 1)); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("swtpm outlived its parent")
	} else if err == nil {
		t.Errorf("Read() = nil, want %v", io.EOF)
	}
}

func TestStopOfAHungProcess(t *testing.T) {
	p := start(t, softtpm.Options{StopLimit: time.Millisecond}) // no time is enough for one that is stopped
	signalSwtpm(t, p, syscall.SIGSTOP)
	if err := p.Stop(); err == nil || !strings.Contains(err.Error(), "killed instead") {
		t.Errorf("Stop() = %v, want it to say that the process was killed", err)
	}
	if _, err := net.Dial("unix", strings.TrimPrefix(p.Address(), "swtpm:path=")); err == nil {
		t.Error("the socket of a stopped chip accepts connections")
	}
}

func TestStopReportsAProcessThatEnded(t *testing.T) {
	p := start(t, softtpm.Options{})
	conn, err := net.Dial("unix", strings.TrimPrefix(p.Address(), "swtpm:path="))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	signalSwtpm(t, p, syscall.SIGKILL)
	conn.Read(make([]byte, 1)) // returns when swtpm is gone
	if err := p.Stop(); err == nil {
		t.Error("Stop() of a process that was killed = nil, want an error")
	}
}

// signalSwtpm finds the child by its working directory, the chip's state.
func signalSwtpm(t *testing.T, p *softtpm.Process, s syscall.Signal) {
	t.Helper()
	links, err := filepath.Glob("/proc/[0-9]*/cwd")
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		if dir, err := os.Readlink(link); err != nil || dir != p.Dir() {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(link)))
		if err != nil {
			t.Fatal(err)
		}
		if err := syscall.Kill(pid, s); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Fatalf("no process works in %s", p.Dir())
}
