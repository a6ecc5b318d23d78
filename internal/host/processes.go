package host

import (
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Process is one that runs. Its number alone may be another's later.
type Process struct {
	PID     int
	Name    string // what the kernel calls it: 15 characters at most
	Started string // clock ticks since the machine started, proc_pid_stat(5); "" if it has ended
}

func (p Process) dir() string { return path.Join("proc", strconv.Itoa(p.PID)) }

// Processes lists those that run, by their numbers.
func (m Machine) Processes() []Process { return processes(m.files()) }

func processes(fsys fs.FS) []Process {
	entries, _ := fs.ReadDir(fsys, "proc")
	var all []Process
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		p := Process{PID: pid}
		p.Name = line(fsys, p.dir()+"/comm")
		p.Started = started(fsys, p.dir())
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b Process) int { return a.PID - b.PID })
	return all
}

// started reads field 22 of stat. The second one, the name, may have blanks and
// brackets in it, so what is counted begins after the last bracket.
func started(fsys fs.FS, dir string) string {
	stat, err := fs.ReadFile(fsys, dir+"/stat")
	if err != nil {
		return ""
	}
	fields := strings.Fields(string(stat)[strings.LastIndexByte(string(stat), ')')+1:])
	if len(fields) < 20 {
		return ""
	}
	return fields[19]
}

// ChipNodes are the nodes of a TPM that a process has open, each once. Of another
// user's process only root sees that: the error is of reading its directory.
func (m Machine) ChipNodes(p Process) ([]string, error) { return chipNodes(m.files(), p) }

func chipNodes(fsys fs.FS, p Process) ([]string, error) {
	files, err := fs.ReadDir(fsys, p.dir()+"/fd")
	if err != nil {
		return nil, err
	}
	var open []string
	for _, f := range files {
		node, err := fs.ReadLink(fsys, p.dir()+"/fd/"+f.Name())
		if err == nil && strings.HasPrefix(node, "/dev/tpm") && !slices.Contains(open, node) {
			open = append(open, node)
		}
	}
	return open, nil
}

// Unit is the service of systemd that a process belongs to, by its control group;
// "" if there is none.
func (m Machine) Unit(p Process) string {
	groups, _ := fs.ReadFile(m.files(), p.dir()+"/cgroup")
	for line := range strings.Lines(string(groups)) {
		for part := range strings.SplitSeq(strings.TrimSpace(line), "/") {
			if strings.HasSuffix(part, ".service") {
				return part
			}
		}
	}
	return ""
}
