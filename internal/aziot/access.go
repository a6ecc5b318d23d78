package aziot

import (
	"errors"
	"fmt"
	"io/fs"
	"path"

	"tpmdps/internal/host"
)

// Verdict is how a look at the daemon's access came out.
type Verdict string

// What is known of the daemon's access to the chip.
const (
	Allowed Verdict = "allowed"
	Denied  Verdict = "denied"
	NoNode  Verdict = "no-node" // there is no chip, or no driver for it
	NoUser  Verdict = "no-user" // the daemon is not installed
	Other   Verdict = "other"   // it opens no node
	Unknown Verdict = "unknown" // the machine could not be asked
)

// Access says whether IoT Edge's TPM daemon can open the chip.
type Access struct {
	User string `json:"user"`
	TCTI string `json:"tcti"`
	// Node is the one that the daemon opens, or the first that it is refused;
	// "" where there is none.
	Node    string  `json:"node"`
	Owner   string  `json:"owner"`
	Group   string  `json:"group"`
	Mode    string  `json:"mode"` // as ls writes it: crw-rw----
	Verdict Verdict `json:"verdict"`
	Reason  string  `json:"reason"`
	// Hint is what to do, "" where nothing is.
	Hint string `json:"hint"`
}

// String is the access in a line.
func (a Access) String() string {
	node := fmt.Sprintf("%s (%s %s:%s)", a.Node, a.Mode, a.Owner, a.Group)
	switch {
	case a.Verdict == Allowed:
		return fmt.Sprintf("%s may open %s: %s", a.User, node, a.Reason)
	case a.Verdict == Denied:
		return fmt.Sprintf("%s may not open %s: %s", a.User, node, a.Reason)
	case a.Node != "":
		return fmt.Sprintf("%s, who would open %s: %s", a.User, node, a.Reason)
	}
	return fmt.Sprintf("%s opens no TPM here: %s", a.User, a.Reason)
}

// Access looks at the nodes that a TCTI string leads to, and says which of them
// the daemon would open. What is looked at is what the kernel asks: owner, group,
// mode and access list. A unit of systemd may take more away (DevicePolicy=,
// PrivateDevices=); IoT Edge's has nothing of the kind.
func (i Installation) Access(tcti string) Access {
	a := Access{User: User, TCTI: tcti}
	w := parseTCTI(tcti)
	if w.nodes == nil {
		a.Verdict, a.Reason = Other, w.other
		return a
	}
	local, err := i.Machine.Accounts()
	if err != nil {
		a.Verdict, a.Reason = Unknown, err.Error()
		return a
	}
	user, installed := local.User(User)
	for _, name := range w.nodes {
		one := i.checkNode(a, name, user, local)
		switch {
		case one.Verdict == NoNode:
			continue
		case !installed:
			return one.withoutUser()
		case one.Verdict == Allowed && a.Node != "":
			one.Reason += fmt.Sprintf(", but not %s, so that it bypasses the kernel's resource manager", a.Node)
			one.Hint = hintRule
			return one
		case one.Verdict == Allowed:
			return one
		case a.Node == "":
			a = one
		}
	}
	switch {
	case !installed:
		return a.withoutUser()
	case a.Node == "":
		a.Verdict, a.Reason = NoNode, "there is no "+list(w.nodes)
		a.Hint = "is the TPM switched on in the firmware setup? dmesg | grep -i tpm shows whether there is a driver for it"
	}
	return a
}

// withoutUser is for a machine that has no such user.
func (a Access) withoutUser() Access {
	a.Verdict, a.Reason, a.Hint = NoUser, "there is no user "+a.User, HintInstall
	return a
}

// HintInstall says where the user comes from.
const HintInstall = "install IoT Edge, the package aziot-edge, or aziot-identity-service alone"

const hintRule = "sudo tpmdps config --udev"

// checkNode asks one node.
func (i Installation) checkNode(a Access, name string, user host.Account, local host.Accounts) Access {
	p, err := permissionOf(i.Machine.Path(name))
	if errors.Is(err, fs.ErrNotExist) {
		a.Verdict = NoNode
		return a
	}
	a.Node = name
	if err != nil {
		a.Verdict, a.Reason = Unknown, err.Error()
		return a
	}
	a.Owner, a.Group, a.Mode = local.UserName(p.uid), local.GroupName(p.gid), lsMode(p.mode)
	if dir := i.closedDir(name, user); dir != "" {
		a.Verdict, a.Reason, a.Hint = Denied, fmt.Sprintf("%s may not enter %s", User, dir), "chmod or chown "+dir
		return a
	}
	ok, by := p.allows(user, readWrite)
	a.Verdict = Allowed
	if !ok {
		a.Verdict, a.Hint = Denied, hintRule
	}
	a.Reason = a.explain(ok, by, len(p.acl) > 0)
	return a
}

// explain says which rule decided.
func (a Access) explain(ok bool, by class, acl bool) string {
	switch {
	case by == byRoot:
		return User + " is root"
	case ok && by == byOwner:
		return User + " owns it"
	case ok && by == byGroup && acl:
		return "its group or access list lets in a group of " + User
	case ok && by == byGroup:
		return User + " is in its group, " + a.Group
	case ok && by == byName:
		return "its access list names " + User
	case ok:
		return "everybody may open it"
	case by == byOwner:
		return fmt.Sprintf("%s owns it, and its mode keeps the owner out", User)
	case by == byGroup:
		return fmt.Sprintf("%s is in its group, which may not both read and write", User)
	case by == byName:
		return fmt.Sprintf("its access list names %s, but not for reading and writing", User)
	}
	return fmt.Sprintf("it is %s's and group %s's, and %s is neither", a.Owner, a.Group, User)
}

// closedDir is the directory above a node that the user may not enter, "" if
// there is none.
func (i Installation) closedDir(name string, user host.Account) string {
	for dir := path.Dir(name); dir != "/" && dir != "."; dir = path.Dir(dir) {
		p, err := permissionOf(i.Machine.Path(dir))
		if err != nil {
			continue
		}
		if ok, _ := p.allows(user, search); !ok {
			return dir
		}
	}
	return ""
}

// lsMode writes a mode as ls does: Go has "Dcrw-rw----" for a node.
func lsMode(mode fs.FileMode) string {
	kind := "-"
	switch {
	case mode&fs.ModeCharDevice != 0:
		kind = "c"
	case mode&fs.ModeSocket != 0:
		kind = "s"
	case mode&fs.ModeDevice != 0:
		kind = "b"
	}
	return kind + mode.Perm().String()[1:]
}

// list joins names as a sentence has them.
func list(names []string) string {
	if len(names) == 1 {
		return names[0]
	}
	text := names[0]
	for _, name := range names[1 : len(names)-1] {
		text += ", " + name
	}
	return text + " and no " + names[len(names)-1]
}
