//go:build unix

package aziot

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"tpmdps/internal/host"
	"tpmdps/internal/program"
)

// programs puts shell scripts into the PATH, and nothing else but the shell's
// own tools. What they are called with is in $CALLS.
func programs(t *testing.T, scripts map[string]string) (calls func() []string) {
	t.Helper()
	dir := t.TempDir()
	log := filepath.Join(dir, "calls")
	for name, script := range scripts {
		text := "#!/bin/sh\necho \"" + name + " $*\" >> '" + log + "'\ncd '" + dir + "'\n" + script + "\n"
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+"/usr/bin"+string(os.PathListSeparator)+"/bin")
	return func() []string {
		text, _ := os.ReadFile(log)
		return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	}
}

func TestTrigger(t *testing.T) {
	calls := programs(t, map[string]string{"udevadm": ""})
	if err := (Installation{}).Trigger(t.Context()); err != nil {
		t.Error(err)
	}
	if got := calls(); !slices.Equal(got, TriggerCommands()) {
		t.Errorf("called %q, want %q", got, TriggerCommands())
	}
	programs(t, map[string]string{"udevadm": "case $1 in settle) exit 1;; esac"})
	if err := (Installation{}).Trigger(t.Context()); err != nil {
		t.Errorf("a busy udev: %v", err)
	}
	programs(t, map[string]string{"udevadm": "echo 'Failed to send reload request: No such file or directory' >&2; exit 2"})
	if err := (Installation{}).Trigger(t.Context()); err == nil || !strings.Contains(err.Error(), "exit status 2: Failed to send reload request") {
		t.Errorf("no udev daemon: %v", err)
	}
	t.Setenv("PATH", t.TempDir())
	if err := (Installation{}).Trigger(t.Context()); !errors.Is(err, ErrNoProgram) {
		t.Errorf("no udevadm: %v", err)
	}
}

func TestTool(t *testing.T) {
	tests := []struct {
		programs []string
		file     string
		want     string
		err      error
	}{
		{[]string{"iotedge", "aziotctl"}, ConfigFile, "iotedge config apply", nil},
		{[]string{"aziotctl"}, ConfigFile, "aziotctl config apply", nil},
		{[]string{"iotedge"}, "/tmp/it's/config.toml", `iotedge config apply -c '/tmp/it'\''s/config.toml'`, nil},
		{nil, "/etc/aziot/other.toml", "iotedge config apply -c /etc/aziot/other.toml", ErrNoProgram},
	}
	for _, test := range tests {
		scripts := map[string]string{}
		for _, name := range test.programs {
			scripts[name] = ""
		}
		programs(t, scripts)
		tool, err := Installation{}.Tool(test.file)
		if tool.String() != test.want || !errors.Is(err, test.err) {
			t.Errorf("Tool() of %v = %s, %v, want %s, %v", test.programs, tool, err, test.want, test.err)
		}
	}
}

func TestApply(t *testing.T) {
	const success = "echo 'Azure IoT Edge has been configured successfully!'; echo; echo Restarting; printf 'Stopping x...'; echo 'Stopped!'"
	tests := []struct {
		name, program, script string
		want                  error
		message               string
		lines                 []string
	}{
		{"good", "iotedge", success, nil, "", []string{"Azure IoT Edge has been configured successfully!", "", "Restarting", "Stopping x...Stopped!"}},
		{"good, and silent", "iotedge", "", nil, "", nil},
		{"aziotctl", "aziotctl", "echo 'Azure IoT Identity Service has been configured successfully!'", nil, "", nil},
		{"aziotctl fails with 0", "aziotctl", "echo 'could not read config file' >&2; exit 0", ErrApply, "without reporting success: could not read config file", nil},
		{"not TOML", "iotedge", "printf 'Could not\\n\\tcaused by: could not parse config file: TOML parse error at line 3\\n  |\\n3 | password = \"swordfish\\n  |  ^\\ninvalid basic string\\n' >&2; exit 1",
			ErrConfig, "exit status 1: caused by: could not parse config file: TOML parse error at line 3; invalid basic string",
			[]string{"Could not", "\tcaused by: could not parse config file: TOML parse error at line 3", "  |", "3 | ...", "  |  ^", "invalid basic string"}},
		{"not root", "iotedge", "echo 'this command must be run as root' >&2; exit 1", host.ErrNotRoot, "must be run as root", nil},
		{"another reason", "iotedge", "for n in 1 2 3 4; do echo line $n; done; exit 7", ErrApply, "exit status 7: line 2; line 3; line 4", nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			calls := programs(t, map[string]string{test.program: test.script})
			m := Installation{}
			tool, err := m.Tool("/tmp/a b/config.toml")
			if err != nil {
				t.Fatal(err)
			}
			var lines []string
			err = m.Apply(t.Context(), tool, func(line string) { lines = append(lines, line) })
			if !errors.Is(err, test.want) || test.want != nil && !strings.Contains(err.Error(), test.message) {
				t.Errorf("Apply() = %v, want %v, %s", err, test.want, test.message)
			}
			if test.lines != nil && !slices.Equal(lines, test.lines) {
				t.Errorf("it said %q, want %q", lines, test.lines)
			}
			if got := calls(); got[0] != test.program+" config apply -c /tmp/a b/config.toml" || len(got) != 1 {
				t.Errorf("called %q", got)
			}
		})
	}
}

