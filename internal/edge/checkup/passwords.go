package checkup

import (
	"context"
	"errors"
	"fmt"

	"tpmdps/internal/text"
	"tpmdps/internal/tpm"
)

// Passwords are what a file is to get from the operator, before it is written.
type Passwords struct {
	File  string // its path
	Auths tpm.HierarchyAuths
	// Chip is the way to the chip that IoT Edge will open; ChipNamed: it has to be there.
	Chip      func() (tpm.Address, tpm.Options, error)
	ChipNamed bool
	// Warn is handed what the operator has to know anyway.
	Warn func(format string, args ...any)
}

// Prove has the chip say whether the passwords are its own: IoT Edge fails with a
// wrong one, and the right one that the file may have had would be lost. Each is
// tried once, which no chip counts for its hierarchies. Where there is no chip to
// ask, it warns. The error for a wrong one wraps [tpm.ErrAuth].
func (p Passwords) Prove(ctx context.Context) error {
	addr, opts, err := p.Chip()
	var faults []tpm.AuthFault
	if err == nil {
		faults, err = compare(ctx, addr, opts, p.Auths)
	}
	switch {
	case err == nil:
	case !p.ChipNamed && isAbsent(err):
		p.Warn("warning: the passwords were not tried on the chip, so they may be wrong: %s", text.Printable(err.Error(), 200))
		return nil
	default:
		return fmt.Errorf("try the passwords before %s is written: %w", p.File, err)
	}
	for _, f := range faults {
		switch {
		case f.Given && f.Set:
			return &wrongPassword{f.Hierarchy, p.File}
		case f.Given:
			p.Warn("warning: the chip has no %s password: until it has this one, aziot-tpmd will fail with 0x9a2", f.Hierarchy)
		}
	}
	return nil
}

// isAbsent reports whether there is no chip here that can be asked.
func isAbsent(err error) bool {
	return errors.Is(err, tpm.ErrNoDevice) || errors.Is(err, tpm.ErrPermission) || errors.Is(err, tpm.ErrAddress)
}

// compare compares passwords with the chip's.
func compare(ctx context.Context, addr tpm.Address, opts tpm.Options, auths tpm.HierarchyAuths) (_ []tpm.AuthFault, err error) {
	d, err := tpm.Open(ctx, addr, opts)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
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
