//go:build !windows

package disk

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

func (c Cause) hintHere(path string) string {
	mount := mountOf(path)
	at := "the file system"
	if mount != "" {
		at += " at " + mount
	}
	switch c {
	case Full:
		return fmt.Sprintf("free some space on %s (df and df -i show how full it is, quota what this user may use), %s", at, anotherPlace)
	case ReadOnly:
		if mount == "" {
			mount = "PLACE"
		}
		return fmt.Sprintf("%s is mounted read-only, on purpose (see mount) or by the kernel after a disk fault (see dmesg): sudo mount -o remount,rw %s, repair a stick that lost its power with fsck when it is not mounted, %s", at, mount, anotherPlace)
	case Broken:
		return "the disk, the medium or the network share failed: sudo dmesg shows the kernel's messages; repair a stick that lost its power with fsck when it is not mounted, or " + "name a place on another file system"
	case Busy:
		return "end the program that has the file open (fuser -v shows it); a file that is itself a mount, as in containers, must be changed on the host"
	case Other:
		return "check the file system: dmesg shows the kernel's messages"
	}
	return ""
}

// mountOf is where the file system of a path is mounted; "" if that cannot be seen.
func mountOf(path string) string {
	if path == "" || path == Stdout {
		return ""
	}
	at, err := filepath.Abs(path)
	if err != nil {
		return ""
	}
	if real, err := filepath.EvalSymlinks(at); err == nil {
		at = real
	}
	dev, found := uint64(0), ""
	for ; ; at = filepath.Dir(at) {
		info, err := os.Stat(at)
		if err == nil {
			stat, ok := info.Sys().(*syscall.Stat_t)
			switch {
			case !ok, found != "" && uint64(stat.Dev) != dev:
				return found
			case info.IsDir():
				dev, found = uint64(stat.Dev), at
			}
		}
		if at == filepath.Dir(at) {
			return found
		}
	}
}
