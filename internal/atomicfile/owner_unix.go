//go:build unix

package atomicfile

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// copyOwnership gives a new file the owner, mode and extended attributes of the old
// one. The owner comes first: changing it takes mode bits away.
func copyOwnership(f *os.File, old string, info fs.FileInfo) error {
	if owner, ok := info.Sys().(*syscall.Stat_t); ok {
		if mine, err := f.Stat(); err != nil || !sameOwner(mine, owner) {
			if err := f.Chown(int(owner.Uid), int(owner.Gid)); err != nil {
				return fmt.Errorf("keep its owner, user %d and group %d: %w", owner.Uid, owner.Gid, err)
			}
		}
	}
	if err := f.Chmod(info.Mode().Perm()); err != nil {
		return fmt.Errorf("keep its mode: %w", err)
	}
	return copyAttributes(f, old)
}

func sameOwner(info fs.FileInfo, owner *syscall.Stat_t) bool {
	mine, ok := info.Sys().(*syscall.Stat_t)
	return ok && mine.Uid == owner.Uid && mine.Gid == owner.Gid
}
