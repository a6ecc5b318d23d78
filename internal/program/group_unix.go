//go:build unix

package program

import (
	"os/exec"
	"syscall"
)

// group gives a program a process group of its own, so that what it has started
// can be told to stop with it, and ended if it does not.
func group(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) }
}

// endGroup kills what is left of the group of a program that is over.
func endGroup(cmd *exec.Cmd) {
	if cmd.Process != nil {
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // mostly there is none any more
	}
}
