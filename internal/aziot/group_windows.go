package aziot

import (
	"os"
	"os/exec"
)

// group lets a program be interrupted; there is no IoT Edge on Windows that would
// start others.
func group(cmd *exec.Cmd) {
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
}

func endGroup(*exec.Cmd) {}
