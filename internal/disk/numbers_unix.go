//go:build !windows

package disk

import "syscall"

// numbers are the system's for each cause; "" is for what is not a cause: somebody
// reads no more, or the file is there already.
var numbers = map[syscall.Errno]Cause{
	syscall.ENOSPC:       Full,
	syscall.EDQUOT:       Full,
	syscall.EROFS:        ReadOnly,
	syscall.EIO:          Broken,
	syscall.ENXIO:        Broken, // the stick was pulled out
	syscall.ENODEV:       Broken,
	syscall.ESTALE:       Broken, // of NFS: the server lost it
	syscall.EFBIG:        TooLarge,
	syscall.EOVERFLOW:    TooLarge,
	syscall.ETXTBSY:      Busy,
	syscall.EBUSY:        Busy,
	syscall.EXDEV:        Busy,
	syscall.EACCES:       Denied,
	syscall.EPERM:        Denied,
	syscall.ENOENT:       Missing,
	syscall.EISDIR:       IsFolder,
	syscall.ENOTDIR:      NoFolder,
	syscall.ENAMETOOLONG: BadName,
	syscall.ELOOP:        Loop,
	syscall.EMLINK:       Lacking,
	syscall.ENOTSUP:      Lacking,
	syscall.ENOSYS:       Lacking,
	syscall.ENOLCK:       Lacking,
	syscall.EBADF:        Closed,
	syscall.EEXIST:       "",
	syscall.ENOTEMPTY:    "",
	syscall.EPIPE:        "",
}
