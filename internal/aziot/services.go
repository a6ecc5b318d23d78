package aziot

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// State is how a daemon is.
type State string

// The states of a daemon. IoT Edge starts the one at the top; the others are
// started by their sockets when somebody asks, and are ready before.
const (
	stateRunning  State = "running"
	stateReady    State = "ready"    // its socket listens
	stateStarting State = "starting" // or it ends again and again
	stateFailed   State = "failed"
	stateStopped  State = "stopped"
)

// Daemon is one of IoT Edge's, as systemd sees it.
type Daemon struct {
	Name  string `json:"name"`
	State State  `json:"state"`
	// Detail says why it is no good, "" where it is.
	Detail string `json:"detail"`
}

// service is a daemon with its units.
type service struct {
	name    string
	sockets []string
}

// services are IoT Edge's, in the order of "iotedge system status". Of
// aziotctl's own the first is missing.
var services = []service{
	{"aziot-edged", []string{"aziot-edged.mgmt.socket", "aziot-edged.workload.socket"}},
	{"aziot-identityd", []string{"aziot-identityd.socket"}},
	{"aziot-keyd", []string{"aziot-keyd.socket"}},
	{"aziot-certd", []string{"aziot-certd.socket"}},
	{"aziot-tpmd", []string{"aziot-tpmd.socket"}},
}

// errNoUnits: systemd knows no daemon of IoT Edge, or there is no systemd.
var errNoUnits = errors.New("systemd does not report the state of the daemons")

// steadyLooks is how many looks in a row have to be the same: a daemon that
// cannot work starts and ends again, every five seconds.
const steadyLooks = 4

// maxRestarts is when a daemon counts as one that does not come up.
const maxRestarts = 3

// Daemons waits until IoT Edge's daemons have come up, or until it is seen that
// they do not, or until ctx ends; then it returns how they are. The error wraps
// errNoUnits where nobody can tell.
func (i Installation) Daemons(ctx context.Context) ([]Daemon, error) {
	pause := i.Pause
	if pause == 0 {
		pause = time.Second
	}
	var last []Daemon
	for same := 1; ; same++ {
		u, err := i.units(ctx)
		if err != nil {
			if ctx.Err() != nil && last != nil {
				return last, nil
			}
			return last, err
		}
		now := daemons(u)
		if !slices.Equal(now, last) {
			last, same = now, 1
		}
		if len(now) == 0 {
			return nil, fmt.Errorf("%w: it knows none of them", errNoUnits)
		}
		if same >= steadyLooks && !changing(now) || u.restarting() {
			return now, nil
		}
		select {
		case <-ctx.Done():
			return now, nil
		case <-time.After(pause):
		}
	}
}

// changing tells whether a daemon is on its way up.
func changing(all []Daemon) bool {
	return slices.ContainsFunc(all, func(d Daemon) bool { return d.State == stateStarting })
}

// down lists the daemons that did not come up.
func down(all []Daemon) []Daemon {
	return slices.DeleteFunc(slices.Clone(all), func(d Daemon) bool { return d.State == stateRunning || d.State == stateReady })
}

// units are what systemctl show says of each unit, by its name.
type units map[string]map[string]string

// units asks for all of them at once.
func (i Installation) units(ctx context.Context) (units, error) {
	args := []string{"show", "--property=Id,LoadState,ActiveState,SubState,NRestarts,Result", "--"}
	for _, s := range services {
		args = append(append(args, s.name+".service"), s.sockets...)
	}
	text, err := i.program("systemctl", args...).Output(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNoUnits, err)
	}
	all := units{}
	for block := range strings.SplitSeq(text, "\n\n") {
		unit := map[string]string{}
		for line := range strings.Lines(block) {
			name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
			unit[name] = value
		}
		if unit["LoadState"] == "loaded" {
			all[unit["Id"]] = unit
		}
	}
	return all, nil
}

// restarting tells whether one of them ends again and again.
func (u units) restarting() bool {
	for _, s := range services {
		unit := u[s.name+".service"]
		if unit["ActiveState"] == "activating" && restarts(unit) >= maxRestarts {
			return true
		}
	}
	return false
}

func restarts(unit map[string]string) int {
	n, _ := strconv.Atoi(unit["NRestarts"])
	return n
}

// daemons are those that are installed.
func daemons(u units) []Daemon {
	var all []Daemon
	for _, s := range services {
		if unit, installed := u[s.name+".service"]; installed {
			all = append(all, s.state(unit, u, len(all) == 0))
		}
	}
	return all
}

// state is what "iotedge system status" would make of it. The first daemon has
// to run: nobody asks for it.
func (s service) state(unit map[string]string, u units, first bool) Daemon {
	d := Daemon{Name: s.name}
	notListening := ""
	for _, name := range s.sockets {
		if socket, installed := u[name]; installed && socket["ActiveState"] != "active" {
			notListening = name
		}
	}
	switch active := unit["ActiveState"]; {
	case active == "active" && notListening == "":
		d.State = stateRunning
	case active == "inactive" && notListening == "" && !first && len(s.sockets) > 0:
		d.State = stateReady
	case active == "active":
		d.State, d.Detail = stateFailed, notListening+" does not listen"
	case active == "activating" || active == "deactivating" || active == "reloading":
		d.State = stateStarting
		if n := restarts(unit); n > 0 {
			d.Detail = fmt.Sprintf("it ended %d times and is being restarted: %s", n, unit["Result"])
		}
	case active == "failed":
		d.State, d.Detail = stateFailed, unit["Result"]
	default:
		d.State, d.Detail = stateStopped, unit["SubState"]
	}
	return d
}
