package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"

	"github.com/urfave/cli/v2"

	"tpmdps/internal/edge"
	"tpmdps/internal/identity"
	"tpmdps/internal/text"
	"tpmdps/internal/tpm"
)

// errDisagree: the file, the chip, the enrollment and the device do not belong
// together.
var errDisagree = errors.New("they disagree")

// checkFlags are --check, and those of the service that it may ask.
func checkFlags() []cli.Flag {
	return append([]cli.Flag{
		&cli.BoolFlag{Name: "check", Usage: "check the file, write nothing: keys, values and traps; whether chip, file, enrollment and device agree"},
	}, serviceFlags()...)
}

// configSettings say what to write; they mean nothing to a check.
var configSettings = []string{
	"id-scope", "registration-id", "id-format", "global-endpoint", "hostname", "auto-reprovisioning-mode",
	"payload-uri", "tcti", "auth-key-index", "for", "replace-provisioning", "dry-run", "backups",
}

// configCheck reports what is wrong with the file, and where it does not fit the
// chip, the enrollment and the device. It writes nothing anywhere.
func configCheck(s *session) error {
	if err := s.excludes("check", configSettings...); err != nil {
		return err
	}
	path := s.flag.String("config")
	data, options, err := readForCheck(s, path)
	if err != nil {
		return err
	}
	report := edge.Check(data, options)
	if path != "-" {
		report.Findings = append(report.Findings, daemonAccess(report.Config)...)
	}
	facts, chip, asked := gather(s, path, data, report.Config)
	report.Findings = append(report.Findings, chip.found...)
	r := checkResult{File: path, Findings: report.Findings, Ticks: edge.Drift(facts), DPS: facts.DPS, stops: chip.stops}
	lineIn(s.ctx).keepFlagsIn(r)
	r.failures, r.warnings = report.Count()
	err = r.conclude(asked)
	r.NotCompared, r.Add = facts.NotCompared(r.Ticks)
	r.Verdict = r.verdict()
	return s.printAfter(err, r)
}

// daemonAccess is a finding if the user that IoT Edge's TPM daemon runs as may not
// open the chip that the file names.
func daemonAccess(file edge.Config) []edge.Finding {
	if runtime.GOOS != "linux" {
		return nil
	}
	f, found := accessFinding(here().Access(tctiOf(file)))
	if !found {
		return nil
	}
	return []edge.Finding{f}
}

// readForCheck reads the file, and how it is kept; "-" is standard input.
func readForCheck(s *session, path string) ([]byte, edge.CheckOptions, error) {
	o := edge.CheckOptions{Path: path}
	if runtime.GOOS != "windows" {
		o.Root = os.DirFS("/")
	}
	if path == "-" {
		data, err := readAtMost(s.in, "standard input", edge.MaxFile)
		s.learn(edge.SecretValues(data)...)
		return data, o, err
	}
	f, err := openInput(s.ctx, path)
	if err != nil {
		return nil, o, err
	}
	defer f.Close()
	info, err := f.file().Stat()
	if err != nil {
		return nil, o, cannotRead(path, err)
	}
	o.File = fileFacts(info, path)
	data, err := readAtMost(f, path, edge.MaxFile)
	s.learn(edge.SecretValues(data)...)
	return data, o, err
}

// gather asks the chip, the service and this machine. What cannot be asked is
// noted; an error is for what should have been possible.
func gather(s *session, path string, data []byte, file edge.Config) (edge.Facts, chipFacts, error) {
	facts := edge.Facts{RegistrationID: smallID(file.RegistrationID), File: path, IDScope: file.IDScope, Endpoint: file.GlobalEndpoint}
	var chipErr, serviceErr error
	chip, why, chipErr := chipKey(s, path, data, file)
	facts.Chip, facts.NoChip = chip.ek, why
	var gone *goneChip
	switch {
	case errors.Is(chipErr, tpm.ErrAuth): // the chip is named
		facts.ChipHint = "correct the password in " + path + ", or give the chip's with --endorsement-auth-file FILE"
	case s.namesChip(file) && edge.CheckTCTI(file.TCTI) != nil:
		facts.ChipHint = "correct the tcti in " + path + " first"
	case errors.As(chipErr, &gone):
		facts.ChipGone, facts.ChipHint = true, s.hintFor(chipErr)
	case chipErr != nil:
		facts.ChipHint = s.hintFor(chipErr)
	}
	if errors.Is(chipErr, tpm.ErrPermission) && !s.toldChip(file) {
		chipErr = nil // what this user cannot look at is not wrong
	}
	facts.Device, facts.NoDevice = givenDevice(s.ctx)
	serviceErr = askService(s, &facts)
	return facts, chip, errors.Join(chipErr, serviceErr)
}

// smallID is a registration ID as DPS compares it, which enroll accepts too. One
// that DPS would refuse stays as it is.
func smallID(id string) string {
	if folded, err := identity.FoldRegistrationID(id); err == nil {
		return folded
	}
	return id
}

