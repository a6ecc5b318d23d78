package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"tpmdps/internal/aziot"
	"tpmdps/internal/edge"
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
	found  []edge.Finding  // what is wrong between the chip and the file
	faults []tpm.AuthFault // of the file's passwords
	doubts []provision.Doubt
	stops  error  // why no round trip would come to its end on this chip
	other  string // how IoT Edge opens its chip, where it is not this one
}

// askChip reads the EK, and has the chip say before whether the file's passwords
// are its own: with a wrong one the EK may not be had at all.
func askChip(ctx context.Context, addr tpm.Address, opts tpm.Options, path string, file edge.Config) (f chipFacts, err error) {
	err = looking(opts, func(opts tpm.Options) (err error) {
		d, err := tpm.Open(ctx, addr, opts)
		if err != nil {
			return err
		}
		defer joinClose(&err, d)
		f = chipFacts{}
		if f.faults, err = d.CompareHierarchyAuths(fileAuths(file)); err != nil {
			return err
		}
		f.other = otherTCTI(file, addr)
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

// doubt looks at what else IoT Edge will fail with on this chip. A password that is
// named already is not named again by what needs it.
func (f *chipFacts) doubt(d *tpm.Device, path string, file edge.Config) error {
	c := provision.Configured{File: path, KeyHandle: keyHandle(file)}
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

// findings are what is wrong between the chip and the file.
func (f chipFacts) findings(path string, data []byte, addr string) []edge.Finding {
	list := []edge.Finding{}
	if f.other != "" {
		list = append(list, edge.Finding{
			Rule: ruleChip, Severity: edge.Warning, Key: "tpm.tcti",
			Message: fmt.Sprintf("IoT Edge opens another chip: %s, and this check asked %s", f.other, addr),
			Fix:     "leave --tpm and its variables out, or have IoT Edge use this chip: tpmdps config --tcti " + text.ShellWord(addr) + " --config " + text.ShellWord(path),
		})
	}
	for _, fault := range f.faults {
		what, fix := provision.DescribeAuthFault(fault, path)
		list = append(list, edge.Finding{
			Rule: ruleAuth, Severity: edge.Error, Key: "tpm.hierarchy_authorization." + fault.Hierarchy.String(), Message: what, Fix: fix,
		})
	}
	for _, d := range f.doubts {
		list = append(list, edge.Finding{Rule: ruleChip, Severity: edge.Warning, Key: "tpm", Message: d.What, Fix: d.Fix})
	}
	if f.stops != nil {
		list = append(list, edge.Finding{Rule: ruleChip, Severity: edge.Error, Key: "tpm", Message: text.Plain(f.stops.Error()), Fix: verdict(f.stops).hint})
	}
	for i := range list {
		list[i].Line, list[i].Column = edge.LineOf(data, list[i].Key)
	}
	return list
}

// tctiOf is what the daemon uses for a file.
func tctiOf(file edge.Config) string { return cmp.Or(file.TCTI, aziot.DefaultTCTI) }
