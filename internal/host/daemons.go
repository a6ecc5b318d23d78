package host

import (
	"io/fs"
	"slices"
	"strings"
)

// daemons are IoT Edge's services that work with the chip and with DPS, as the
// kernel names their processes.
var daemons = []string{"aziot-identityd", "aziot-tpmd"}

// Daemons returns which of IoT Edge's services that provision this machine are
// running: aziot-identityd and aziot-tpmd. fsys is the root directory; where
// there is no /proc, none is found.
func Daemons(fsys fs.FS) []string {
	var running []string
	files, err := fs.Glob(fsys, "proc/[0-9]*/comm")
	if err != nil {
		return nil
	}
	for _, file := range files {
		comm, err := fs.ReadFile(fsys, file)
		if err != nil {
			continue // it ended meanwhile
		}
		if name := strings.TrimSpace(string(comm)); slices.Contains(daemons, name) && !slices.Contains(running, name) {
			running = append(running, name)
		}
	}
	slices.Sort(running)
	return running
}
