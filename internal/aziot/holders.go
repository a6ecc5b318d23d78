package aziot

import (
	"os"
	"slices"
	"strings"

	"tpmdps/internal/host"
)

// Holder is a process that has the chip open.
type Holder struct {
	PID  int    `json:"pid"`
	Name string `json:"name"`
	Unit string `json:"unit"` // of systemd, "" where there is none
	Node string `json:"node"`
}

// Exclusive tells whether it keeps others out: the raw node is one process's at a
// time, and what it leaves on the chip no resource manager takes away.
func (h Holder) Exclusive() bool { return !strings.HasPrefix(h.Node, "/dev/tpmrm") }

// TPMDaemons are the processes of IoT Edge's TPM daemon.
func (i Installation) TPMDaemons() []host.Process {
	return slices.DeleteFunc(i.Machine.Processes(), func(p host.Process) bool { return p.Name != tpmDaemon || p.Started == "" })
}

// AtWork names those of IoT Edge's daemons that run and that a registration made
// by somebody else would disturb: the ones that work with the chip and with DPS.
func (i Installation) AtWork() []string {
	var running []string
	for _, p := range i.Machine.Processes() {
		if p.Name == "aziot-identityd" || p.Name == tpmDaemon {
			running = append(running, p.Name)
		}
	}
	slices.Sort(running)
	return slices.Compact(running)
}

// stillRunning are those of the processes before that run on.
func stillRunning(before, now []host.Process) []host.Process {
	return slices.DeleteFunc(slices.Clone(before), func(p host.Process) bool { return !slices.Contains(now, p) })
}

// Holders are the processes that have a node of the chip open, but for this one.
// Those of others only root can see.
func (i Installation) Holders() []Holder {
	var all []Holder
	for _, p := range i.Machine.Processes() {
		if i.Machine.Root == "" && p.PID == os.Getpid() {
			continue
		}
		nodes, err := i.Machine.ChipNodes(p)
		if err != nil {
			continue
		}
		for _, node := range nodes {
			if chipNode.MatchString(node) {
				all = append(all, Holder{PID: p.PID, Name: p.Name, Unit: i.Machine.Unit(p), Node: node})
			}
		}
	}
	return all
}
