package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"

	"github.com/urfave/cli/v2"

	"tpmdps/internal/aziot"
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
	"payload-uri", "tcti", "auth-key-index", "for", "replace-provisioning", "dry-run",
}

// configCheck reports what is wrong with the file, and where it does not fit the
// chip, the enrollment and the device. It writes nothing anywhere.
func configCheck(s *session) error {
	if err := s.excludes("check", configSettings...); err != nil {
		return err
	}
	path := s.flag.String("file")
	data, options, err := readForCheck(s, path)
	if err != nil {
		return err
	}
	report := edge.Check(data, options)
	if path != "-" {
		report.Findings = append(report.Findings, daemonAccess(report.Config)...)
	}
	facts, asked := gather(s, report.Config)
	r := checkResult{File: path, Findings: report.Findings, Ticks: edge.Drift(facts)}
	r.failures, r.warnings = report.Count()
	err = r.conclude(asked)
	return errors.Join(err, s.print(r))
}

// daemonAccess is a finding if the user that IoT Edge's TPM daemon runs as may not
// open the chip that the file names.
func daemonAccess(file edge.Config) []edge.Finding {
	if runtime.GOOS != "linux" {
		return nil
	}
	f, found := accessFinding(here().Access(cmp.Or(file.TCTI, aziot.DefaultTCTI)))
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
	f, err := os.Open(path)
	if err != nil {
		return nil, o, cannotRead(path, err)
	}
	defer f.Close()
	info, err := f.Stat()
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
func gather(s *session, file edge.Config) (edge.Facts, error) {
	facts := edge.Facts{RegistrationID: file.RegistrationID}
	var chipErr, serviceErr error
	facts.Chip, facts.NoChip, chipErr = chipKey(s, file)
	facts.Device, facts.NoDevice = givenDevice()
	facts.Service, facts.NoService, serviceErr = enrollmentFacts(s, file.RegistrationID)
	return facts, errors.Join(chipErr, serviceErr)
}

// chipKey reads the EK of the chip that the flags name, or the file, or this
// machine's. None is no error, unless one was named.
func chipKey(s *session, file edge.Config) (ek []byte, why string, err error) {
	addr, opts, err := s.tpmOr(file)
	if err == nil {
		ek, err = chipEK(s.ctx, addr, opts)
	}
	if err == nil {
		return ek, "", nil
	}
	why = identity.Printable(err.Error(), 200)
	absent := func(is error) bool { return errors.Is(err, is) }
	if !s.flag.IsSet("tpm") && slices.ContainsFunc([]error{tpm.ErrNoDevice, tpm.ErrPermission, tpm.ErrAddress}, absent) {
		err = nil
	}
	return nil, why, err
}

func chipEK(ctx context.Context, addr tpm.Address, opts tpm.Options) (public []byte, err error) {
	d, err := tpm.Open(ctx, addr, opts)
	if err != nil {
		return nil, err
	}
	defer joinClose(&err, d)
	ek, err := d.EK()
	if err != nil {
		return nil, err
	}
	return ek.Public, ek.Close()
}

// deviceInfoPaths can be moved by tests.
var deviceInfoPaths = edge.DeviceInfoPaths

// givenDevice reads what IoT Edge on this machine was given.
func givenDevice() (*edge.DeviceInfo, string) {
	for _, path := range deviceInfoPaths {
		data, err := readLimited(path, 64<<10)
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
		r.next = "correct the file and run this again"
		return fmt.Errorf("%s: %w: %s, the first is %s%s", r.File, errFindings, count(r.failures, "error"), first.Rule, inLine(first.Line))
	case edge.Disagree(r.Ticks):
		i := slices.IndexFunc(r.Ticks, func(t edge.Tick) bool { return t.Status == edge.Fail })
		r.next = "do what the hint says and run this again"
		return fmt.Errorf("%s, chip, enrollment and device: %w: %s: %s", r.File, errDisagree, r.Ticks[i].Name, r.Ticks[i].Detail)
	case asked != nil:
		r.next = "not all could be compared that was asked for"
		return asked
	}
	r.Result, r.next = "pass", "next: "+applyCommand(r.File)
	return nil
}

func (r checkResult) lines() []any { return []any{r} }

func (r checkResult) fields() [][]string {
	var rows [][]string
	for _, f := range r.Findings {
		rows = append(rows, []string{"finding", string(f.Severity), f.Rule, fmt.Sprint(f.Line), f.Key, f.Message, f.Fix})
	}
	for _, t := range r.Ticks {
		rows = append(rows, []string{"tick", string(t.Status), t.Name, "", "", t.Detail, t.Hint})
	}
	return rows
}

func (r checkResult) show(w io.Writer) error { return r.write(w, marks(w)) }
