package atomicfile

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// copyAttributes copies the extended attributes (xattr(7)). Without the SELinux
// context or the access list a daemon may be locked out, so those must succeed.
// Others, such as the kernel's own measurements, are not for us to set.
func copyAttributes(f *os.File, old string) error {
	list, err := attribute(func(b []byte) (int, error) { return unix.Listxattr(old, b) })
	if errors.Is(err, unix.ENOTSUP) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("list its attributes: %w", err)
	}
	for name := range strings.SplitSeq(string(list), "\x00") {
		if name == "" {
			continue
		}
		value, err := attribute(func(b []byte) (int, error) { return unix.Getxattr(old, name, b) })
		if err == nil {
			err = unix.Fsetxattr(int(f.Fd()), name, value, 0)
		}
		if err != nil && (name == "security.selinux" || name == "system.posix_acl_access") && !hasAttribute(f, name, value) {
			return fmt.Errorf("keep its attribute %s: %w", name, err)
		}
	}
	return nil
}

// hasAttribute tells whether the directory gave the file the attribute already.
func hasAttribute(f *os.File, name string, value []byte) bool {
	have, err := attribute(func(b []byte) (int, error) { return unix.Fgetxattr(int(f.Fd()), name, b) })
	return err == nil && value != nil && bytes.Equal(have, value)
}

// attribute calls one of the functions that tell the size first.
func attribute(call func([]byte) (int, error)) ([]byte, error) {
	for {
		size, err := call(nil)
		if err != nil || size == 0 {
			return nil, err
		}
		b := make([]byte, size)
		n, err := call(b)
		if errors.Is(err, unix.ERANGE) {
			continue // it grew meanwhile
		}
		return b[:max(n, 0)], err
	}
}
