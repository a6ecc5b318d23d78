package host

import (
	"bufio"
	"context"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// User is a program that has the chip open.
type User struct {
	PID int `json:"pid"`
	// Program is what the kernel calls it: 15 characters at most, and never its
	// arguments, in which there may be secrets.
	Program string `json:"program"`
	Node    string `json:"node"`
}

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
