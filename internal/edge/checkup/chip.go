package checkup

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"tpmdps/internal/aziot"
	"tpmdps/internal/edge"
	"tpmdps/internal/edge/lint"
	"tpmdps/internal/edge/schema"
	"tpmdps/internal/provision"
	"tpmdps/internal/text"
	"tpmdps/internal/tpm"
)

// The rules that ask the chip or the machine, not the file; those of the file are
// [lint.Rules].
const (
	RuleAccess = "tpm-access"
	RuleChip   = "tpm-chip"
	RuleAuth   = "tpm-auth"
)

// AccessFinding is what there is to say of the daemon's access; found is false where
// that is nothing. That a machine has no IoT Edge, or no chip, is not a fault of its
// file.
func AccessFinding(a aziot.Access) (f lint.Finding, found bool) {
	f = lint.Finding{Rule: RuleAccess, Severity: lint.Warning, Key: "tpm.tcti", Message: fmt.Sprintf("%s opens %s: %s", a.User, a.Node, a.Reason), Fix: a.Hint}
	if a.Verdict == aziot.Denied {
		f.Severity, f.Message = lint.Error, a.String()
	}
	return f, a.Verdict == aziot.Denied || a.Verdict == aziot.Allowed && a.Hint != ""
}

// ChipFacts are what a check wants to know of the chip.
type ChipFacts struct {
	ek     []byte
	found  []lint.Finding  // what is wrong between the chip and the file
	faults []tpm.AuthFault // of the file's passwords
	doubts []provision.Doubt
	stops  error  // why no round trip would come to its end on this chip
	other  string // how IoT Edge opens its chip, where it is not this one
}

// fileNamesChip reports whether it is the file that says which chip is asked.
func (r Request) fileNamesChip(file edge.Config) bool { return file.TCTI != "" && !r.ChipOverrides }

// operatorNamesChip reports whether it is a flag or a variable that says so.
func (r Request) operatorNamesChip(file edge.Config) bool {
	return r.ChipNamed && !r.fileNamesChip(file)
}

// isOfThisMachine reports whether a file is one that IoT Edge on this machine could
// read.
func isOfThisMachine(path string) bool { return runtime.GOOS == "linux" && path != "-" }

// chipKey reads the EK of the chip, and finds where chip and file disagree. That
// there is no chip is not an error, unless one was named, by the operator or by the
// file of this very machine: why says so.
func (r Request) chipKey(ctx context.Context, file edge.Config) (chip ChipFacts, why string, err error) {
	if err := schema.CheckTCTI(file.TCTI); err != nil && r.fileNamesChip(file) { // a finding of the file
		return chip, fmt.Sprintf("%s names no chip: %v", text.Printable(file.TCTI, 100), err), nil
	}
	addr, opts, err := r.Chip(file)
	if err == nil {
		chip, err = askChip(ctx, addr, opts, r.Path, file)
		chip.found = chip.Findings(r.Path, r.Data, addr, r.Fix)
	}
	if err == nil {
		return chip, "", nil
	}
	chip.ek = nil
	if errors.Is(err, tpm.ErrNoDevice) && r.fileNamesChip(file) && isOfThisMachine(r.Path) {
		err = &goneChip{r.Path, file.TCTI, err}
		return chip, text.Printable(err.Error(), 300), err
	}
	why = text.Printable(err.Error(), 200)
	if !r.operatorNamesChip(file) && (errors.Is(err, tpm.ErrNoDevice) || errors.Is(err, tpm.ErrAddress)) {
		err = nil
	}
	return chip, why, err
}

// askChip reads the EK. Before that, the chip says whether the file's passwords are
// its own: with a wrong one the EK may not be had at all.
func askChip(ctx context.Context, addr tpm.Address, opts tpm.Options, path string, file edge.Config) (f ChipFacts, err error) {
	err = tpm.Looking(opts, func(opts tpm.Options) (err error) {
		d, err := tpm.Open(ctx, addr, opts)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, d.Close()) }()
		f = ChipFacts{}
		if f.faults, err = d.CompareHierarchyAuths(auths(file)); err != nil {
			return err
		}
		f.other = aziot.OtherTCTI(file.TCTI, addr.TCTI())
		ek, err := d.EK()
		if err != nil {
			return err
		}
		f.ek = ek.Public
		if err := ek.Close(); err != nil {
			return err
		}
		return f.doubt(d, path, file)
	})
	return f, err
}

// CompareChip looks at what is wrong between an open chip and the file at a path, the
// key aside. Facts beside an error are those that could be had.
func CompareChip(d *tpm.Device, path string, file edge.Config) (f ChipFacts, err error) {
	if f.faults, err = d.CompareHierarchyAuths(auths(file)); err != nil {
		return f, err
	}
	err = f.doubt(d, path, file)
	return f, err
}

// doubt looks at what else IoT Edge will fail with on this chip. A password that is
// named already is not named again by what needs it.
func (f *ChipFacts) doubt(d *tpm.Device, path string, file edge.Config) error {
	c := provision.Configured{File: path, KeyHandle: KeyHandle(file)}
	if path == "-" {
		c.File = ""
	}
	var err error
	f.doubts, err = provision.Doubts(d, c)
	switch {
	case errors.Is(err, tpm.ErrAuth) && len(f.faults) > 0:
		return nil
	case errors.Is(err, tpm.ErrHierarchy), errors.Is(err, tpm.ErrAuth):
		f.stops = err
		return nil
	}
	return err
}

// KeyHandle is where IoT Edge keeps the key from DPS.
func KeyHandle(file edge.Config) uint32 {
	if file.AuthKeyIndex == nil {
		return tpm.HandleDPSKey
	}
	return 0x81000000 + *file.AuthKeyIndex
}

// auths are the file's passwords.
func auths(file edge.Config) tpm.HierarchyAuths {
	return tpm.HierarchyAuths{Endorsement: []byte(file.EndorsementAuth), Owner: []byte(file.OwnerAuth)}
}

// Findings are what is wrong between the chip at an address and the file; fix is what
// to do about an error of the chip.
func (f ChipFacts) Findings(path string, data []byte, addr tpm.Address, fix func(error) string) []lint.Finding {
	list := []lint.Finding{}
	if _, err := edge.Parse(data); f.other != "" && err == nil { // else the fix could not be made
		list = append(list, lint.Finding{
			Rule: RuleChip, Severity: lint.Warning, Key: "tpm.tcti",
			Message: fmt.Sprintf("IoT Edge opens another chip: %s, and this check asked %s", f.other, addr),
			Fix:     "omit --tpm and unset its variables, or have IoT Edge use this chip: tpmdps config --tcti " + text.ShellWord(addr.TCTI()) + " --config " + text.ShellWord(path),
		})
	}
	for _, fault := range f.faults {
		what, fix := provision.DescribeAuthFault(fault, path)
		list = append(list, lint.Finding{
			Rule: RuleAuth, Severity: lint.Error, Key: "tpm.hierarchy_authorization." + fault.Hierarchy.String(), Message: what, Fix: fix,
		})
	}
	for _, d := range f.doubts {
		list = append(list, lint.Finding{Rule: RuleChip, Severity: lint.Warning, Key: "tpm", Message: d.What, Fix: d.Fix})
	}
	if f.stops != nil {
		list = append(list, lint.Finding{Rule: RuleChip, Severity: lint.Error, Key: "tpm", Message: text.Plain(f.stops.Error()), Fix: fix(f.stops)})
	}
	for i := range list {
		list[i].Line, list[i].Column = edge.LineOf(data, list[i].Key)
	}
	return list
}
