package atomicfile

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

const childVar = "ATOMICFILE_TEST_CHILD"

// The child's one goroutine stays on the thread that is traced.
func init() {
	if os.Getenv(childVar) != "" {
		runtime.LockOSThread()
	}
}

func TestMain(m *testing.M) {
	if path, create := strings.CutPrefix(os.Getenv(childVar), "create:"); create {
		err := os.WriteFile(filepath.Join(filepath.Dir(path), "ready"), nil, 0o600)
		if err == nil {
			err = Create(path, []byte("two"), 0o600)
		}
		if err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	} else if path != "" {
		old, err := os.ReadFile(path)
		if err == nil {
			err = os.WriteFile(filepath.Join(filepath.Dir(path), "ready"), nil, 0o600)
		}
		if err == nil {
			_, err = Replace(path, old, []byte("two"), noon)
		}
		if err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// TestReplaceKilled kills a process that replaces a file before and after each
// of its system calls.
func TestReplaceKilled(t *testing.T) {
	kills := 0
	for n := 1; ; n++ {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "c"), "one", 0o640)
		done := killed(t, dir, n, "")
		state := files(t, dir)
		if fault := fault(state); fault != "" {
			t.Fatalf("killed at call %d: %q: %s", n, state, fault)
		}
		if info, err := os.Stat(filepath.Join(dir, "c")); err != nil || info.Mode() != 0o640 {
			t.Fatalf("killed at call %d: %v, %v; want mode 0640", n, info.Mode(), err)
		}
		for name, text := range state {
			if strings.HasPrefix(name, ".") && text == "two" && strings.HasSuffix(name, ".bak") {
				t.Errorf("killed at call %d: %s could be taken for a backup", n, name)
			}
		}
		if done {
			break
		}
		kills++
		if _, err := Replace(filepath.Join(dir, "c"), []byte(state["c"]), []byte("three"), noon); err != nil {
			t.Fatalf("killed at call %d; then %v", n, err)
		}
		if left := temps(t, dir); len(left) > 0 {
			t.Errorf("killed at call %d; after the next run there is %q", n, left)
		}
	}
	if kills < 30 {
		t.Errorf("the process was killed only %d times", kills)
	}
	t.Logf("killed at %d places", kills)
}

// The same for a file that was not there.
func TestCreateKilled(t *testing.T) {
	kills, found := 0, 0
	for n := 1; ; n++ {
		dir := t.TempDir()
		done := killed(t, dir, n, "create:")
		if text, ok := files(t, dir)["c"]; ok && text != "two" {
			t.Fatalf("killed at call %d: the file has %q", n, text)
		}
		found += len(temps(t, dir))
		if done {
			break
		}
		kills++
		if err := Create(filepath.Join(dir, "c"), []byte("two"), 0o600); err != nil && !errors.Is(err, fs.ErrExist) {
			t.Fatalf("killed at call %d; then %v", n, err)
		}
		if left := files(t, dir); left["c"] != "two" || len(temps(t, dir)) > 0 {
			t.Errorf("killed at call %d; after the next run there is %q", n, left)
		}
	}
	if kills < 15 || found < 5 {
		t.Errorf("the process was killed %d times, and left %d temporary files", kills, found)
	}
}

// temps are the names of temporary files.
func temps(t *testing.T, dir string) (names []string) {
	for name := range files(t, dir) {
		if strings.HasPrefix(name, ".") {
			names = append(names, name)
		}
	}
	return names
}

// killed runs the child and kills it at the n-th stop after it is ready. done: it
// came to its end.
func killed(t *testing.T, dir string, n int, what string) (done bool) {
	t.Helper()
	runtime.LockOSThread() // ptrace belongs to a thread
	defer runtime.UnlockOSThread()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVar+"="+what+filepath.Join(dir, "c"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatalf("this test traces a process of its own, which is not allowed here: %v", err)
	}
	pid := cmd.Process.Pid
	defer cmd.Process.Kill()
	ready, signal := false, 0
	for {
		var status syscall.WaitStatus
		if _, err := syscall.Wait4(pid, &status, 0, nil); err != nil {
			if errors.Is(err, syscall.EINTR) {
				continue
			}
			t.Fatal(err)
		}
		if status.Exited() || status.Signaled() {
			if status.Exited() && status.ExitStatus() != 0 {
				t.Fatalf("the child ended with %d", status.ExitStatus())
			}
			return status.Exited()
		}
		if signal = int(status.StopSignal()); signal == int(syscall.SIGTRAP) {
			signal = 0
		}
		if !ready {
			_, err := os.Stat(filepath.Join(dir, "ready"))
			ready = err == nil
		} else if n--; n == 0 {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := syscall.PtraceSyscall(pid, signal); err != nil {
			t.Fatal(err)
		}
	}
}

// Owner and attributes are those of the old file.
func TestReplaceKeepsAttributes(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "c")
	write(t, path, "one", 0o600)
	attributes := map[string]string{"user.note": "of the plant"}
	root := os.Getuid() == 0
	if root {
		if err := os.Chown(path, 12, 34); err != nil {
			t.Fatal(err)
		}
		attributes["security.selinux"] = "system_u:object_r:etc_t:s0\x00"
		attributes["trusted.note"] = "x"
	}
	for name, value := range attributes {
		if err := unix.Setxattr(path, name, []byte(value), 0); err != nil {
			if errors.Is(err, unix.ENOTSUP) || errors.Is(err, unix.EPERM) && name != "user.note" {
				t.Logf("%s: %v; the file system of %s does not take it", name, err, dir)
				delete(attributes, name)
				continue
			}
			t.Fatal(err)
		}
	}
	backup, err := Replace(path, []byte("one"), []byte("two"), noon)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{path, backup} {
		for name, want := range attributes {
			b := make([]byte, 100)
			if n, err := unix.Getxattr(file, name, b); err != nil || string(b[:n]) != want {
				t.Errorf("%s: %s = %q, %v; want %q", file, name, b[:max(n, 0)], err, want)
			}
		}
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if st := info.Sys().(*syscall.Stat_t); root && (st.Uid != 12 || st.Gid != 34) {
			t.Errorf("%s belongs to %d:%d, want 12:34", file, st.Uid, st.Gid)
		}
	}
	if root && len(attributes) < 2 {
		t.Errorf("only %v could be tried", attributes)
	}
}
