package host

import (
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
)

// maxAccounts bounds each of the two files of accounts.
const maxAccounts = 1 << 20

// Account is a user with the groups that systemd gives to a service with User=:
// the one in passwd, and those whose members it is among.
type Account struct {
	Name   string
	UID    uint32
	Groups []uint32
}

// Accounts are the local ones: the lines of passwd(5) and group(5), in fields.
// IoT Edge's packages make their users there, and udev wants them there.
type Accounts struct{ passwd, group [][]string }

// Accounts reads them. One file that cannot be read leaves the other one.
func (m Machine) Accounts() (Accounts, error) { return readAccounts(m.files()) }

func readAccounts(fsys fs.FS) (a Accounts, err error) {
	var errGroup error
	a.passwd, err = readColons(fsys, "etc/passwd")
	a.group, errGroup = readColons(fsys, "etc/group")
	if err == nil {
		err = errGroup
	}
	return a, err
}

// readColons reads lines of three fields and more, with colons between them.
func readColons(fsys fs.FS, name string) (lines [][]string, err error) {
	text, err := readSome(fsys, name, maxAccounts)
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(text) {
		if fields := strings.Split(strings.TrimRight(line, "\r\n"), ":"); len(fields) >= 3 {
			lines = append(lines, fields)
		}
	}
	return lines, nil
}

// User finds a user by its name.
func (a Accounts) User(name string) (u Account, found bool) {
	for _, line := range a.passwd {
		if line[0] != name || len(line) < 4 {
			continue
		}
		uid, err := number(line[2])
		gid, err2 := number(line[3])
		if err != nil || err2 != nil {
			return u, false
		}
		u = Account{Name: name, UID: uid, Groups: []uint32{gid}}
		for _, line := range a.group {
			if gid, err := number(line[2]); err == nil && len(line) > 3 && slices.Contains(strings.Split(line[3], ","), name) {
				u.Groups = append(u.Groups, gid)
			}
		}
		return u, true
	}
	return u, false
}

// HasGroup reports whether there is a group of that name.
func (a Accounts) HasGroup(name string) bool {
	return slices.ContainsFunc(a.group, func(line []string) bool { return line[0] == name })
}

// UserName and GroupName write a number as ls does: as a name, or else in digits.
func (a Accounts) UserName(id uint32) string  { return nameOf(a.passwd, id) }
func (a Accounts) GroupName(id uint32) string { return nameOf(a.group, id) }

func nameOf(lines [][]string, id uint32) string {
	text := strconv.FormatUint(uint64(id), 10)
	for _, line := range lines {
		if line[2] == text && line[0] != "" {
			return cut(clean(line[0]))
		}
	}
	return text
}

// withNumber is a name with its number after it, and a number alone where it has
// no name.
func withNumber(name string, id uint32) string {
	if text := strconv.FormatUint(uint64(id), 10); name == text {
		return text
	}
	return fmt.Sprintf("%s (%d)", name, id)
}

func number(text string) (uint32, error) {
	n, err := strconv.ParseUint(text, 10, 32)
	return uint32(n), err
}
