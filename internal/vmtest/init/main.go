//go:build linux

// Command init is the only process of the test machine: it runs the plan, and
// under other names it is the tools of the plan's steps. See package vmtest.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"tpmdps/internal/vmtest"
)

func main() {
	if tool, ok := tools[filepath.Base(os.Args[0])]; ok {
		if err := tool(os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	// Its messages are found at the end of the kernel's.
	if err := runPlan(); err != nil {
		fmt.Fprintln(os.Stderr, "init:", err)
	}
	if err := syscall.Reboot(syscall.LINUX_REBOOT_CMD_POWER_OFF); err != nil {
		fmt.Fprintln(os.Stderr, "init: power off:", err)
	}
}

// runPlan runs every step and reports it at once, so that what happened before
// a crash is known.
func runPlan() (err error) {
	if err := mount(); err != nil {
		return err
	}
	plan, err := os.ReadFile(vmtest.PlanFile)
	if err != nil {
		return err
	}
	var steps []vmtest.Step
	if err := json.Unmarshal(plan, &steps); err != nil {
		return fmt.Errorf("%s: %w", vmtest.PlanFile, err)
	}
	port, err := os.OpenFile(vmtest.OutcomePort, os.O_WRONLY|syscall.O_NOCTTY, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, port.Close()) }()
	out := json.NewEncoder(port)
	for _, step := range steps {
		if err := out.Encode(run(step)); err != nil {
			return err
		}
	}
	return nil
}

// mount makes the file systems that a program expects, and loads the modules of the plan. Nobody may change how
// the kernel makes the nodes in /dev: that is what is tested.
func mount() error {
	for _, fs := range []struct{ kind, path string }{
		{"proc", "/proc"}, {"sysfs", "/sys"}, {"devtmpfs", "/dev"}, {"tmpfs", "/tmp"},
	} {
		if err := os.MkdirAll(fs.path, 0o755); err != nil {
			return err
		}
		if err := syscall.Mount(fs.kind, fs.path, fs.kind, 0, ""); err != nil {
			return fmt.Errorf("mount %s: %w", fs.path, err)
		}
	}
	return loadModules()
}
