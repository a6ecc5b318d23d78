package softtpm

import (
	"os/exec"
	"syscall"
)

// bindToParent ties a command's life to ours: it is killed when we die in any
// way, so no swtpm stays behind. It gets a process group of its own, so that
// Ctrl-C at the terminal reaches us and not the chip that we are about to close
// sessions on, and the whole group goes when the command is cancelled.
func bindToParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
