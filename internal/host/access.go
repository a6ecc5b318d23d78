package host

import (
	"bufio"
	"context"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Access is who can reach the chip, and how.
type Access struct {
	// Chips are what the kernel has found.
	Chips []Chip `json:"chips"`
	// Nodes are the ways to it in /dev.
	Nodes []Node `json:"nodes"`
	// Rules are udev's lines on those nodes.
	Rules []Rule `json:"rules"`
	// Users are the programs that have one of the nodes open.
	Users []User `json:"users"`
	// Notes are sentences on what could not be seen.
	Notes []string `json:"notes"`
}

// Chip is a TPM as sysfs shows it.
type Chip struct {
	Name string `json:"name"` // tpm0
	// Driver has bound it; Device is the firmware's name of it, such as
	// MSFT0101:00; Description is the firmware's.
	Driver      string `json:"driver"`
	Device      string `json:"device"`
	Description string `json:"description"`
	// Major is the TPM's version: "2" or "1"; empty before Linux 5.5.
	Major string `json:"major"`
}

// Node is a device file.
type Node struct {
	Path string `json:"path"`
	// Mode is as ls writes it, Owner and Group with their numbers.
	Mode  string `json:"mode"`
	Owner string `json:"owner"`
	Group string `json:"group"`
}

// Rule is one line of udev's.
type Rule struct {
	File string `json:"file"`
	Line string `json:"line"`
}

// User is a program that has the chip open.
type User struct {
	PID int `json:"pid"`
	// Program is what the kernel calls it: 15 characters at most, and never its
	// arguments, in which there may be secrets.
	Program string `json:"program"`
	Node    string `json:"node"`
}

// Bounds for what is listed.
const (
	maxRules     = 100
	maxRuleFile  = 256 << 10
	maxUsers     = 100
	maxAccounts  = 1 << 20
	tpmNodes     = "dev/tpm*"
	passwordFile = "etc/passwd"
	groupFile    = "etc/group"
)

// ReadAccess reads it from the files of a Linux system. fsys is its root
// directory; self is the process that is not to be counted, the caller's. It
// stops looking for programs when the context ends.
func ReadAccess(ctx context.Context, fsys fs.FS, self int) Access {
	a := Access{Chips: []Chip{}, Nodes: []Node{}, Rules: []Rule{}, Users: []User{}, Notes: []string{}}
	for _, dir := range glob(fsys, "sys/class/tpm/tpm*") {
		a.Chips = append(a.Chips, Chip{
			Name: clean(path.Base(dir)), Driver: target(fsys, dir+"/device/driver"), Device: target(fsys, dir+"/device"),
			Description: line(fsys, dir+"/device/description"), Major: line(fsys, dir+"/tpm_version_major"),
		})
	}
	owners, groups := accounts(fsys, passwordFile), accounts(fsys, groupFile)
	for _, name := range glob(fsys, tpmNodes) {
		info, err := fs.Lstat(fsys, name)
		if err != nil {
			a.Notes = append(a.Notes, err.Error())
			continue
		}
		n := Node{Path: "/" + clean(name), Mode: info.Mode().String()}
		if uid, gid, ok := owner(info); ok {
			n.Owner, n.Group = account(owners, uid), account(groups, gid)
		}
		a.Nodes = append(a.Nodes, n)
	}
	a.Rules = rules(fsys)
	a.users(ctx, fsys, self)
	return a
}

// target is the last part of what a link of sysfs points to.
func target(fsys fs.FS, name string) string {
	to, err := fs.ReadLink(fsys, name)
	if err != nil {
		return ""
	}
	return cut(clean(path.Base(to)))
}

// rules lists the lines on TPMs in udev's rules, those that the administrator
// wrote first.
func rules(fsys fs.FS) []Rule {
	found := []Rule{}
	dirs := []string{"etc/udev/rules.d", "run/udev/rules.d", "usr/local/lib/udev/rules.d", "usr/lib/udev/rules.d"}
	if info, err := fs.Lstat(fsys, "lib"); err == nil && info.IsDir() { // not where /lib is a link to /usr/lib
		dirs = append(dirs, "lib/udev/rules.d")
	}
	for _, dir := range dirs {
		for _, name := range glob(fsys, dir+"/*.rules") {
			text, err := readSome(fsys, name, maxRuleFile)
			if err != nil {
				continue
			}
			for text := range strings.Lines(text) {
				text = cut(clean(text))
				if strings.HasPrefix(text, "#") || !tpmRule.MatchString(text) || len(found) >= maxRules {
					continue
				}
				found = append(found, Rule{"/" + clean(name), text})
			}
		}
	}
	return found
}

// tpmRule finds a rule on a TPM, by its kernel name, its subsystem or its user.
var tpmRule = regexp.MustCompile(`(?i)"[^"]*\btpm|aziottpm|tss\b`)

// users looks at which files each process has open. Of other people's processes
// only root sees that.
func (a *Access) users(ctx context.Context, fsys fs.FS, self int) {
	hidden := 0
	for _, dir := range glob(fsys, "proc/[0-9]*") {
		pid, err := strconv.Atoi(path.Base(dir))
		if err != nil || pid == self {
			continue
		}
		if err := ctx.Err(); err != nil {
			a.Notes = append(a.Notes, "programs: not all were looked at: "+err.Error())
			return
		}
		files, err := fs.ReadDir(fsys, dir+"/fd")
		if err != nil {
			hidden++ // it ended, or it is another user's
			continue
		}
		var open []string
		for _, f := range files {
			if to, err := fs.ReadLink(fsys, dir+"/fd/"+f.Name()); err == nil && strings.HasPrefix(to, "/dev/tpm") && !slices.Contains(open, to) {
				open = append(open, to)
			}
		}
		for _, node := range open {
			if len(a.Users) < maxUsers {
				a.Users = append(a.Users, User{PID: pid, Program: line(fsys, dir+"/comm"), Node: cut(clean(node))})
			}
		}
	}
	if hidden > 0 {
		a.Notes = append(a.Notes, fmt.Sprintf("programs: what %d of them have open, this user may not see", hidden))
	}
}

// accounts maps the numbers of passwd(5) or group(5) to names.
func accounts(fsys fs.FS, file string) map[uint32]string {
	names := map[uint32]string{}
	text, err := readSome(fsys, file, maxAccounts)
	if err != nil {
		return names
	}
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		fields := strings.Split(lines.Text(), ":")
		if len(fields) < 3 {
			continue
		}
		if id, err := strconv.ParseUint(fields[2], 10, 32); err == nil && names[uint32(id)] == "" {
			names[uint32(id)] = cut(clean(fields[0]))
		}
	}
	return names
}

func account(names map[uint32]string, id uint32) string {
	if name := names[id]; name != "" {
		return fmt.Sprintf("%s (%d)", name, id)
	}
	return fmt.Sprint(id)
}
