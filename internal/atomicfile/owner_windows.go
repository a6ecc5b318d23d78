package atomicfile

import (
	"io/fs"
	"os"
)

// copyOwnership has nothing to do: a new file takes its rights from its directory.
func copyOwnership(*os.File, string, fs.FileInfo) error { return nil }
