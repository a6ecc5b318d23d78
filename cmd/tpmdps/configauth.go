package main

import (
	"cmp"
	"errors"
	"fmt"

	"tpmdps/internal/edge"
	"tpmdps/internal/edge/configfile"
	"tpmdps/internal/text"
	"tpmdps/internal/tpm"
)

// provePasswords has the chip say, before a file is written, whether the passwords
// that flags give are its own: IoT Edge fails with a wrong one, and the right one
// that the file may have had would be lost. Each is tried once, which no chip counts
// for its hierarchies. Where there is no chip to ask, it warns. What goes to
// standard output may be for another machine.
func provePasswords(s *session, req configfile.Request, fileTCTI string) (err error) {
	given, path := edge.Config{EndorsementAuth: req.Other.EndorsementAuth, OwnerAuth: req.Other.OwnerAuth}, req.Path
	if given == (edge.Config{}) || path == configfile.Stdout {
		return nil
	}
	tcti := cmp.Or(req.Other.TCTI, fileTCTI)
	named := s.onCommandLine("tpm") || tcti == "" && s.flag.String("tpm") != ""
	addr, opts, err := s.tpmOr(edge.Config{TCTI: tcti})
	var faults []tpm.AuthFault
	if err == nil {
		faults, err = askPasswords(s, addr, opts, fileAuths(given))
	}
	switch {
	case err == nil:
	case !named && (errors.Is(err, tpm.ErrNoDevice) || errors.Is(err, tpm.ErrPermission) || errors.Is(err, tpm.ErrAddress)):
		s.say("warning: the passwords were not tried on the chip, so they may be wrong: %s", text.Printable(err.Error(), 200))
		return nil
	default:
		return fmt.Errorf("try the passwords before %s is written: %w", path, err)
	}
	for _, f := range faults {
		switch {
		case f.Told && f.Set:
			return &wrongPassword{f.Hierarchy, path}
		case f.Told:
			s.say("warning: the chip has no %s password: until it has this one, aziot-tpmd will fail with 0x9a2", f.Hierarchy)
		}
	}
	return nil
}

// askPasswords compares passwords with the chip's.
func askPasswords(s *session, addr tpm.Address, opts tpm.Options, auths tpm.HierarchyAuths) (_ []tpm.AuthFault, err error) {
	d, err := tpm.Open(s.ctx, addr, opts)
	if err != nil {
		return nil, err
	}
	defer joinClose(&err, d)
	return d.CompareHierarchyAuths(auths)
}

// wrongPassword is one that the chip refuses.
type wrongPassword struct {
	hierarchy tpm.Hierarchy
	path      string
}

// Error implements error.
func (w *wrongPassword) Error() string {
	return fmt.Sprintf("the chip refuses the %s password that was given; %s was not written", w.hierarchy, w.path)
}

// Unwrap makes it what any refused password is.
func (w *wrongPassword) Unwrap() error { return tpm.ErrAuth }

// Hint is what to do, besides another file of the password.
func (w *wrongPassword) Hint() string {
	return fmt.Sprintf("look into the file of the %s password; for another machine's configuration print it, which asks no chip: tpmdps config --config -", w.hierarchy)
}
