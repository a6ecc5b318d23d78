package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"tpmdps/internal/aziot"
	"tpmdps/internal/edge"
	"tpmdps/internal/edge/mask"
	"tpmdps/internal/host"
	"tpmdps/internal/provision"
	"tpmdps/internal/text"
	"tpmdps/internal/tpm"
)

// What can be wrong although the configuration was applied.
var (
	errDaemons   = errors.New("not all of IoT Edge came up")
	errOldDaemon = errors.New("aziot-tpmd runs since before, with the old configuration")
)

// daemonsLimit is how long the daemons may take to come up. Slow machines take
// some seconds for each.
const daemonsLimit = time.Minute

func applyFlags() []cli.Flag {
	return []cli.Flag{
		&cli.BoolFlag{Name: "apply", Usage: "then put the file into effect with iotedge config apply, wait for IoT Edge, and ask DPS for a challenge"},
	}
}

// checkApply says before a file is written what would keep it from being
// applied.
func checkApply(s *session) error {
	if err := s.excludes("apply", "check", "udev", "dry-run"); err != nil {
		return err
	}
	if s.flag.String("config") == "-" || s.flag.String("for") == "1.1" {
		return fmt.Errorf("%w: --apply: only a config.toml in a file can be applied", errUsage)
	}
	if err := needLinux("apply"); err != nil {
		return err
	}
	m := here()
	if _, err := m.Tool(aziot.ConfigFile); err != nil {
		return nil // there is nothing that root would be needed for
	}
	return m.Machine.NeedRoot()
}

// applyConfig puts a file into effect, and finds out whether that did it.
func applyConfig(s *session, file string) error {
	if err := needLinux("apply"); err != nil {
		return err
	}
	path, err := filepath.Abs(file)
	if err != nil {
		return err
	}
	m := here()
	tool, err := m.Tool(path)
	r := applyResult{File: path, Command: "sudo " + tool.String(), Daemons: []aziot.Daemon{}, Holders: []aziot.Holder{}, Restart: []string{}}
	if err != nil {
		s.say("IoT Edge is not installed here; run later: %s", r.Command)
		return s.print(r)
	}
	if err := m.Machine.NeedRoot(); err != nil {
		return err
	}
	before := m.TPMDaemons()
	if err := m.Apply(s.ctx, tool, func(line string) { s.say("%s", text.Printable(line, 4000)) }); err != nil {
		if s.ctx.Err() != nil {
			s.say("warning: IoT Edge may be stopped half-way; run it again: %s", r.Command)
		}
		return err
	}
	r.Applied = true
	s.did("%s was applied", path)
	err = r.lookAround(s, m, before)
	if s.ctx.Err() == nil {
		err = r.prove(s, err)
	}
	return s.printAfter(err, r)
}

// lookAround waits for the daemons, and sees who has the chip.
func (r *applyResult) lookAround(s *session, m aziot.Installation, before []host.Process) error {
	s.say("waiting for IoT Edge's daemons, %s at most", daemonsLimit)
	ctx, cancel := context.WithTimeout(s.ctx, daemonsLimit)
	defer cancel()
	all, err := m.Daemons(ctx)
	switch {
	case s.ctx.Err() != nil:
		return s.ctx.Err()
	case err != nil:
		s.say("warning: %v", err)
	default:
		r.Daemons = all
	}
	for _, h := range m.Holders() {
		r.Holders = append(r.Holders, h)
		if h.Exclusive() && h.Name != "aziot-tpmd" {
			s.say("warning: %s (process %d) holds %s, past the kernel's resource manager; what it leaves there may be in the way: %s", h.Name, h.PID, h.Node, stop(h))
		}
	}
	return r.judge(s, len(aziot.StillRunning(before, m.TPMDaemons())) > 0, m)
}

// stop is how a process is ended.
func stop(h aziot.Holder) string {
	if h.Unit != "" {
		return "sudo systemctl stop " + h.Unit
	}
	return fmt.Sprintf("sudo kill %d", h.PID)
}

// judge says what is wrong with the daemons; old is whether the one for the TPM
// was not restarted.
func (r *applyResult) judge(s *session, old bool, m aziot.Installation) error {
	down := aziot.Down(r.Daemons)
	if old {
		r.Restart = append(r.Restart, "aziot-tpmd")
	}
	var words []string
	for _, d := range down {
		words = append(words, strings.TrimSuffix(fmt.Sprintf("%s is %s (%s)", d.Name, d.State, d.Detail), " ()"))
		if d.Name != "aziot-tpmd" {
			continue
		}
		if a := m.Access(daemonTCTI(s)); a.Verdict == aziot.Denied {
			return fmt.Errorf("%w: %s", aziot.ErrAccess, whoMay(a))
		}
	}
	switch {
	case len(down) > 0:
		return fmt.Errorf("%w: %s", errDaemons, strings.Join(words, ", "))
	case old:
		return errOldDaemon
	}
	return nil
}

// prove makes the trip of "verify --until challenge" with what the file says. An
// error of the daemons goes before one of the trip only where it explains it.
func (r *applyResult) prove(s *session, daemons error) error {
	if i := slices.IndexFunc(r.Holders, func(h aziot.Holder) bool { return h.Exclusive() && h.Name == "aziot-tpmd" }); i >= 0 {
		s.say("warning: verify is left out: aziot-tpmd itself has %s, which one program at a time can open", r.Holders[i].Node)
		return daemons
	}
	req, err := provedBy(s, r.File)
	if errors.Is(err, tpm.ErrAddress) {
		s.say("warning: verify is left out: %v", err)
		return daemons
	}
	if err != nil {
		return err
	}
	trip, err := s.trip(req)
	r.Verify = &trip
	switch {
	case err == nil || errors.Is(daemons, aziot.ErrAccess):
		return daemons
	case daemons != nil:
		s.say("warning: %v", daemons)
	}
	return err
}

// provedBy plans the trip from the file alone, as IoT Edge goes by it.
func provedBy(s *session, path string) (provision.Request, error) {
	data, err := readLimited(s.ctx, path, edge.MaxFile)
	if err != nil {
		return provision.Request{}, err
	}
	s.learn(mask.Secrets(data)...)
	file, err := edge.Parse(data)
	if err != nil {
		return provision.Request{}, &edge.FileError{Path: path, Err: err}
	}
	req := provision.Request{IDScope: file.IDScope, RegistrationID: file.RegistrationID, Until: provision.UntilChallenge}
	if req.TPM, req.TPMOptions, err = s.tpmOr(file); err != nil {
		return req, err
	}
	req.IDFrom, req.Configured = path, s.configured(path, file, req.TPM)
	_, err = toService(s, &req, file.GlobalEndpoint)
	return req, err
}
