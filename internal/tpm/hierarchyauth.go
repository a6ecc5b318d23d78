package tpm

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/google/go-tpm/tpm2"
)

// Hierarchy is one of the two whose passwords provisioning needs: TPM 2.0 Part 2,
// 7.4.
type Hierarchy uint32

// The hierarchies. IoT Edge proves the endorsement hierarchy's password to use the
// EK, and the owner's to keep the key that DPS gives.
const (
	HierarchyOwner       = Hierarchy(tpm2.TPMRHOwner)
	HierarchyEndorsement = Hierarchy(tpm2.TPMRHEndorsement)
)

// String is the hierarchy's name, such as "owner".
func (h Hierarchy) String() string { return hierarchyNames[tpm2.TPMHandle(h)] }

// maxAuth is the longest password in bytes that any TPM 2.0 keeps: the size of its
// largest digest, SHA-512 (Part 2, 10.4.2).
const maxAuth = 64

// proveHierarchyAuth has the chip say whether a password is the hierarchy's. It
// changes nothing: TPM2_PolicySecret satisfies a trial session, which is flushed.
// A wrong password is not counted, since dictionary attack protection does not
// cover the two hierarchies (Part 1, 19.8). The password itself does not cross
// the bus, but with Options.PlainBus. It is tried once, whatever the answer is.
//
// Errors: [ErrAuth] for another password, [ErrHierarchy] for a hierarchy that is
// switched off.
func (d *Device) proveHierarchyAuth(h Hierarchy, auth []byte) (err error) {
	doing := fmt.Sprintf("prove the %s hierarchy's password", h)
	d.proving = tpm2.TPMHandle(h)
	defer func() { d.proving = 0 }()
	auth = bytes.TrimRight(auth, "\x00") // a chip keeps it without: Part 1, 19.6.4.3
	if len(auth) > maxAuth {
		return fmt.Errorf("%s: %w", doing, &AuthError{Handle: uint32(h), Of: d.nameOf(d.proving), None: d.hasNoPassword(d.proving)})
	}
	unsalt, err := d.ensureSalt(auth)
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	defer func() { err = errors.Join(err, unsalt()) }()
	var trial tpm2.Session
	err = d.try(tpm2.TPMCCStartAuthSession, doing, func() (err error) {
		trial, _, err = tpm2.PolicySession(d.t, tpm2.TPMAlgSHA256, nonceSize, tpm2.Trial())
		return err
	})
	if err != nil {
		return err
	}
	handle := trial.Handle()
	defer func() { err = errors.Join(err, d.flush(handle)) }()
	_, err = run(d, doing, tpm2.PolicySecret{
		AuthHandle:    tpm2.AuthHandle{Handle: tpm2.TPMHandle(h), Auth: d.hierarchyAuth(auth)},
		PolicySession: handle,
		NonceTPM:      trial.NonceTPM(),
	})
	return err
}

// HierarchyAuths are the passwords that another program was given, such as IoT Edge's
// TPM daemon by its configuration; empty means none.
type HierarchyAuths struct{ Endorsement, Owner []byte }

// AuthFault is a password that a program was given and that the chip refuses, or
// one that it was not given.
type AuthFault struct {
	Hierarchy Hierarchy
	// Given: there was one. Set: the chip has one.
	Given, Set bool
}

// CompareHierarchyAuths finds out whether the passwords are the chip's. An empty
// one is compared with what the chip says, and never tried.
//
// Errors are about what could not be found out.
func (d *Device) CompareHierarchyAuths(given HierarchyAuths) ([]AuthFault, error) {
	p, err := d.properties()
	if err != nil {
		return nil, err
	}
	faults := []AuthFault{}
	for _, one := range []struct {
		hierarchy Hierarchy
		auth      []byte
		set       bool
	}{
		{HierarchyEndorsement, given.Endorsement, p.endorsementAuthSet},
		{HierarchyOwner, given.Owner, p.ownerAuthSet},
	} {
		fault := AuthFault{Hierarchy: one.hierarchy, Given: len(bytes.TrimRight(one.auth, "\x00")) > 0, Set: one.set}
		switch {
		case !fault.Given && !fault.Set:
			continue
		case fault.Given:
			err := d.proveHierarchyAuth(one.hierarchy, one.auth)
			if err == nil {
				continue
			}
			if !errors.Is(err, ErrAuth) {
				return faults, err
			}
		}
		faults = append(faults, fault)
	}
	return faults, nil
}
