package main

import (
	"bufio"
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// kernelFiles is where proc and sys are mounted. It can be moved by tests.
var kernelFiles = "/"

// removable names the medium that a file lies on, if it can be pulled out.
// What cannot be found out is taken for built in.
func removable(path string) string { return removableUnder(kernelFiles, path) }

// removableUnder asks the kernel's files below root, which a test may have
// written: the mount that holds the path, and the block device behind it.
func removableUnder(root, path string) string {
	path, err := filepath.Abs(path)
	if err != nil {
		return ""
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	mounts, err := os.ReadFile(filepath.Join(root, "proc/self/mountinfo"))
	if err != nil {
		return ""
	}
	m, found := mountOf(mounts, path)
	if !found {
		return ""
	}
	device, err := filepath.EvalSymlinks(filepath.Join(root, "sys/dev/block", m.device))
	if err != nil {
		return "" // no disk: memory, network, overlay
	}
	onUSB := strings.Contains(device, "/usb")
	portable := slices.Contains([]string{"vfat", "exfat", "ntfs", "ntfs3", "fuseblk"}, m.kind)
	disk := filepath.Dir(device) // of a partition
	if saysRemovable(device) || saysRemovable(disk) || (onUSB || isSDCard(device) || isSDCard(disk)) && portable {
		return filepath.Base(device) + ", " + m.point
	}
	return ""
}

// saysRemovable reads the flag of a disk; a partition has none, its disk does.
func saysRemovable(device string) bool {
	data, err := os.ReadFile(filepath.Join(device, "removable"))
	return err == nil && string(bytes.TrimSpace(data)) == "1"
}

// isSDCard tells a card from a soldered eMMC, both of which the kernel calls not
// removable. Machines start from cards, too: with a file system of Linux on it,
// one is taken for the machine's own.
func isSDCard(device string) bool {
	data, err := os.ReadFile(filepath.Join(device, "device/type"))
	return err == nil && string(bytes.TrimSpace(data)) == "SD"
}

// mount is one line of mountinfo.
type mount struct {
	device string // MAJOR:MINOR
	point  string
	kind   string // of file system
}

// mountOf finds the mount that holds a path: the longest, and of equal ones the
// last, which covers the others.
func mountOf(mountinfo []byte, path string) (best mount, found bool) {
	for lines := bufio.NewScanner(bytes.NewReader(mountinfo)); lines.Scan(); {
		m, ok := parseMount(lines.Text())
		if ok && (m.point == "/" || path == m.point || strings.HasPrefix(path, m.point+"/")) && len(m.point) >= len(best.point) {
			best, found = m, true
		}
	}
	return best, found
}

// parseMount reads a line as proc_pid_mountinfo(5) has it: optional fields end
// with a dash, the type of file system stands behind it.
func parseMount(line string) (mount, bool) {
	fields := strings.Fields(line)
	dash := slices.Index(fields, "-")
	if dash < 6 || dash+1 >= len(fields) {
		return mount{}, false
	}
	return mount{device: fields[2], point: unescapeMount(fields[4]), kind: fields[dash+1]}, true
}

// unescapeMount undoes the kernel's \040 for what would break a line up.
func unescapeMount(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+4 <= len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
