//go:build wine

package winetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"tpmdps/internal/emulator"
	"tpmdps/internal/softtpm"
	"tpmdps/internal/softtpm/softtpmtest"
	"tpmdps/internal/stick/sticktest"
	"tpmdps/internal/sums"
)

// hang ends a Wine that hangs.
const hang = 5 * time.Minute

// bottle is a Windows of its own.
type bottle struct {
	t   *testing.T
	dir string // where programs run
	env []string
}

// newBottle makes a Windows, with what Go needs of it.
func newBottle(t *testing.T) *bottle {
	t.Helper()
	prefix := filepath.Join(t.TempDir(), "prefix")
	b := &bottle{t: t, dir: t.TempDir(), env: []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "LC_ALL=C.UTF-8",
		"WINEPREFIX=" + prefix, "WINEARCH=win64", "WINEDEBUG=-all", "WINEDLLOVERRIDES=mscoree,mshtml=",
	}}
	b.command("wineboot", "-i")
	t.Cleanup(func() { b.command("wineserver", "-k", "-w") })
	dll := filepath.Join(prefix, "drive_c", "windows", "system32", "bcryptprimitives.dll")
	if _, err := os.Stat(dll); errors.Is(err, os.ErrNotExist) {
		if err := os.WriteFile(dll, forwarder("bcryptprimitives.dll", "ProcessPrng", "advapi32.SystemFunction036"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// command runs a program of Wine's own; wineserver -k ends with 1 where none is left.
func (b *bottle) command(name string, args ...string) {
	ctx, cancel := context.WithTimeout(context.Background(), hang)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = b.env
	if out, err := cmd.CombinedOutput(); err != nil && name != "wineserver" {
		b.t.Fatalf("%s: %v\n%s", name, err, out)
	}
}

// run runs a program of Windows, and wants its exit code and texts in what it prints.
func (b *bottle) run(code int, says []string, args ...string) string {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), hang)
	defer cancel()
	cmd := exec.CommandContext(ctx, "wine", args...)
	cmd.Dir, cmd.Env = b.dir, b.env
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		b.t.Fatalf("%q: %v", args, err)
	}
	b.t.Logf("%q: exit code %d\n%s", args, cmd.ProcessState.ExitCode(), &out)
	if got := cmd.ProcessState.ExitCode(); got != code {
		b.t.Errorf("%q: exit code %d, want %d", args, got, code)
	}
	for _, want := range says {
		if !regexp.MustCompile("(?m)" + want).Match(out.Bytes()) {
			b.t.Errorf("%q: nothing in it is like %s", args, want)
		}
	}
	return out.String()
}

// start runs the stick's start.cmd with words after it.
func (b *bottle) start(code int, says []string, words ...string) string {
	b.t.Helper()
	return b.run(code, says, append([]string{"cmd", "/c", `.\start.cmd`}, words...)...)
}

