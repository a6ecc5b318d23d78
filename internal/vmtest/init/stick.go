//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"

	"tpmdps/internal/vmtest"
)

// loadModules gives the kernel the drivers that were packed for it, in the order of their
// names.
func loadModules() error {
	all, err := filepath.Glob(filepath.Join(vmtest.ModuleFolder, "*.ko"))
	if err != nil {
		return err
	}
	for _, path := range all {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		err = unix.FinitModule(int(f.Fd()), "", 0)
		if err := errors.Join(err, f.Close()); err != nil {
			return fmt.Errorf("load %s: %w", path, err)
		}
	}
	return nil
}

// mountOptions are those that udisks gives sticks.
var mountOptions = map[string]string{"vfat": "utf8=1,shortname=mixed,flush", "exfat": "iocharset=utf8"}

// plug KIND DEVICE OFFSET SIZE: mounts a part of a disk as the stick. A size of 0 is all of
// the disk.
func plug(args []string) error {
	kind, device := args[0], args[1]
	offset, err := strconv.ParseUint(args[2], 10, 64)
	if err != nil {
		return err
	}
	size, err := strconv.ParseUint(args[3], 10, 64)
	if err != nil {
		return err
	}
	if size > 0 {
		part, err := loop(device, offset, size)
		if err != nil {
			return fmt.Errorf("a part of %s: %w", device, err)
		}
		defer part.Close() // the mount keeps it, and its end frees it
		device = part.Name()
	}
	if err := os.MkdirAll(vmtest.Stick, 0o755); err != nil {
		return err
	}
	if err := unix.Mount(device, vmtest.Stick, kind, 0, mountOptions[kind]); err != nil {
		return fmt.Errorf("mount %s: %w", device, err)
	}
	return nil
}

// loop makes a device of a part of another one.
func loop(device string, offset, size uint64) (*os.File, error) {
	control, err := os.OpenFile("/dev/loop-control", os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer control.Close()
	number, err := unix.IoctlRetInt(int(control.Fd()), unix.LOOP_CTL_GET_FREE)
	if err != nil {
		return nil, err
	}
	whole, err := os.OpenFile(device, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer whole.Close()
	part, err := os.OpenFile(fmt.Sprint("/dev/loop", number), os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	config := unix.LoopConfig{Fd: uint32(whole.Fd())}
	config.Info.Offset, config.Info.Sizelimit, config.Info.Flags = offset, size, unix.LO_FLAGS_AUTOCLEAR
	if err := unix.IoctlLoopConfigure(int(part.Fd()), &config); err != nil {
		return nil, errors.Join(err, part.Close())
	}
	return part, nil
}

// unplug: unmounts the stick.
func unplug([]string) error { return unix.Unmount(vmtest.Stick, 0) }

// mark DEVICE OFFSET NUMBER: writes a sector with a number after the stick's file system, and
// returns when the disk has it.
func mark(args []string) (err error) {
	offset, err := strconv.ParseInt(args[1], 10, 64)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(args[0], os.O_WRONLY|unix.O_SYNC, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	_, err = f.WriteAt(fmt.Appendf(nil, "%-4096s", args[2]), offset)
	return err
}
