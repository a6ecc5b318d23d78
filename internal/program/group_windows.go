package program

import (
	"os"
	"os/exec"
)

// group lets a program be interrupted; Windows has no such signal, so it is killed
// after StopLimit.
func group(cmd *exec.Cmd) {
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
}

func endGroup(*exec.Cmd) {}
