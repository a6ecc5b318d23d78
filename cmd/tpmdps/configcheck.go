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
	facts, found, asked := gather(s, path, data, report.Config)
	report.Findings = append(report.Findings, found...)
	r := checkResult{File: path, Findings: report.Findings, Ticks: edge.Drift(facts)}
	lineIn(s.ctx).keepFlagsIn(r)
	r.failures, r.warnings = report.Count()
	err = r.conclude(asked)
	r.NotCompared, r.Add = edge.NotCompared(r.Ticks)
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
	var o edge.CheckOptions
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
func gather(s *session, path string, data []byte, file edge.Config) (edge.Facts, []edge.Finding, error) {
	facts := edge.Facts{RegistrationID: smallID(file.RegistrationID), File: path}
	var found []edge.Finding
	var chipErr, serviceErr error
	facts.Chip, found, facts.NoChip, chipErr = chipKey(s, path, data, file)
	switch {
	case errors.Is(chipErr, tpm.ErrAuth): // the chip is named
		facts.ChipHint = "correct the password in " + path + ", or give the chip's with --endorsement-auth-file FILE"
	case chipErr != nil:
		facts.ChipHint = s.hintFor(chipErr)
	}
	facts.Device, facts.NoDevice = givenDevice(s.ctx)
	serviceErr = askService(s, &facts)
	return facts, found, errors.Join(chipErr, serviceErr)
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
// was named.
func chipKey(s *session, path string, data []byte, file edge.Config) (ek []byte, found []edge.Finding, why string, err error) {
	addr, opts, err := s.tpmOr(file)
	if err == nil {
		var chip chipFacts
		chip, err = askChip(s.ctx, addr, opts, file)
		ek, found = chip.ek, chip.findings(path, data, addr.String())
	}
	if err == nil {
		return ek, found, "", nil
	}
	why = identity.Printable(err.Error(), 200)
	absent := func(is error) bool { return errors.Is(err, is) }
	if !s.flag.IsSet("tpm") && slices.ContainsFunc([]error{tpm.ErrNoDevice, tpm.ErrPermission, tpm.ErrAddress}, absent) {
		err = nil
	}
	return nil, found, why, err
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
			return nil, identity.Printable(err.Error(), 200)
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
	// NotCompared are the names of the ticks that were skipped, and Add is what to
	// give so that they are not; "" where nothing helps.
	NotCompared []string `json:"not_compared"`
	Add         string   `json:"add"`
	// Verdict is the last line for people, without the word before it.
	Verdict string `json:"verdict"`

	failures, warnings int
	next               string
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
		if first.Rule == ruleAuth {
			r.next = "give IoT Edge the chip's password and run this again"
			return fmt.Errorf("%s and chip: %w: %s", r.File, errDisagree, first.Message)
		}
		r.next = "correct the file and run this again"
		return fmt.Errorf("%s: %w: %s, the first is %s%s", r.File, errFindings, count(r.failures, "error"), first.Rule, inLine(first.Line))
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
