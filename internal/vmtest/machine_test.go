//go:build vm

package vmtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"tpmdps/internal/softtpm/softtpmtest"
)

// bootLimit bounds a machine's whole life. It takes a tenth of it, or a third
// where others use the same processors. With a disk there is more to do.
const bootLimit = 4 * time.Minute

// machine is a computer to boot.
type machine struct {
	chip    string // qemu's name of the chip's interface; "" is a machine without one
	tpm12   bool   // the chip is a TPM 1.2
	cpus    int
	smbios  string   // type 1, "System Information"
	fixture string   // the chip's state, see softtpmtest
	modules []string // of the kernel, which has them beside it
	disks   []string // qemu's -blockdev of each: /dev/vda and so on
}

// Files in the machine's directory. Names without a path keep every option of
// qemu free of commas and within the length of a socket's address.
const (
	kernelLog    = "kernel.log"
	outcomes     = "outcomes.jsonl"
	initramfs    = "initramfs"
	controlName  = "swtpm.sock"
	swtpmLogName = "swtpm.log"
)

// boot runs the steps on the machine and returns their outcomes, in order.
func (m machine) boot(t *testing.T, steps []Step) []Outcome {
	t.Helper()
	dir := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), bootLimit*time.Duration(1+2*len(m.disks)))
	defer cancel()
	m.pack(t, dir, steps)
	args := m.args(t)
	if m.chip != "" {
		startSwtpm(ctx, t, dir, m.fixture, m.tpm12)
		args = append(args,
			"-chardev", "socket,id=chip,path="+controlName,
			"-tpmdev", "emulator,id=tpm,chardev=chip",
			"-device", m.chip+",tpmdev=tpm")
	}
	for i, disk := range m.disks {
		args = append(args, "-blockdev", fmt.Sprintf("%s,node-name=disk%d", disk, i), "-device", fmt.Sprintf("virtio-blk-pci,drive=disk%d", i))
	}
	qemu := child(ctx, t, dir, "qemu-system-x86_64", args...)
	start := time.Now()
	output, err := qemu.CombinedOutput()
	t.Logf("the machine ran for %s", time.Since(start).Round(100*time.Millisecond))
	got, readErr := readOutcomes(filepath.Join(dir, outcomes))
	if err := errors.Join(err, ctx.Err(), readErr); err != nil || len(got) != len(steps) {
		t.Fatalf("%d outcomes of %d steps, %v\n%s\nthe kernel's last words:\n%s\nswtpm's:\n%s", len(got), len(steps), err,
			output, tail(filepath.Join(dir, kernelLog)), tail(filepath.Join(dir, swtpmLogName)))
	}
	return got
}

func (m machine) args(t *testing.T) []string {
	return []string{
		"-accel", "tcg", "-machine", "q35", "-cpu", "max", "-smp", fmt.Sprint(m.cpus), "-m", "512",
		"-nodefaults", "-no-user-config", "-no-reboot", "-display", "none",
		"-kernel", kernel(t), "-initrd", initramfs,
		"-append", "console=ttyS0 panic=-1 no_timer_check", // the timer is checked against a clock that a busy machine does not keep
		"-serial", "file:" + kernelLog, "-serial", "file:" + outcomes,
		"-smbios", "type=1," + m.smbios,
	}
}

// kernel is the image to boot: Debian's, as .ci/kernel brings it, or another
// one that VM_KERNEL names.
func kernel(t *testing.T) string {
	t.Helper()
	path := os.Getenv("VM_KERNEL")
	if path == "" {
		path = filepath.Join("..", "..", "bin", "vm", "vmlinuz")
	}
	path, err := filepath.Abs(path)
	if err == nil {
		_, err = os.Stat(path)
	}
	if err != nil {
		t.Fatalf("no kernel to boot: %v; `make test-vm` brings one", err)
	}
	return path
}

// pack writes what the machine has in its memory when it starts.
func (m machine) pack(t *testing.T, dir string, steps []Step) {
	t.Helper()
	base, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	plan, err := json.Marshal(steps)
	if err != nil {
		t.Fatal(err)
	}
	var a archive
	a.add(strings.TrimPrefix(PlanFile, "/"), regular|0o644, plan)
	a.add(strings.TrimPrefix(ModuleFolder, "/"), directory|0o755, nil)
	for i, module := range needed(t, m.modules) {
		content, err := os.ReadFile(module)
		if err != nil {
			t.Fatal(err)
		}
		a.add(fmt.Sprintf("%s/%02d-%s", strings.TrimPrefix(ModuleFolder, "/"), i, filepath.Base(module)), regular|0o644, content)
	}
	a.end()
	if err := os.WriteFile(filepath.Join(dir, initramfs), append(bytes.Clone(base), a.Bytes()...), 0o600); err != nil {
		t.Fatal(err)
	}
}

// programs builds what runs in the machine, once: the program as it is
// released, and its only company.
var programs = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "tpmdps-vm-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-tags", "urfave_cli_no_docs,urfave_cli_no_suggest,nethttpomithttp2",
		"-o", dir, "tpmdps/cmd/tpmdps", "tpmdps/internal/vmtest/init")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build for the machine: %w\n%s", err, out)
	}
	var a archive
	for name, program := range map[string]string{
		"init": "init", "handles": "init", "flush": "init", "hold": "init", "share": "init",
		"plug": "init", "unplug": "init", "mark": "init",
		"tpmdps": "tpmdps",
	} {
		content, err := os.ReadFile(filepath.Join(dir, program))
		if err != nil {
			return nil, err
		}
		a.add(name, regular|0o755, content)
	}
	a.end()
	return a.Bytes(), nil
})

// startSwtpm runs a software TPM for qemu, which speaks with it over the
// control channel alone and hands it the channel for commands itself. The
// socket listens before swtpm runs, so that qemu never comes too early.
func startSwtpm(ctx context.Context, t *testing.T, dir, fixture string, tpm12 bool) {
	t.Helper()
	state := filepath.Join(dir, "chip")
	if err := errors.Join(os.Mkdir(state, 0o700), softtpmtest.Copy(state, fixture)); err != nil {
		t.Fatal(err)
	}
	socket, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, controlName), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	socket.SetUnlinkOnClose(false)
	inherited, err := socket.File()
	if err := errors.Join(err, socket.Close()); err != nil {
		t.Fatal(err)
	}
	defer inherited.Close()
	args := []string{"socket", "--tpmstate", "dir=chip", "--ctrl", "type=unixio,fd=3", "--log", "file=" + swtpmLogName, "--terminate"}
	if !tpm12 {
		args = append(args, "--tpm2")
	}
	swtpm := child(ctx, t, dir, "swtpm", args...)
	swtpm.ExtraFiles = []*os.File{inherited}
	if err := swtpm.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // a machine that was switched off has ended it already
		swtpm.Process.Signal(syscall.SIGTERM)
		swtpm.Wait()
	})
}

// child is a command that works in the machine's directory and ends with the
// context.
func child(ctx context.Context, t *testing.T, dir, program string, args ...string) *exec.Cmd {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Fatalf("%v; `make test-vm` installs it", err)
	}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = dir
	return cmd
}

func readOutcomes(path string) (list []Outcome, err error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	for line := range bytes.Lines(data) {
		var o Outcome
		if err := json.Unmarshal(line, &o); err != nil {
			return list, fmt.Errorf("outcome %d: %w", len(list)+1, err)
		}
		list = append(list, o)
	}
	return list, nil
}

// tail is the end of a file, as far as there is one.
func tail(path string) string {
	const lines = 30
	data, _ := os.ReadFile(path)
	all := strings.Split(strings.TrimSpace(string(data)), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
