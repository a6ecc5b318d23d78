package main

import (
	"cmp"
	"context"
	"fmt"

	"tpmdps/internal/aziot"
	"tpmdps/internal/edge"
	"tpmdps/internal/edge/lint"
	"tpmdps/internal/provision"
	"tpmdps/internal/text"
	"tpmdps/internal/tpm"
)

// The rules of config --check that ask the chip, not the file.
const (
	ruleAuth = "tpm-auth"
	ruleChip = "tpm-chip"
)

// chipFacts are what a check wants to know of the chip.
type chipFacts struct {
	ek     []byte
	faults []tpm.AuthFault // of the file's passwords
	other  string          // how IoT Edge opens its chip, where it is not this one
}

// askChip reads the EK, and has the chip say before whether the file's passwords
// are its own: with a wrong one the EK may not be had at all.
func askChip(ctx context.Context, addr tpm.Address, opts tpm.Options, file edge.Config) (f chipFacts, err error) {
	d, err := tpm.Open(ctx, addr, opts)
	if err != nil {
		return f, err
	}
	defer joinClose(&err, d)
	if f.faults, err = d.CompareHierarchyAuths(fileAuths(file)); err != nil {
		return f, err
	}
	f.other = otherTCTI(file, addr)
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
			Rule: ruleChip, Severity: lint.Warning, Key: "tpm.tcti",
			Message: fmt.Sprintf("IoT Edge opens another chip: %s, and this check asked %s", f.other, addr),
			Fix:     "leave --tpm and its variables out, or have IoT Edge use this chip: tpmdps config --tcti " + text.ShellWord(addr) + " --config " + text.ShellWord(path),
		})
	}
	for _, fault := range f.faults {
		what, fix := provision.DescribeAuthFault(fault, path)
		list = append(list, lint.Finding{
			Rule: ruleAuth, Severity: lint.Error, Key: "tpm.hierarchy_authorization." + fault.Hierarchy.String(), Message: what, Fix: fix,
		})
	}
	for i := range list {
		list[i].Line, list[i].Column = edge.LineOf(data, list[i].Key)
	}
	return list
}

// tctiOf is what the daemon uses for a file.
func tctiOf(file edge.Config) string { return cmp.Or(file.TCTI, aziot.DefaultTCTI) }
