package host

import (
	"fmt"

	"golang.org/x/sys/windows"
)

// osRelease names the release of Windows.
func osRelease() string {
	v := windows.RtlGetVersion()
	return fmt.Sprintf("Windows %d.%d.%d", v.MajorVersion, v.MinorVersion, v.BuildNumber)
}
