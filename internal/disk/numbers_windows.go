package disk

import (
	"syscall"

	"golang.org/x/sys/windows"
)

// numbers are the system's for each cause; "" is for what is not a cause: somebody
// reads no more, or the file is there already.
var numbers = map[syscall.Errno]Cause{
	windows.ERROR_DISK_FULL:             Full,
	windows.ERROR_HANDLE_DISK_FULL:      Full,
	windows.ERROR_DISK_QUOTA_EXCEEDED:   Full,
	windows.ERROR_WRITE_PROTECT:         ReadOnly,
	windows.ERROR_CRC:                   Broken,
	windows.ERROR_NOT_READY:             Broken, // there is no medium in it
	windows.ERROR_IO_DEVICE:             Broken,
	windows.ERROR_DEV_NOT_EXIST:         Broken, // of a share
	windows.ERROR_NETNAME_DELETED:       Broken,
	windows.ERROR_UNEXP_NET_ERR:         Broken,
	windows.ERROR_FILE_TOO_LARGE:        TooLarge,
	windows.ERROR_SHARING_VIOLATION:     Busy,
	windows.ERROR_LOCK_VIOLATION:        Busy,
	windows.ERROR_USER_MAPPED_FILE:      Busy,
	windows.ERROR_NOT_SAME_DEVICE:       Busy,
	windows.ERROR_ACCESS_DENIED:         Denied,
	windows.ERROR_PRIVILEGE_NOT_HELD:    Denied,
	windows.ERROR_FILE_NOT_FOUND:        Missing,
	windows.ERROR_PATH_NOT_FOUND:        Missing,
	windows.ERROR_INVALID_DRIVE:         Missing,
	windows.ERROR_BAD_NETPATH:           Missing,
	windows.ERROR_BAD_NET_NAME:          Missing,
	syscall.EISDIR:                      IsFolder,
	windows.ERROR_DIRECTORY:             NoFolder,
	windows.ERROR_INVALID_NAME:          BadName,
	windows.ERROR_BAD_PATHNAME:          BadName,
	windows.ERROR_FILENAME_EXCED_RANGE:  BadName,
	windows.ERROR_CANT_RESOLVE_FILENAME: Loop,
	windows.ERROR_INVALID_FUNCTION:      Lacking,
	windows.ERROR_NOT_SUPPORTED:         Lacking,
	windows.ERROR_INVALID_HANDLE:        Closed,
	windows.ERROR_FILE_EXISTS:           "",
	windows.ERROR_ALREADY_EXISTS:        "",
	windows.ERROR_DIR_NOT_EMPTY:         "",
	windows.ERROR_BROKEN_PIPE:           "",
	windows.ERROR_NO_DATA:               "",
}
