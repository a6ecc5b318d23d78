package checkup

import (
	"context"
	"errors"
	"fmt"

	"tpmdps/internal/aziot"
	"tpmdps/internal/edge"
	"tpmdps/internal/edge/lint"
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
		f.Severity, f.Message = lint.Error, fmt.Sprintf("%s may not open %s (%s %s:%s): %s", a.User, a.Node, a.Mode, a.Owner, a.Group, a.Reason)
	}
	return f, a.Verdict == aziot.Denied || a.Verdict == aziot.Allowed && a.Hint != ""
}

// chipFacts are what a check wants to know of the chip.
type chipFacts struct {
	ek     []byte
	faults []tpm.AuthFault // of the file's passwords
	other  string          // how IoT Edge opens its chip, where it is not this one
}

// chipKey reads the EK of the chip, and finds where chip and file disagree. That
// there is no chip is not an error, unless one was named: why says so.
func (r Request) chipKey(ctx context.Context, file edge.Config) (ek []byte, found []lint.Finding, why string, err error) {
	addr, opts, err := r.Chip(file)
	if err == nil {
		var chip chipFacts
		chip, err = askChip(ctx, addr, opts, file)
		ek, found = chip.ek, chip.findings(r.Path, r.Data, addr.String())
	}
	if err == nil {
		return ek, found, "", nil
	}
	why = text.Printable(err.Error(), 200)
	if !r.ChipNamed && isAbsent(err) {
		err = nil
	}
	return nil, found, why, err
}

// askChip reads the EK. Before that, the chip says whether the file's passwords are
// its own: with a wrong one the EK may not be had at all.
func askChip(ctx context.Context, addr tpm.Address, opts tpm.Options, file edge.Config) (f chipFacts, err error) {
	d, err := tpm.Open(ctx, addr, opts)
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	auths := tpm.HierarchyAuths{Endorsement: []byte(file.EndorsementAuth), Owner: []byte(file.OwnerAuth)}
	if f.faults, err = d.CompareHierarchyAuths(auths); err != nil {
		return f, err
	}
	f.other = aziot.OtherTCTI(file.TCTI, addr.String())
	ek, err := d.EK()
	if err != nil {
		return f, err
	}
	f.ek = ek.Public
	return f, ek.Close()
}

// findings are what is wrong between the chip and the file.
func (f chipFacts) findings(path string, data []byte, addr string) []lint.Finding {
	list := []lint.Finding{}
	if f.other != "" {
		list = append(list, lint.Finding{
			Rule: RuleChip, Severity: lint.Warning, Key: "tpm.tcti",
			Message: fmt.Sprintf("IoT Edge opens another chip: %s, and this check asked %s", f.other, addr),
			Fix:     "leave --tpm and its variables out, or have IoT Edge use this chip: tpmdps config --tcti " + text.ShellWord(addr) + " --config " + text.ShellWord(path),
		})
	}
	for _, fault := range f.faults {
		what, fix := provision.DescribeAuthFault(fault, path)
		list = append(list, lint.Finding{
			Rule: RuleAuth, Severity: lint.Error, Key: "tpm.hierarchy_authorization." + fault.Hierarchy.String(), Message: what, Fix: fix,
		})
	}
	for i := range list {
		list[i].Line, list[i].Column = edge.LineOf(data, list[i].Key)
	}
	return list
}
