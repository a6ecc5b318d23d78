package aziot

import (
	"encoding/binary"
	"io/fs"
	"reflect"
	"testing"

	"tpmdps/internal/host"
)

// aclBytes is an access list as the kernel passes it.
func aclBytes(entries ...aclEntry) []byte {
	b := binary.LittleEndian.AppendUint32(nil, 2)
	for _, e := range entries {
		b = binary.LittleEndian.AppendUint16(b, e.tag)
		b = binary.LittleEndian.AppendUint16(b, e.perm)
		b = binary.LittleEndian.AppendUint32(b, e.id)
	}
	return b
}

func TestParseACL(t *testing.T) {
	want := []aclEntry{{aclUserObj, 6, 1<<32 - 1}, {aclUser, 6, 990}, {aclMask, 6, 1<<32 - 1}}
	got, err := parseACL(aclBytes(want...))
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("parseACL() = %v, %v, want %v", got, err, want)
	}
	if got, err := parseACL(nil); got != nil || err != nil {
		t.Errorf("parseACL(nothing) = %v, %v", got, err)
	}
	for _, bad := range [][]byte{{2}, {2, 0, 0}, {1, 0, 0, 0}, append(aclBytes(want...), 0)} {
		if _, err := parseACL(bad); err == nil {
			t.Errorf("parseACL(%x) succeeded", bad)
		}
	}
}

func FuzzParseACL(f *testing.F) {
	f.Add(aclBytes(aclEntry{aclUser, 6, 990}))
	f.Fuzz(func(t *testing.T, value []byte) {
		list, err := parseACL(value)
		if err == nil {
			permission{acl: list}.allows(host.Account{UID: 1}, readWrite)
		}
	})
}

func TestAllows(t *testing.T) {
	user := host.Account{Name: User, UID: 990, Groups: []uint32{991, 109}}
	acl := func(mask uint16, named ...aclEntry) []aclEntry {
		return append([]aclEntry{{tag: aclUserObj, perm: 6}, {tag: aclGroupObj, perm: 0}, {tag: aclMask, perm: mask}, {tag: aclOther}}, named...)
	}
	tests := []struct {
		name string
		p    permission
		want bool
		by   class
	}{
		{"fresh from the kernel", permission{mode: 0o600}, false, byOther},
		{"owner", permission{uid: 990, mode: 0o660}, true, byOwner},
		{"owner without the right that all others have", permission{uid: 990, mode: 0o066}, false, byOwner},
		{"primary group", permission{gid: 991, mode: 0o660}, true, byGroup},
		{"other group of the user", permission{gid: 109, mode: 0o660}, true, byGroup},
		{"group may only read", permission{gid: 109, mode: 0o646}, false, byGroup},
		{"tpm-udev's resource manager node", permission{uid: 102, gid: 108, mode: 0o660}, false, byOther},
		{"everybody", permission{mode: 0o666}, true, byOther},
		{"named in the list", permission{mode: 0o660, acl: acl(6, aclEntry{aclUser, 6, 990})}, true, byName},
		{"named, masked", permission{mode: 0o640, acl: acl(4, aclEntry{aclUser, 6, 990})}, false, byName},
		{"group in the list", permission{mode: 0o660, acl: acl(6, aclEntry{aclGroup, 6, 109})}, true, byGroup},
		{"one of two groups in the list", permission{gid: 991, mode: 0o660, acl: acl(6, aclEntry{aclGroup, 6, 109})}, true, byGroup},
		{"groups in the list share no right", permission{gid: 991, mode: 0o666, acl: acl(6, aclEntry{aclGroup, 4, 109})}, false, byGroup},
		{"somebody else in the list", permission{mode: 0o660, acl: acl(6, aclEntry{aclUser, 6, 1000})}, false, byOther},
	}
	for _, test := range tests {
		if got, by := test.p.allows(user, readWrite); got != test.want || by != test.by {
			t.Errorf("%s: allows() = %v by %s, want %v by %s", test.name, got, by, test.want, test.by)
		}
	}
	if got, by := (permission{mode: fs.ModeDevice}).allows(host.Account{}, readWrite); !got || by != byRoot {
		t.Errorf("root: allows() = %v by %s", got, by)
	}
}
