package atomicfile

import (
	"io/fs"
	"os"
)

// likeOld has nothing to do: a new file takes its rights from its directory.
func likeOld(*os.File, string, fs.FileInfo) error { return nil }
