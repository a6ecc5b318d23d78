package secretfile

import (
	"path/filepath"

	"golang.org/x/sys/windows"

	"tpmdps/internal/host"
)

// removable names the drive that a path lies on, if it can be pulled out. What
// cannot be found out counts as built in. The drives are always those of this
// machine.
func removable(_ host.Machine, path string) string {
	path, err := filepath.Abs(path)
	if err != nil {
		return ""
	}
	root := filepath.VolumeName(path) + `\`
	name, err := windows.UTF16PtrFromString(root)
	if err != nil || windows.GetDriveType(name) != windows.DRIVE_REMOVABLE {
		return ""
	}
	return "the drive " + root
}
