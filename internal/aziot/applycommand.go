package aziot

import (
	"path/filepath"
	"runtime"
)

// ApplyCommand is what a person types to put a configuration file into effect; "-"
// is a file that was printed.
func (i Installation) ApplyCommand(file string) string {
	const defaultCommand = "sudo iotedge config apply"
	path, err := filepath.Abs(file)
	switch {
	case file == "-" || err != nil:
		return defaultCommand
	case runtime.GOOS != "linux":
		return "copy it to the device as " + ConfigFile + ", then there: " + defaultCommand
	}
	tool, _ := i.Tool(path) // what is not installed here may be elsewhere
	return "sudo " + tool.String()
}
