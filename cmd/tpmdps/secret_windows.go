package main

import (
	"path/filepath"

	"golang.org/x/sys/windows"
)

// removable names the drive that a file lies on, if it can be pulled out. What
// cannot be found out is taken for built in.
func removable(path string) string {
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
