//go:build linux

package bench

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// runLimit ends a program that hangs. A batch within the real limit of a DPS takes ten minutes.
const runLimit = 20 * time.Minute

// launchArg makes this program a launcher, see launch.
const launchArg = "launch"

func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == launchArg {
		os.Exit(launch(os.Args[2:]))
	}
	os.Exit(measure(m))
}

func measure(m *testing.M) int {
	code := m.Run()
	if dir := filepath.Dir(built.path); built.path != "" {
		os.RemoveAll(dir)
	}
	if err := report.print(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// buildFlags are those of the Makefile; TestBuildFlags compares.
var buildFlags = []string{"-trimpath", "-buildvcs=false", "-tags", "urfave_cli_no_docs,urfave_cli_no_suggest,nethttpomithttp2"}

const linkFlags = "-s -w -buildid="

// built is the program under measurement.
var built struct {
	sync.Once
	path string
	err  error
}

// program builds tpmdps, once, as it is released.
func program(b testing.TB) string {
	b.Helper()
	built.Do(func() {
		dir, err := os.MkdirTemp("", "tpmdps-bench-")
		if err != nil {
			built.err = err
			return
		}
		built.path = filepath.Join(dir, "tpmdps")
		args := slices.Concat([]string{"build"}, buildFlags,
			[]string{"-ldflags", linkFlags + " -X main.version=bench", "-o", built.path, "tpmdps/cmd/tpmdps"})
		cmd := exec.Command("go", args...)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			built.err = fmt.Errorf("go build: %w\n%s", err, out)
		}
	})
	if built.err != nil {
		b.Fatal(built.err)
	}
	return built.path
}

// What is measured has to be what is released.
func TestBuildFlags(t *testing.T) {
	makefile, err := os.ReadFile(filepath.Join("..", "..", "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(makefile), "\nBUILD := ")
	rule, _, _ := strings.Cut(rest, " -X main.version")
	got := strings.Join(strings.Fields(strings.ReplaceAll(rule, "\\\n", "")), " ")
	want := "$(GO) build " + strings.Join(buildFlags, " ") + " -ldflags '" + linkFlags
	if got != want {
		t.Errorf("the Makefile builds with %q, the benchmarks with %q", got, want)
	}
}

// job is a program to be run, with nothing of this process's environment that
// could name another chip or service.
type job struct {
	env  []string
	dir  string
	args []string
}

// run runs the program to its end, in which it has to do its work, and returns
// what it printed and how long it took.
func (j job) run(b testing.TB) (stdout string, wall time.Duration) {
	b.Helper()
	return j.ends(b, 0)
}

// ends runs the program, which has to end with the exit code.
func (j job) ends(b testing.TB, code int) (stdout string, wall time.Duration) {
	b.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), runLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, j.args[0], j.args[1:]...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")}, j.env...)
	cmd.Dir = j.dir
	cmd.WaitDelay = runLimit // for what the program started itself
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	began := time.Now()
	err := cmd.Run()
	wall = time.Since(began)
	if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != code {
		b.Fatalf("%s: %v, want exit code %d\n%s", strings.Join(j.args, " "), err, code, &stderr)
	}
	return out.String(), wall
}

// peak runs the program and returns its peak memory in bytes.
//
// The kernel starts counting with the peak of the process that forked, which
// here holds an emulator. So it is forked by a process that has done nothing:
// this program again, as a launcher.
func (j job) peak(b testing.TB) int64 {
	b.Helper()
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	j.args = slices.Concat([]string{self, launchArg}, j.args)
	out, _ := j.run(b)
	var kib int64
	if _, err := fmt.Sscan(out, &kib); err != nil {
		b.Fatalf("launcher printed %q: %v", out, err)
	}
	return kib << 10
}

// launch runs a program and prints its peak memory in KiB.
func launch(args []string) int {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println(cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss)
	return 0
}

// median is the time that half of the runs stayed below.
func median(times []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(times))
	return sorted[len(sorted)/2]
}

// ms is a time for people, and for a metric, in milliseconds.
func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
