//go:build !windows

package tpm

import (
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// ownedBy is the owner of a file, such as " (root)"; "" where it cannot be told.
func ownedBy(path string) string {
	stat := statOf(path)
	if stat == nil {
		return ""
	}
	id := strconv.FormatUint(uint64(stat.Uid), 10)
	if u, err := user.LookupId(id); err == nil {
		return " (" + u.Username + ")"
	}
	return " (user " + id + ")"
}

// groupOf is the name of a file's group; "" where it cannot be told.
func groupOf(path string) string {
	stat := statOf(path)
	if stat == nil {
		return ""
	}
	g, err := user.LookupGroupId(strconv.FormatUint(uint64(stat.Gid), 10))
	if err != nil {
		return ""
	}
	return g.Name
}

func statOf(path string) *syscall.Stat_t {
	fi, err := os.Stat(path)
	if err != nil {
		return nil
	}
	stat, _ := fi.Sys().(*syscall.Stat_t)
	return stat
}
