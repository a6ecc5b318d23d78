package aziot

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"tpmdps/internal/host"
)

// TestAllowsAsTheKernel compares the decision with the kernel's, for every mode
// and several owners, groups and access lists. Root can be anybody for it; who
// is not root has own files alone to try.
func TestAllowsAsTheKernel(t *testing.T) {
	self := host.Account{Name: "nobody", UID: 65534, Groups: []uint32{65534, 4242}}
	owners, groups := []uint32{0, 65534}, []uint32{0, 65534, 4242}
	lists := [][]aclEntry{nil}
	root := os.Getuid() == 0
	if !root {
		self = host.Account{UID: uint32(os.Getuid()), Groups: []uint32{uint32(os.Getgid())}}
		owners, groups = []uint32{self.UID}, self.Groups
	} else {
		for _, named := range []aclEntry{{aclUser, 6, 65534}, {aclUser, 4, 65534}, {aclGroup, 6, 4242}, {aclGroup, 2, 4242}, {aclUser, 6, 1}} {
			for _, mask := range []uint16{4, 6} {
				lists = append(lists, []aclEntry{{aclUserObj, 6, noID}, named, {aclGroupObj, 4, noID}, {aclMask, mask, noID}, {aclOther, 0, noID}})
				if named.tag == aclGroup {
					list := lists[len(lists)-1]
					list[1], list[2] = list[2], list[1] // the kernel wants them in the order of their tags
				}
			}
		}
	}
	file := filepath.Join(enterable(t, root), "tpm0")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	compared := 0
	for _, uid := range owners {
		for _, gid := range groups {
			if root {
				must(t, os.Chown(file, int(uid), int(gid)))
			}
			for _, list := range lists {
				modes := 512
				if list != nil {
					modes = 1
				}
				for mode := range modes {
					must(t, setPermission(file, fs.FileMode(mode), list))
					p, err := permissionOf(file)
					must(t, err)
					if len(p.acl) != len(list) {
						t.Fatalf("the list %v reads as %v", list, p.acl)
					}
					got, by := p.allows(self, readWrite)
					if want := opens(t, root, self, file); got != want {
						t.Fatalf("%v of %d:%d with %v: allows() = %v by %s, the kernel says %v", p.mode, uid, gid, list, got, by, want)
					}
					compared++
				}
			}
		}
	}
	t.Logf("%d compared", compared)
}

const noID = 1<<32 - 1

// enterable makes a directory that everybody may enter.
func enterable(t *testing.T, root bool) string {
	if !root {
		return t.TempDir()
	}
	dir, err := os.MkdirTemp("", "aziot-*")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	must(t, os.Chmod(dir, 0o755))
	return dir
}

func setPermission(file string, mode fs.FileMode, list []aclEntry) error {
	if list != nil {
		return unix.Setxattr(file, "system.posix_acl_access", aclBytes(list...), 0)
	}
	if err := unix.Removexattr(file, "system.posix_acl_access"); err != nil && !errors.Is(err, unix.ENODATA) && !errors.Is(err, unix.ENOTSUP) {
		return err
	}
	return os.Chmod(file, mode)
}

// opens opens the file as that user, on a thread that is thrown away with its
// identity.
func opens(t *testing.T, root bool, u host.Account, file string) bool {
	result := make(chan error)
	go func() {
		if root {
			runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
			if err := become(u); err != nil {
				result <- errors.Join(errBecome, err)
				return
			}
		}
		fd, err := unix.Open(file, unix.O_RDWR, 0)
		if err == nil {
			unix.Close(fd)
		}
		result <- err
	}()
	err := <-result
	if err != nil && !errors.Is(err, unix.EACCES) {
		t.Fatal(err)
	}
	return err == nil
}

var errBecome = errors.New("take on another identity")

// become changes the thread's identity for files, and its groups. The system
// calls as Go wraps them would change all threads.
func become(u host.Account) error {
	groups := make([]uint32, len(u.Groups))
	copy(groups, u.Groups)
	if _, _, errno := unix.RawSyscall(unix.SYS_SETGROUPS, uintptr(len(groups)), uintptr(unsafe.Pointer(&groups[0])), 0); errno != 0 {
		return errno
	}
	if err := unix.Setfsgid(int(u.Groups[0])); err != nil {
		return err
	}
	return unix.Setfsuid(int(u.UID))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