// A run that is called off reaches the tool, and waits until it has stopped. It
// is the tool's own output that calls it off, so that no time is guessed. The tool
// sleeps only so that it does not spin.
func TestApplyIsInterrupted(t *testing.T) {
	programs(t, map[string]string{"iotedge": "trap 'echo caught; exit 1' INT; echo ready; while :; do sleep 0.01; done"})
	setStopLimit(t, 2*time.Minute) // only ends a hang
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	m := Installation{}
	tool, _ := m.Tool(ConfigFile)
	var lines []string
	err := m.Apply(ctx, tool, func(line string) {
		lines = append(lines, line)
		cancel()
	})
	if !errors.Is(err, context.Canceled) || !slices.Equal(lines, []string{"ready", "caught"}) {
		t.Errorf("Apply() = %v, it said %q", err, lines)
	}
}

// What the tool started goes with it, even if both close their ears. The tool's own
// output calls it off, and the child shows by its end of a pipe that it is gone.
func TestApplyEndsWhatTheToolStarted(t *testing.T) {
	alive := filepath.Join(t.TempDir(), "alive")
	if err := syscall.Mkfifo(alive, 0o600); err != nil {
		t.Fatal(err)
	}
	const deaf = "trap '' INT TERM; "
	programs(t, map[string]string{"iotedge": deaf + "(exec 3> '" + alive + "'; echo child; exec sleep 600) & while :; do sleep 600; done"})
	setStopLimit(t, time.Millisecond)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	opened := make(chan *os.File, 1)
	go func() {
		f, _ := os.Open(alive)
		opened <- f
	}()
	tool, _ := Installation{}.Tool(ConfigFile)
	err := Installation{}.Apply(ctx, tool, func(string) { cancel() })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Apply() = %v", err)
	}
	f := <-opened
	defer f.Close()
	if n, err := f.Read(make([]byte, 1)); n != 0 || err != io.EOF { // a child that lives would hold it open
		t.Errorf("the child's pipe: %d, %v", n, err)
	}
}

// Nothing can be asked of whoever sits there.
func TestProgramsHaveNoInput(t *testing.T) {
	programs(t, map[string]string{"iotedge": "read answer && echo \"answer: $answer\"; echo end"})
	m := Installation{Machine: host.Machine{Env: []string{"PATH=" + os.Getenv("PATH")}}}
	out, err := m.program("iotedge").Output(t.Context())
	if err != nil || out != "end\n" {
		t.Errorf("output() = %q, %v", out, err)
	}
}

// A child that outlives the tool and holds its output does not hold us. The tool
// ends when its line has been read, and the child when the test is over, so that
// StopLimit decides nothing but how long the end of the output is waited for.
func TestApplyLeavesAChild(t *testing.T) {
	seen, over := pipe(t), pipe(t)
	programs(t, map[string]string{"iotedge": "exec 3< '" + over.Name() + "'; read x <&3 & echo done; read x < '" + seen.Name() + "'"})
	t.Cleanup(func() { over.WriteString("\n") })
	setStopLimit(t, time.Millisecond)
	m := Installation{}
	tool, err := m.Tool(ConfigFile)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	err = m.Apply(t.Context(), tool, func(line string) {
		lines = append(lines, line)
		seen.WriteString("\n")
	})
	if err != nil || !slices.Equal(lines, []string{"done"}) {
		t.Errorf("Apply() = %v, it said %q", err, lines)
	}
}

func setStopLimit(t *testing.T, d time.Duration) {
	old := program.StopLimit
	program.StopLimit = d
	t.Cleanup(func() { program.StopLimit = old })
}

// pipe is a named pipe with which a script and its test wait for each other. It
// is open at this end for both directions, so that no opening of it waits.
func pipe(t *testing.T) *os.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}
