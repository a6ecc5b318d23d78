package aziot

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Process is one that runs. Its number alone may be another's later.
type Process struct {
	PID     int
	Started string // clock ticks since the machine started, proc_pid_stat(5)
}

// Holder is a process that has the chip open.
type Holder struct {
	PID  int    `json:"pid"`
	Name string `json:"name"`
	Unit string `json:"unit"` // of systemd, "" where there is none
	Node string `json:"node"`
}

// Alone tells whether it keeps others out: the raw node is one process's at a
// time, and what it leaves on the chip no resource manager takes away.
func (h Holder) Alone() bool { return !strings.HasPrefix(h.Node, "/dev/tpmrm") }

// TPMDaemons are the processes of IoT Edge's TPM daemon.
func (m Machine) TPMDaemons() []Process {
	fsys := m.files()
	var all []Process
	for _, pid := range pids(fsys) {
		dir := path.Join("proc", strconv.Itoa(pid))
		if comm(fsys, dir) != "aziot-tpmd" {
			continue
		}
		if started, err := startOf(fsys, dir); err == nil {
			all = append(all, Process{pid, started})
		}
	}
	return all
}

// AtWork names those of IoT Edge's daemons that run and that a registration made
// by somebody else would disturb: the ones that work with the chip and with DPS.
func (m Machine) AtWork() []string {
	fsys := m.files()
	var running []string
	for _, pid := range pids(fsys) {
		switch name := comm(fsys, path.Join("proc", strconv.Itoa(pid))); name {
		case "aziot-identityd", "aziot-tpmd":
			running = append(running, name)
		}
	}
	slices.Sort(running)
	return slices.Compact(running)
}

// comm is what the kernel calls a process, "" if it has ended.
func comm(fsys fs.FS, dir string) string {
	name, _ := fs.ReadFile(fsys, dir+"/comm")
	return strings.TrimSpace(string(name))
}

// StillThere are those of the processes before that run on.
func StillThere(before, now []Process) []Process {
	return slices.DeleteFunc(slices.Clone(before), func(p Process) bool { return !slices.Contains(now, p) })
}

// startOf reads field 22 of stat. The second one, the name, may have blanks and
// brackets in it, so what is counted begins behind the last bracket.
func startOf(fsys fs.FS, dir string) (string, error) {
	stat, err := fs.ReadFile(fsys, dir+"/stat")
	if err != nil {
		return "", err
	}
	fields := strings.Fields(string(stat)[strings.LastIndexByte(string(stat), ')')+1:])
	if len(fields) < 20 {
		return "", fmt.Errorf("%s/stat has too few fields", dir)
	}
	return fields[19], nil
}

// Holders are the processes that have a node of the chip open, but for this one.
// Those of others only root can see.
func (m Machine) Holders() []Holder {
	fsys := m.files()
	var all []Holder
	for _, pid := range pids(fsys) {
		dir := path.Join("proc", strconv.Itoa(pid))
		open, err := fs.ReadDir(fsys, dir+"/fd")
		if err != nil || m.Root == "" && pid == os.Getpid() {
			continue
		}
		for _, fd := range open {
			node, err := os.Readlink(m.path("/" + dir + "/fd/" + fd.Name()))
			if err != nil || !chipNode.MatchString(node) {
				continue
			}
			h := Holder{PID: pid, Name: comm(fsys, dir), Unit: unitOf(fsys, dir), Node: node}
			if !slices.Contains(all, h) {
				all = append(all, h)
			}
		}
	}
	return all
}

// unitOf finds the service that a process belongs to by its control group.
func unitOf(fsys fs.FS, dir string) string {
	groups, _ := fs.ReadFile(fsys, dir+"/cgroup")
	for line := range strings.Lines(string(groups)) {
		for part := range strings.SplitSeq(strings.TrimSpace(line), "/") {
			if strings.HasSuffix(part, ".service") {
				return part
			}
		}
	}
	return ""
}

func pids(fsys fs.FS) []int {
	entries, _ := fs.ReadDir(fsys, "proc")
	var all []int
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			all = append(all, pid)
		}
	}
	slices.Sort(all)
	return all
}
