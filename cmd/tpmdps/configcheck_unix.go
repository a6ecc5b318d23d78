//go:build unix

package main

import (
	"io/fs"
	"syscall"

	"tpmdps/internal/edge/lint"
)

// fileFacts say how the file is kept. What is no file, such as a pipe, has no
// mode worth a word.
func fileFacts(info fs.FileInfo, path string) *lint.FileFacts {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || !info.Mode().IsRegular() {
		return nil
	}
	return &lint.FileFacts{Path: path, Mode: info.Mode(), UID: stat.Uid, GID: stat.Gid}
}
