package aziot

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"slices"

	"tpmdps/internal/host"
)

// permission is what a file's inode says of who may do what.
type permission struct {
	uid, gid uint32
	mode     fs.FileMode
	acl      []aclEntry // acl(5); nil where the mode says it all
}

// aclEntry is one line of an access list.
type aclEntry struct {
	tag  uint16
	perm uint16
	id   uint32 // of aclUser and aclGroup
}

// Tags of linux/posix_acl.h.
const (
	aclUserObj  = 0x01
	aclUser     = 0x02
	aclGroupObj = 0x04
	aclGroup    = 0x08
	aclMask     = 0x10
	aclOther    = 0x20
)

// What is asked for, as the kernel has it.
const (
	search    = 1
	readWrite = 6
)

var errACL = errors.New("an access list of an unknown form")

// parseACL reads the value of the attribute system.posix_acl_access: version 2
// in four bytes, then entries of eight (linux/posix_acl_xattr.h).
func parseACL(value []byte) ([]aclEntry, error) {
	if len(value) == 0 {
		return nil, nil
	}
	if len(value) < 4 || binary.LittleEndian.Uint32(value) != 2 || (len(value)-4)%8 != 0 {
		return nil, errACL
	}
	var list []aclEntry
	for b := value[4:]; len(b) > 0; b = b[8:] {
		list = append(list, aclEntry{binary.LittleEndian.Uint16(b), binary.LittleEndian.Uint16(b[2:]), binary.LittleEndian.Uint32(b[4:])})
	}
	return list, nil
}

// class is which rule decided.
type class string

const (
	byRoot  class = "root"
	byOwner class = "owner"
	byName  class = "name" // an entry of the access list for the user
	byGroup class = "group"
	byOther class = "other"
)

// allows decides as the kernel does (path_resolution(7), acl(5)). The first rule
// that fits counts, even where a later one would give more: an owner without
// the bit is refused although everybody else has it.
func (p permission) allows(u host.Account, want uint16) (bool, class) {
	mode := uint16(p.mode.Perm())
	member := slices.Contains(u.Groups, p.gid)
	switch {
	case u.UID == 0:
		// Root needs no bit of them, except an executable one for a file.
		return true, byRoot
	case u.UID == p.uid:
		return mode>>6&want == want, byOwner
	case p.acl != nil:
		return p.allowsByACL(u, want)
	case member:
		return mode>>3&want == want, byGroup
	}
	return mode&want == want, byOther
}

func (p permission) allowsByACL(u host.Account, want uint16) (bool, class) {
	mask, other := uint16(7), uint16(0)
	for _, e := range p.acl {
		switch e.tag {
		case aclMask:
			mask = e.perm
		case aclOther:
			other = e.perm
		}
	}
	member := false
	for _, e := range p.acl {
		if e.tag == aclUser && e.id == u.UID {
			return e.perm&mask&want == want, byName
		}
	}
	for _, e := range p.acl {
		if e.tag == aclGroupObj && slices.Contains(u.Groups, p.gid) || e.tag == aclGroup && slices.Contains(u.Groups, e.id) {
			member = true
			if e.perm&mask&want == want {
				return true, byGroup
			}
		}
	}
	if member {
		return false, byGroup
	}
	return other&want == want, byOther
}
