package aziot

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// permissionOf asks the file system.
func permissionOf(name string) (p permission, err error) {
	info, err := os.Stat(name)
	if err != nil {
		return p, err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return p, fmt.Errorf("%s: its owner is not known", name)
	}
	p = permission{uid: stat.Uid, gid: stat.Gid, mode: info.Mode()}
	value := make([]byte, 4+8*64)
	n, err := unix.Getxattr(name, "system.posix_acl_access", value)
	if errors.Is(err, unix.ENODATA) || errors.Is(err, unix.ENOTSUP) {
		return p, nil
	}
	if err == nil {
		p.acl, err = parseACL(value[:n])
	}
	if err != nil {
		return p, fmt.Errorf("read the access list of %s: %w", name, err)
	}
	return p, nil
}
