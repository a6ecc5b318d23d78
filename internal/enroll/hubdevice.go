package enroll

import (
	"fmt"
	"strings"

	"tpmdps/internal/text"
)

// HubDevice are the options with which the commands of az iot hub name a device on the
// hub that it was assigned to, as words of a shell.
func HubDevice(assignedHub, deviceID string) string {
	hub, _, _ := strings.Cut(assignedHub, ".")
	hub, _, _ = strings.Cut(hub, ":") // the emulator's has a port
	return fmt.Sprintf("--hub-name %s --device-id %s", text.ShellWord(hub), text.ShellWord(deviceID))
}
