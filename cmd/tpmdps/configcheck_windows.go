package main

import (
	"io/fs"

	"tpmdps/internal/edge/lint"
)

// fileFacts are not known: Windows has other rights, and no IoT Edge of its own.
func fileFacts(fs.FileInfo, string) *lint.FileFacts { return nil }
