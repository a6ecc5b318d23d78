// Package checkup is what config --check does: it looks for what is wrong with a
// config.toml, asks the chip, this machine and, where there is a credential, DPS, and
// compares what they say. It writes nothing anywhere.
package checkup

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"runtime"

	"tpmdps/internal/aziot"
	"tpmdps/internal/edge"
	"tpmdps/internal/edge/drift"
	"tpmdps/internal/edge/lint"
	"tpmdps/internal/edge/schema"
	"tpmdps/internal/identity"
	"tpmdps/internal/tpm"
)

// Request is the file to check, and who can be asked.
type Request struct {
	Path    string // "-" is standard input
	Data    []byte
	Options lint.Options

	// Access says whether IoT Edge's TPM daemon on this machine can open the chip.
	Access func(tcti string) aziot.Access
	// Chip is the way to the chip for a file. ChipNamed: the operator named one, by a
	// flag or a variable; ChipOverrides: by a flag, which goes before the file.
	Chip          func(edge.Config) (tpm.Address, tpm.Options, error)
	ChipNamed     bool
	ChipOverrides bool
	// ReadFile reads what IoT Edge notes on this machine.
	ReadFile func(path string) ([]byte, error)
	// Service is DPS; nil: the operator gave no credential for it, and NoServiceHint is
	// what to do about that, "" for the usual hint.
	Service       func() (Service, error)
	NoServiceHint string

	// Verdict is the exit code and the hint with which an error would end the run; Fix
	// is that hint whatever the command line was.
	Verdict func(error) (code int, hint string)
	Fix     func(error) string
	// Amend changes, in place, the commands in fixes and hints to those that the
	// operator has to type; nil: they stay.
	Amend func(Result)
	Log   *slog.Logger
}

// Run checks the file. The error is what [Result.Conclude] says; the result is there
// with it.
func Run(ctx context.Context, r Request, apply string) (Result, error) {
	report := lint.Check(r.Data, r.Options)
	if r.Path != "-" && runtime.GOOS == "linux" {
		if f, found := AccessFinding(r.Access(cmp.Or(report.Config.TCTI, aziot.DefaultTCTI))); found {
			report.Findings = append(report.Findings, f)
		}
	}
	facts, chip, asked := r.gather(ctx, report.Config)
	report.Findings = append(report.Findings, chip.found...)
	result := NewResult(report, facts, drift.Compare(facts), chip)
	if r.Amend != nil {
		r.Amend(result)
	}
	return result, result.Conclude(apply, asked)
}

// gather asks the chip, the service and this machine. What cannot be asked is
// noted; an error is for what should have been possible.
func (r Request) gather(ctx context.Context, file edge.Config) (drift.Facts, ChipFacts, error) {
	facts := drift.Facts{RegistrationID: FoldedID(file.RegistrationID), File: r.Path, IDScope: file.IDScope, Endpoint: file.GlobalEndpoint}
	chip, why, chipErr := r.chipKey(ctx, file)
	facts.Chip, facts.NoChip = chip.ek, why
	var gone *goneChip
	switch {
	case errors.Is(chipErr, tpm.ErrAuth): // the chip is named
		facts.ChipHint = "correct the password in " + r.Path + ", or give the chip's with --endorsement-auth-file FILE"
	case r.fileNamesChip(file) && schema.CheckTCTI(file.TCTI) != nil:
		facts.ChipHint = "correct the tcti in " + r.Path + " first"
	case errors.As(chipErr, &gone):
		facts.ChipGone = true
		_, facts.ChipHint = r.Verdict(chipErr)
	case chipErr != nil:
		_, facts.ChipHint = r.Verdict(chipErr)
	}
	if errors.Is(chipErr, tpm.ErrPermission) && !r.operatorNamesChip(file) {
		chipErr = nil // what this user cannot look at is not wrong
	}
	facts.Device, facts.NoDevice = drift.ReadDevice(drift.DeviceInfoPaths, r.ReadFile)
	serviceErr := r.askService(ctx, &facts)
	return facts, chip, errors.Join(chipErr, serviceErr)
}

// FoldedID is a registration ID as DPS compares it, which enroll accepts too. One
// that DPS would refuse is left as it is.
func FoldedID(id string) string {
	if folded, err := identity.FoldRegistrationID(id); err == nil {
		return folded
	}
	return id
}