// chipKey reads the EK of the chip that the flags name, or the file, or this
// machine's, and finds where chip and file disagree. None is no error, unless one
// was named: by a flag, or by the file of this very machine.
func chipKey(s *session, path string, data []byte, file edge.Config) (chip chipFacts, why string, err error) {
	if err := edge.CheckTCTI(file.TCTI); err != nil && s.namesChip(file) { // a finding of the file
		return chip, fmt.Sprintf("%s names no chip: %v", text.Printable(file.TCTI, 100), err), nil
	}
	addr, opts, err := s.tpmOr(file)
	if err == nil {
		chip, err = askChip(s.ctx, addr, opts, path, file)
		chip.found = chip.findings(path, data, addr)
	}
	if err == nil {
		return chip, "", nil
	}
	chip.ek = nil
	if errors.Is(err, tpm.ErrNoDevice) && s.namesChip(file) && ofThisMachine(path) {
		err = &goneChip{path, file.TCTI, err}
		return chip, text.Printable(err.Error(), 300), err
	}
	why = text.Printable(err.Error(), 200)
	if !s.toldChip(file) && (errors.Is(err, tpm.ErrNoDevice) || errors.Is(err, tpm.ErrAddress)) {
		err = nil
	}
	return chip, why, err
}

// deviceInfoPaths can be moved by tests.
var deviceInfoPaths = edge.DeviceInfoPaths

// givenDevice reads what IoT Edge on this machine was given.
func givenDevice(ctx context.Context) (*edge.DeviceInfo, string) {
	for _, path := range deviceInfoPaths {
		data, err := readLimited(ctx, path, 64<<10)
		switch {
		case errors.Is(err, os.ErrNotExist):
			continue
		case errors.Is(err, os.ErrPermission):
			return nil, "what IoT Edge here was given, only root can read: sudo"
		case err != nil:
			return nil, text.Printable(err.Error(), 200)
		}
		d, err := edge.ParseDeviceInfo(data)
		if err != nil {
			return nil, err.Error()
		}
		return &d, ""
	}
	return nil, "IoT Edge here has no device yet, or is not installed"
}

// checkResult is what was found.
type checkResult struct {
	File     string         `json:"file"`
	Result   string         `json:"result"` // pass or fail
	Findings []edge.Finding `json:"findings"`
	Ticks    []edge.Tick    `json:"ticks"`
	// DPS is the host of the service API that was asked, "" if none was.
	DPS string `json:"dps"`
	// NotCompared are the names of the ticks that were skipped, and [edge.ScopeName],
	// and Add is what to give so that they are not; "" where nothing helps.
	NotCompared []string `json:"not_compared"`
	Add         string   `json:"add"`
	// Verdict is the last line for people, without the word before it.
	Verdict string `json:"verdict"`

	failures, warnings int
	next               string
	stops              error // of a round trip on this chip
}

// conclude makes the verdict. The file's own faults go before drift, because
// what a broken file says means little; asked is what could not be compared
// although it was asked for.
func (r *checkResult) conclude(asked error) error {
	r.Result = "fail"
	switch {
	case r.failures > 0:
		first := r.Findings[slices.IndexFunc(r.Findings, func(f edge.Finding) bool { return f.Severity == edge.Error })]
		if first.Rule == ruleAccess { // it comes last, so the file itself is right
			r.next = "give IoT Edge the chip and run this again"
			return fmt.Errorf("%w: %s", errDaemonAccess, first.Message)
		}
		if first.Rule == ruleChip && r.stops != nil {
			r.next = "do what is said of the chip and run this again"
			return fmt.Errorf("%s is not to blame: %w", r.File, r.stops)
		}
		if first.Rule == ruleAuth {
			r.next = "give IoT Edge the chip's password and run this again"
			return fmt.Errorf("%s and chip: %w: %s", r.File, errDisagree, first.Message)
		}
		r.next = "correct the file and run this again"
		return fmt.Errorf("%s: %w: %s, the first is %s%s", r.File, errFindings, text.Count(r.failures, "error"), first.Rule, inLine(first.Line))
	case errors.As(asked, new(*goneChip)) && edge.OnlyChip(r.Ticks):
		var gone *goneChip
		errors.As(asked, &gone)
		r.next = gone.where() + "; do what the hint says and run this again"
		return asked
	case edge.Disagree(r.Ticks):
		i := slices.IndexFunc(r.Ticks, func(t edge.Tick) bool { return t.Status == edge.Fail })
		r.next = "do what the hint says and run this again"
		return fmt.Errorf("%s, chip, enrollment and device: %w: %s: %s", r.File, errDisagree, r.Ticks[i].Name, r.Ticks[i].Detail)
	case asked != nil:
		r.next = "not all could be compared that was asked for; do what the hint says and run this again"
		return asked
	}
	r.Result, r.next = "pass", "next: "+applyCommand(r.File)
	return nil
}