// windowsPath is a path of Linux, as Wine has it.
func windowsPath(path string) string { return `Z:` + strings.ReplaceAll(path, "/", `\`) }

// buildProgram builds the program for Windows, and a release of it.
func buildProgram(t *testing.T) (program, release string) {
	t.Helper()
	release = t.TempDir()
	program = filepath.Join(t.TempDir(), "tpmdps.exe")
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-tags", "urfave_cli_no_docs,urfave_cli_no_suggest,nethttpomithttp2", "-o", program, "tpmdps/cmd/tpmdps")
	build.Env = append(os.Environ(), "GOOS=windows", "GOARCH=amd64", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	data, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	archive := filepath.Join(release, "tpmdps_1.2.3_windows_amd64.zip")
	if err := os.WriteFile(archive, sticktest.Zip(sticktest.Entries("tpmdps.exe", data)...), 0o644); err != nil {
		t.Fatal(err)
	}
	sum, err := sums.File(archive)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(release, sums.FileName), []byte(strings.ToUpper(sum)+" *"+filepath.Base(archive)+"\r\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return program, release
}

// TestTechnician goes the way of a box with Windows: a stick is made, the box is read and
// appended, enrolled from the batch, and verified against the emulator.
func TestTechnician(t *testing.T) {
	program, release := buildProgram(t)
	b := newBottle(t)

	// Wine's cmd.exe expands a % that stands in an expanded path once more, which
	// Windows does not: it has to do without here.
	stick := filepath.Join(t.TempDir(), "Prüf stick (1) & ^x!y;z=,")
	if err := os.Mkdir(stick, 0o755); err != nil {
		t.Fatal(err)
	}
	b.run(0, []string{`^created +bin/tpmdps-windows-amd64\.exe`, `tpmdps stick check ".*Prüf stick`}, program, "stick", "init", "--from", windowsPath(release), windowsPath(stick))
	b.run(0, []string{`^unchanged +bin/tpmdps-windows-amd64\.exe`, `^kept +batch\.jsonl`}, program, "stick", "init", "--from", windowsPath(release), windowsPath(stick))

	chip := softtpmtest.StartWith(t, "persisted", softtpm.Options{TCP: true})
	b.dir = stick
	b.env = append(b.env, "TPMDPS_TPM="+chip.Address())

	const id = "u3eu2rjyh73csohm3lbh2gceoaichoum7lchakoxfhh5nk6sjxyq"
	b.start(0, []string{`^PASS  Z:.*Prüf stick`, `^ok +write +boxes can be added`}, "stick", "check", "--boxes", "1")
	b.start(0, []string{`^Registration ID  ` + id}, "read-ek")
	b.start(0, []string{`^PASS  ` + id, `^ok +batch .*batch\.jsonl, line 1`, `batch verify ".*batch\.jsonl"`}) // as with the mouse
	b.start(0, []string{`^PASS  ` + id, `already in this batch`}, "--operator", "Anna")
	b.start(0, []string{`already in this batch, line 1`}, "read-ek", "--append", "batch.jsonl")
	b.start(15, []string{`^FAIL  label`}, "--expect-label", "another")
	b.start(0, []string{`^boxes +1`}, "batch", "verify", "batch.jsonl")
	b.start(2, []string{`there is no command "nonsense"`}, "nonsense")
	b.start(0, []string{`^PASS  this chip can provision itself`}, "verify", "--offline")

	service(t, b)
	b.start(0, []string{id + ` +create`}, "enroll", "--from", "batch.jsonl")
	b.start(0, []string{`^ok +hub\.twin`, `^PASS  assigned to`}, "verify")

	// What is wrong is said, and in which file.
	write(t, filepath.Join(stick, "notes.txt"), "HostName=a.azure-devices-provisioning.net;SharedAccessKeyName=b;SharedAccessKey="+strings.Repeat("Y2FuYXJ5", 5)+"\r\n")
	if out := b.start(2, []string{`notes\.txt, line 1: secret: it looks like a connection string`, `^FAIL  `}, "stick", "check"); strings.Contains(out, "Y2FuYXJ5") {
		t.Error("the secret is shown")
	}
	write(t, filepath.Join(stick, "README.txt"), "edited")
	b.start(50, []string{`README\.txt: changed`, `^FAIL  `}, "stick", "check")
	if err := os.Remove(filepath.Join(stick, "bin", "tpmdps-windows-amd64.exe")); err != nil {
		t.Fatal(err)
	}
	b.start(1, []string{`^start\.cmd: ".*tpmdps-windows-amd64\.exe" is missing`}, "read-ek")
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// service starts the emulator, and sets the variables with which it is found.
func service(t *testing.T, b *bottle) {
	t.Helper()
	server, err := emulator.New(emulator.Options{RetryAfter: time.Millisecond, MQTT: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	ca := filepath.Join(t.TempDir(), "ca.pem")
	write(t, ca, string(server.CAPEM()))
	b.env = append(b.env, "SSL_CERT_FILE="+windowsPath(ca))
	for name, value := range map[string]string{
		"PROVISIONING_CONNECTION_STRING": server.ConnectionString(), "IOTHUB_DEVICE_DPS_ENDPOINT": server.Endpoint(), "IOTHUB_DEVICE_DPS_ID_SCOPE": server.IDScope(),
	} {
		b.env = append(b.env, fmt.Sprintf("%s=%s", name, value))
	}
}
