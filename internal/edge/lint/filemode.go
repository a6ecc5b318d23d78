package lint

import (
	"fmt"
	"io/fs"
	"strings"

	"tpmdps/internal/text"
)

// FileFacts say how a file is kept, on a system with modes and owners.
type FileFacts struct {
	Path     string // to be typed into a command
	Mode     fs.FileMode
	UID, GID uint32
}

// file looks at who can read the file and change it. IoT Edge's package installs
// it for root alone.
func (c *checker) file() {
	f := c.options.File
	if f == nil {
		return
	}
	mode := f.Mode.Perm()
	finding := Finding{Rule: "file-mode", Severity: Warning, Fix: "sudo chmod 600 " + text.ShellWord(f.Path)}
	switch {
	case mode&0o002 != 0:
		finding.Severity = Error
		finding.Message = fmt.Sprintf("everybody on this machine can change the file (mode %04o)", mode)
	case mode&0o044 != 0 && len(c.secrets) > 0:
		finding.Severity = Error
		finding.Message = fmt.Sprintf("others can read the file (mode %04o), and it holds %s", mode, strings.Join(first(c.secrets, 3), ", "))
	case mode&0o077 != 0:
		finding.Message = fmt.Sprintf("others can read or change the file (mode %04o)", mode)
	}
	if finding.Message != "" {
		c.add(finding)
	}
	if f.UID != 0 || f.GID != 0 {
		c.add(Finding{Rule: "file-owner", Severity: Warning, Message: fmt.Sprintf("the file belongs to user %d and group %d, not to root", f.UID, f.GID), Fix: "sudo chown root:root " + text.ShellWord(f.Path)})
	}
}

// first is the head of a list, and a sign that there is more.
func first(list []string, n int) []string {
	if len(list) <= n {
		return list
	}
	return append(list[:n:n], "…")
}
