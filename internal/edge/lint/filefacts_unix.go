//go:build unix

package lint

import (
	"io/fs"
	"syscall"
)

// FactsOf says how a file is kept, nil where that is not known: what is not a
// regular file, such as a pipe, has no mode worth a word.
func FactsOf(info fs.FileInfo, path string) *FileFacts {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || !info.Mode().IsRegular() {
		return nil
	}
	return &FileFacts{Path: path, Mode: info.Mode(), UID: stat.Uid, GID: stat.Gid}
}
