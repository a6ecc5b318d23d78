package host

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// ErrNotRoot: the work needs root.
var ErrNotRoot = errors.New("only root may do this")

// Machine is the machine that is looked at and changed: this one, or in tests a
// directory that stands for it. The zero value is this machine, as root sees it.
type Machine struct {
	// Root is the directory that stands for /; "" is / itself. Programs are
	// found in the PATH anyway.
	Root string
	// UID is the user of this process, 0 for root.
	UID int
	// Env is the environment of the programs that are run; nil is this
	// process's.
	Env []string
}

// This is the machine that the program runs on.
func This() Machine { return Machine{UID: os.Geteuid()} }

// Path is where a file of the machine is; name begins with a slash.
func (m Machine) Path(name string) string {
	if m.Root == "" {
		return name
	}
	return filepath.Join(m.Root, name)
}

// files is the machine's file tree, with names that do not begin with a slash.
func (m Machine) files() fs.FS { return os.DirFS(m.Path("/")) }

// NeedRoot returns ErrNotRoot for any user but root.
func (m Machine) NeedRoot() error {
	if m.UID != 0 {
		return ErrNotRoot
	}
	return nil
}
