package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"

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

// goneChip is a chip that the file names and that this machine does not have.
type goneChip struct {
	file, tcti string
	err        error
}

// Error says what the file and the machine disagree about.
func (g *goneChip) Error() string {
	return fmt.Sprintf("%s: %v", g.where(), g.err)
}

// where is what the last line says of it.
func (g *goneChip) where() string {
	return fmt.Sprintf("this machine has no chip at %s, which %s names", text.Printable(g.tcti, 100), g.file)
}

// Unwrap gives the reason.
func (g *goneChip) Unwrap() error { return g.err }

// Hint leads to the file, not to another chip.
func (g *goneChip) Hint() string {
	return "correct the tcti: tpmdps config --tcti TCTI" + edge.FileFlag(g.file) + "; if the file is for another machine, check it there"
}

// namesChip tells whether it is the file that says which chip is asked.
func (s *session) namesChip(file edge.Config) bool { return file.TCTI != "" && !s.onCommandLine("tpm") }

// toldChip tells whether it is a flag or a variable that says so.
func (s *session) toldChip(file edge.Config) bool { return s.flag.IsSet("tpm") && !s.namesChip(file) }

// ofThisMachine tells whether a file is one that IoT Edge on this machine could read.
func ofThisMachine(path string) bool { return runtime.GOOS == "linux" && path != "-" }

// findings are what is wrong between the chip and the file.
func (f chipFacts) findings(path string, data []byte, addr tpm.Address) []edge.Finding {
	list := []edge.Finding{}
	if _, err := edge.Parse(data); f.other != "" && err == nil { // else the fix could not be made
		list = append(list, edge.Finding{
			Rule: ruleChip, Severity: edge.Warning, Key: "tpm.tcti",
			Message: fmt.Sprintf("IoT Edge opens another chip: %s, and this check asked %s", f.other, addr),
			Fix:     "leave --tpm and its variables out, or have IoT Edge use this chip: tpmdps config --tcti " + text.ShellWord(addr.TCTI()) + " --config " + text.ShellWord(path),
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
