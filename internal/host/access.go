package host

import (
	"context"
	"io/fs"
	"os"
	"path"
	"regexp"
	"strings"
)

// ChipAccess is who can reach the chip, and how.
type ChipAccess struct {
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

// Bounds for what is listed.
const (
	maxRules    = 100
	maxRuleFile = 256 << 10
	tpmNodes    = "dev/tpm*"
)

// ChipAccess reads it from the files of a Linux system, all programs but this one.
// It stops looking for programs when the context ends.
func (m Machine) ChipAccess(ctx context.Context) ChipAccess {
	return readAccess(ctx, m.files(), os.Getpid())
}

// readAccess leaves out the process self.
func readAccess(ctx context.Context, fsys fs.FS, self int) ChipAccess {
	a := ChipAccess{Chips: []Chip{}, Nodes: []Node{}, Rules: []Rule{}, Users: []User{}, Notes: []string{}}
	for _, dir := range glob(fsys, "sys/class/tpm/tpm*") {
		a.Chips = append(a.Chips, Chip{
			Name: clean(path.Base(dir)), Driver: target(fsys, dir+"/device/driver"), Device: target(fsys, dir+"/device"),
			Description: line(fsys, dir+"/device/description"), Major: line(fsys, dir+"/tpm_version_major"),
		})
	}
	local, _ := readAccounts(fsys) // without them there are numbers
	for _, name := range glob(fsys, tpmNodes) {
		info, err := fs.Lstat(fsys, name)
		if err != nil {
			a.Notes = append(a.Notes, err.Error())
			continue
		}
		n := Node{Path: "/" + clean(name), Mode: info.Mode().String()}
		if uid, gid, ok := owner(info); ok {
			n.Owner, n.Group = withNumber(local.UserName(uid), uid), withNumber(local.GroupName(gid), gid)
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
