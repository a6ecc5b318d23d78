//go:build vm

package vmtest

import (
	"bytes"
	"fmt"
)

// archive is an initial file system as the kernel unpacks it: cpio's "newc"
// form (Documentation/driver-api/early-userspace/buffer-format.rst). Archives
// one after the other count as one.
type archive struct{ bytes.Buffer }

const (
	regular   = 0o100000
	directory = 0o040000
)

// add puts a file or a directory in. Parents come before their children.
func (a *archive) add(name string, mode uint32, content []byte) {
	const (
		magic    = "070701"
		notUsed  = 0
		oneLink  = 1
		rootUser = 0
	)
	a.WriteString(magic)
	for _, field := range []uint32{
		uint32(a.Len()), // inode number: any, but another one for each file
		mode, rootUser, rootUser, oneLink, notUsed /* time */, uint32(len(content)),
		notUsed, notUsed, notUsed, notUsed, // device numbers
		uint32(len(name) + 1), notUsed, // checksum
	} {
		fmt.Fprintf(a, "%08X", field)
	}
	a.WriteString(name + "\x00")
	a.pad()
	a.Write(content)
	a.pad()
}

// end closes the archive.
func (a *archive) end() { a.add("TRAILER!!!", 0, nil) }

// pad fills up to a multiple of four bytes.
func (a *archive) pad() {
	for a.Len()%4 != 0 {
		a.WriteByte(0)
	}
}
