package aziot

import (
	"bufio"
	"bytes"
	"io/fs"
	"slices"
	"strconv"
	"strings"
)

// account is a user with the groups that systemd gives to a service with User=:
// the one in passwd, and those whose members it is among.
type account struct {
	name   string
	uid    uint32
	groups []uint32
}

// accounts are the local ones: passwd(5) and group(5). IoT Edge's packages make
// their users there, and udev wants them there.
type accounts struct{ passwd, group [][]string }

func (m Machine) accounts() (a accounts, err error) {
	if a.passwd, err = readColons(m.files(), "etc/passwd"); err != nil {
		return a, err
	}
	a.group, err = readColons(m.files(), "etc/group")
	return a, err
}

// readColons reads lines of fields between colons.
func readColons(fsys fs.FS, name string) (lines [][]string, err error) {
	data, err := fs.ReadFile(fsys, name)
	if err != nil {
		return nil, err
	}
	for s := bufio.NewScanner(bytes.NewReader(data)); s.Scan(); {
		if fields := strings.Split(s.Text(), ":"); len(fields) >= 3 {
			lines = append(lines, fields)
		}
	}
	return lines, nil
}

func (a accounts) user(name string) (u account, found bool) {
	for _, line := range a.passwd {
		if line[0] != name || len(line) < 4 {
			continue
		}
		uid, err := number(line[2])
		gid, err2 := number(line[3])
		if err != nil || err2 != nil {
			return u, false
		}
		u = account{name: name, uid: uid, groups: []uint32{gid}}
		for _, line := range a.group {
			if gid, err := number(line[2]); err == nil && len(line) > 3 && slices.Contains(strings.Split(line[3], ","), name) {
				u.groups = append(u.groups, gid)
			}
		}
		return u, true
	}
	return u, false
}

func (a accounts) hasGroup(name string) bool {
	return slices.ContainsFunc(a.group, func(line []string) bool { return line[0] == name })
}

// userName and groupName write a number as ls does.
func (a accounts) userName(id uint32) string  { return nameOf(a.passwd, id) }
func (a accounts) groupName(id uint32) string { return nameOf(a.group, id) }

func nameOf(lines [][]string, id uint32) string {
	text := strconv.FormatUint(uint64(id), 10)
	for _, line := range lines {
		if line[2] == text {
			return line[0]
		}
	}
	return text
}

func number(text string) (uint32, error) {
	n, err := strconv.ParseUint(text, 10, 32)
	return uint32(n), err
}
