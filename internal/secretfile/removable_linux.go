package secretfile

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/sys/mountinfo"

	"tpmdps/internal/host"
)

// removable names the medium that a path lies on, if it can be pulled out: the
// block device and the mount point. What cannot be found out counts as built in.
func removable(m host.Machine, path string) string {
	path, err := filepath.Abs(path)
	if err != nil {
		return ""
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	} else if dir, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil { // it is still to be written
		path = filepath.Join(dir, filepath.Base(path))
	}
	mount := mountOf(m, path)
	if mount == nil {
		return ""
	}
	number := fmt.Sprintf("%d:%d", mount.Major, mount.Minor)
	device, err := filepath.EvalSymlinks(m.Path("/sys/dev/block/" + number))
	if err != nil {
		return "" // not a disk: memory, network, overlay
	}
	onUSB := strings.Contains(device, "/usb")
	portable := slices.Contains([]string{"vfat", "exfat", "ntfs", "ntfs3", "fuseblk"}, mount.FSType)
	disk := filepath.Dir(device) // of a partition
	if isMarkedRemovable(device) || isMarkedRemovable(disk) || (onUSB || isSDCard(device) || isSDCard(disk)) && portable {
		return filepath.Base(device) + ", " + mount.Mountpoint
	}
	return ""
}

// isMarkedRemovable reads the kernel's flag of a disk; a partition has none, its
// disk does.
func isMarkedRemovable(device string) bool {
	data, err := os.ReadFile(filepath.Join(device, "removable"))
	return err == nil && string(bytes.TrimSpace(data)) == "1"
}

// isSDCard tells a card from a soldered eMMC, neither of which the kernel marks as
// removable. Machines start from cards, too: a card with a Linux file system on it
// counts as the machine's own.
func isSDCard(device string) bool {
	data, err := os.ReadFile(filepath.Join(device, "device/type"))
	return err == nil && string(bytes.TrimSpace(data)) == "SD"
}

// mountOf finds the mount that holds a path: the longest, and of equal ones the
// last, which covers the others. nil means none.
func mountOf(m host.Machine, path string) (best *mountinfo.Info) {
	list, err := os.ReadFile(m.Path("/proc/self/mountinfo"))
	if err != nil {
		return nil
	}
	for line := range bytes.Lines(list) {
		// Line by line, so that one that cannot be read does not hide the others:
		// old kernels write blanks in the names of network shares.
		mounts, err := mountinfo.GetMountsFromReader(bytes.NewReader(line), mountinfo.ParentsFilter(path))
		if err != nil {
			continue
		}
		for _, mount := range mounts {
			if best == nil || len(mount.Mountpoint) >= len(best.Mountpoint) {
				best = mount
			}
		}
	}
	return best
}
