package host

import (
	"context"
	"fmt"
	"io/fs"
)

// User is a program that has the chip open.
type User struct {
	PID int `json:"pid"`
	// Program is what the kernel calls it: 15 characters at most, and never its
	// arguments, in which there may be secrets.
	Program string `json:"program"`
	Node    string `json:"node"`
}

// maxUsers bounds the list of programs.
const maxUsers = 100

// users looks at which files each process has open. Of other people's processes
// only root sees that.
func (a *ChipAccess) users(ctx context.Context, fsys fs.FS, self int) {
	hidden := 0
	for _, p := range processes(fsys) {
		if p.PID == self {
			continue
		}
		if err := ctx.Err(); err != nil {
			a.Notes = append(a.Notes, "programs: not all were checked: "+err.Error())
			return
		}
		open, err := chipNodes(fsys, p)
		if err != nil {
			hidden++ // it ended, or it is another user's
		}
		for _, node := range open {
			if len(a.Users) < maxUsers {
				a.Users = append(a.Users, User{PID: p.PID, Program: p.Name, Node: cut(clean(node))})
			}
		}
	}
	if hidden > 0 {
		a.Notes = append(a.Notes, fmt.Sprintf("programs: this user may not see what %d of them have open", hidden))
	}
}
