package provision

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"tpmdps/internal/text"
	"tpmdps/internal/tpm"
)

// What does not belong together.
var (
	// ErrConfiguredAuth: IoT Edge's configuration has a hierarchy's password that is
	// not the chip's, or lacks one. See [authFaultsError].
	ErrConfiguredAuth = errors.New("IoT Edge's configuration and the chip disagree")
	// ErrForeignID: the registration ID is made of another chip's key, and DPS, or
	// this chip, refused what was done under it. See [idError].
	ErrForeignID = errors.New("the registration ID is made of another chip's key")
)

// Configured is what IoT Edge's configuration says of the way to the chip, to be
// compared with the chip itself.
type Configured struct {
	// File is the configuration's path.
	File string
	// Auths are the hierarchies' passwords in it.
	Auths tpm.HierarchyAuths
	// KeyHandle is where IoT Edge keeps the key from DPS: by its auth_key_index, or
	// [tpm.HandleDPSKey].
	KeyHandle uint32
	// Overruled are the hierarchies of which the operator gave the password, so that
	// a fault of the file's is a warning.
	Overruled []tpm.Hierarchy
	// OtherTCTI is how IoT Edge opens its chip, where that is another one than this
	// trip's; else "".
	OtherTCTI string
}

// other is a warning where IoT Edge opens another chip. What this trip shows says
// nothing of that one. tcti is this trip's chip, as IoT Edge would be given it.
func (c *Configured) other(tcti string) outcome {
	if c == nil || c.OtherTCTI == "" {
		return outcome{}
	}
	return outcome{warn: true,
		detail: fmt.Sprintf("IoT Edge opens another chip with %s: %s, not %s", c.File, c.OtherTCTI, tcti),
		hint:   fmt.Sprintf("omit --tpm and unset its variables, or have IoT Edge use this chip: tpmdps config --tcti %s --config %s", text.ShellWord(tcti), text.ShellWord(c.File)),
	}
}

// compareAuths has the chip say whether the passwords in the file are its own.
func (t *trip) compareAuths() (outcome, error) {
	c := t.req.Configured
	if c == nil {
		return outcome{}, nil
	}
	faults, err := t.device.CompareHierarchyAuths(c.Auths)
	if err != nil {
		return outcome{}, err
	}
	refused := &authFaultsError{file: c.File}
	var warnings []string
	var fix string
	for _, f := range faults {
		if !slices.Contains(c.Overruled, f.Hierarchy) {
			refused.faults = append(refused.faults, f)
			continue
		}
		what, hint := DescribeAuthFault(f, c.File)
		warnings, fix = append(warnings, what), cmp.Or(fix, hint)
	}
	if len(refused.faults) > 0 {
		return outcome{}, refused
	}
	return outcome{warn: len(warnings) > 0, detail: strings.Join(warnings, "; "), hint: fix}, nil
}

// authFaultsError is an [ErrConfiguredAuth] with what is wrong.
type authFaultsError struct {
	file   string
	faults []tpm.AuthFault
}

// Error says what will happen.
func (e *authFaultsError) Error() string {
	var all []string
	for _, f := range e.faults {
		what, _ := DescribeAuthFault(f, e.file)
		all = append(all, what)
	}
	return ErrConfiguredAuth.Error() + ": " + strings.Join(all, "; ")
}

// Unwrap makes it an [ErrConfiguredAuth].
func (e *authFaultsError) Unwrap() error { return ErrConfiguredAuth }

// Hint is what to do about the first of them.
func (e *authFaultsError) Hint() string {
	if len(e.faults) == 0 {
		return ""
	}
	_, fix := DescribeAuthFault(e.faults[0], e.file)
	return fix
}

// DescribeAuthFault says what a fault of a configuration leads to, and what to do
// about it.
func DescribeAuthFault(f tpm.AuthFault, file string) (what, fix string) {
	const fails = "aziot-tpmd will fail with 0x9a2"
	fix = fmt.Sprintf("tpmdps config --%s-auth-file FILE --config %s writes it", f.Hierarchy, text.ShellWord(file))
	switch {
	case f.Given && f.Set:
		return fmt.Sprintf("the %s password in %s is wrong: %s", f.Hierarchy, file, fails), fix
	case f.Given:
		return fmt.Sprintf("%s has an %s password and the chip has none: %s", file, f.Hierarchy, fails),
			fmt.Sprintf("remove %s from [tpm.hierarchy_authorization] in %s", f.Hierarchy, file)
	}
	return fmt.Sprintf("the chip has an %s password and %s has none: %s", f.Hierarchy, file, fails), fix
}

// merge joins what two looks at the same thing saw. What is wrong is said alone: after
// "all is there" it would be missed.
func (o outcome) merge(other outcome) outcome {
	if o.reassuring && other.warn {
		o.detail = ""
	}
	if other.detail != "" {
		o.detail = strings.TrimPrefix(o.detail+"; "+other.detail, "; ")
	}
	o.warn, o.hint = o.warn || other.warn, cmp.Or(o.hint, other.hint)
	return o
}
