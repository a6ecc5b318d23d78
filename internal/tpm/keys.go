package tpm

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/google/go-tpm/tpm2"

	"tpmdps/internal/identity"
)

// Handles that everybody in this field agrees on: TCG TPM v2.0 Provisioning
// Guidance, 7.8, table 2; the Azure SDKs and aziot-tpmd use the same.
const (
	// HandleEK is where the EK of template L-1 is kept.
	HandleEK uint32 = 0x81010001
	// HandleSRK is where the SRK is kept.
	HandleSRK uint32 = 0x81000001
)

// Key is an EK or SRK that is ready for use on the chip. Close it: a derived
// one occupies the chip's memory until then.
type Key struct {
	// Public is the marshalled TPM2B_PUBLIC, two-byte size included: 316 bytes
	// for an EK, 284 for an SRK. Its base64 is what DPS accepts.
	Public []byte
	// Handle is the persistent handle the key was found at, 0 for a key that
	// was derived for this run.
	Handle uint32
	// Template is what the key was made from, as far as that is known without
	// deriving it again: "tcg-l1" for a derived EK, "unknown" for one that was
	// found.
	Template string
	// Warning is what is unusual about the key though it can be used, in
	// words; empty for most.
	Warning string

	device     *Device
	handle     tpm2.TPMHandle
	name       tpm2.TPM2BName
	public     tpm2.TPMTPublic
	saved      *tpm2.TPMSContext // of a derived key, once it was swapped out
	swappedOut bool              // it is not in the chip's memory now
}

// Close removes a derived key from the chip's memory; a persistent one stays.
// With the EK end the sessions that are salted to it.
func (k *Key) Close() error {
	if k == nil || k.device == nil {
		return nil
	}
	d := k.device
	var err error
	if d.salt == k {
		err = d.endSessions()
	}
	if k.Handle != 0 {
		return err
	}
	k.device = nil
	if d.salt == k {
		d.salt = nil
	}
	if k.swappedOut {
		return err
	}
	return errors.Join(err, d.flush(k.handle))
}

// EK finds the endorsement key at [HandleEK], or derives it from the TCG's L-1
// template, which is what IoT Edge, tpm2-tools and the EK certificate go by.
//
// Errors: [ErrOccupied] when the handle holds something that is not an L-1 EK,
// [ErrAuth] when the endorsement hierarchy has a password.
func (d *Device) EK() (*Key, error) {
	k, err := d.find(HandleEK)
	if err != nil {
		return nil, fmt.Errorf("endorsement key: %w", err)
	}
	if k == nil {
		k, err = d.derive(tpm2.TPMRHEndorsement, d.opts.EndorsementAuth, tpm2.RSAEKTemplate)
		if err != nil {
			return nil, fmt.Errorf("endorsement key: %w", err)
		}
		k.Template = "tcg-l1"
	}
	if err := identity.CheckEndorsementKey(k.Public); err != nil {
		if k.Handle != 0 {
			err = &OccupiedError{HandleEK, describe(k.public), "an endorsement key that DPS can use", err.Error()}
		}
		return nil, errors.Join(err, k.Close())
	}
	d.salt = k
	return k, nil
}

// find reads the key at a persistent handle; nil when there is none. Only an
// empty handle counts as none: any other failure is told.
func (d *Device) find(handle uint32) (*Key, error) {
	there, err := d.isPersistent(handle)
	if err != nil || !there {
		return nil, err
	}
	rsp, err := run(d, fmt.Sprintf("read the public area at %#x", handle), tpm2.ReadPublic{ObjectHandle: tpm2.TPMHandle(handle)})
	if errors.Is(err, tpm2.TPMRCHandle) {
		err = d.hidden(err)
	}
	if err != nil {
		return nil, err
	}
	return d.key(tpm2.TPMCCReadPublic, tpm2.TPMHandle(handle), handle, rsp.OutPublic, rsp.Name)
}

// hidden explains why a persistent handle that the chip lists cannot be used:
// with its hierarchy switched off, an object is as good as absent (TPM 2.0
// Part 1, 13). The owner's takes along the EK, whose handle is the owner's.
func (d *Device) hidden(err error) error {
	current, propertiesErr := d.group(tpm2.TPMPTPermanent)
	if _, reported := current[tpm2.TPMPTStartupClear]; propertiesErr != nil || !reported {
		return err
	}
	switch f := flags(current); {
	case !f.OwnerEnabled:
		return fmt.Errorf("%w, the owner's: %w", ErrHierarchy, err)
	case !f.EndorsementEnabled:
		return fmt.Errorf("%w, the endorsement hierarchy: %w", ErrHierarchy, err)
	}
	return err
}

// roles are what primary keys are called in messages, by hierarchy.
var roles = map[tpm2.TPMHandle]string{
	tpm2.TPMRHEndorsement: "the derived endorsement key", tpm2.TPMRHOwner: "the derived storage root key", tpm2.TPMRHNull: "a key of no hierarchy",
}

var hierarchyNames = map[tpm2.TPMHandle]string{tpm2.TPMRHEndorsement: "endorsement", tpm2.TPMRHOwner: "owner", tpm2.TPMRHNull: "null"}

// derive makes a primary key in the chip's memory. The same template gives the
// same key every time, until the hierarchy is cleared.
func (d *Device) derive(hierarchy tpm2.TPMHandle, auth []byte, template tpm2.TPMTPublic) (*Key, error) {
	unsalt, err := d.ensureSalt(auth)
	if err != nil {
		return nil, err
	}
	k, err := d.createPrimary(hierarchy, auth, template)
	if err := errors.Join(err, unsalt()); err != nil {
		return nil, errors.Join(err, k.Close())
	}
	return k, nil
}

func (d *Device) createPrimary(hierarchy tpm2.TPMHandle, auth []byte, template tpm2.TPMTPublic) (*Key, error) {
	rsp, err := run(d, "create the primary key in the "+hierarchyNames[hierarchy]+" hierarchy", tpm2.CreatePrimary{
		PrimaryHandle: tpm2.AuthHandle{Handle: hierarchy, Auth: d.hierarchyAuth(auth)},
		InPublic:      tpm2.New2B(template),
	})
	if err != nil {
		return nil, err
	}
	k, err := d.key(tpm2.TPMCCCreatePrimary, rsp.ObjectHandle, 0, rsp.OutPublic, rsp.Name)
	if err == nil && !madeFrom(template, k.public) {
		err = contradicts(tpm2.TPMCCCreatePrimary, "the key does not have the requested template, but is %s", describe(k.public))
	}
	if err != nil {
		return nil, errors.Join(err, d.flush(rsp.ObjectHandle))
	}
	d.roles[k.handle] = roles[hierarchy]
	return k, nil
}

// madeFrom says whether a public area can be that of a key made from a template:
// the chip fills in what is unique to the key, and nothing else.
func madeFrom(template, public tpm2.TPMTPublic) bool {
	return public.Type == template.Type && public.NameAlg == template.NameAlg &&
		public.ObjectAttributes == template.ObjectAttributes && bytes.Equal(public.AuthPolicy.Buffer, template.AuthPolicy.Buffer)
}

// key checks what the chip returned to a command: the public area must parse, and
// the name must be its own.
func (d *Device) key(cc tpm2.TPMCC, h tpm2.TPMHandle, persistent uint32, public tpm2.TPM2BPublic, name tpm2.TPM2BName) (*Key, error) {
	area, err := contents(cc, &public)
	if err != nil {
		return nil, err
	}
	want, err := tpm2.ObjectName(area)
	if err != nil {
		return nil, unreadable(cc, "public area at %#x: %v", uint32(h), err)
	}
	if !bytes.Equal(want.Buffer, name.Buffer) {
		return nil, contradicts(cc, "it gives the key at %#x a name that is not that of its public area", uint32(h))
	}
	return &Key{
		Public: tpm2.Marshal(public), Handle: persistent, Template: "unknown",
		device: d, handle: h, name: name, public: *area,
	}, nil
}

// Persist writes a derived key to a persistent handle, where it stays until it
// is evicted. A handle in use is left alone: [ErrOccupied]. It needs the owner
// hierarchy, for an EK too.
func (d *Device) Persist(k *Key, handle uint32) error {
	if k.Handle != 0 {
		return nil
	}
	used, err := d.isPersistent(handle)
	if err != nil {
		return err
	}
	if used {
		return &OccupiedError{Handle: handle, Is: "a key already"}
	}
	return d.evict(k.handle, k.name, handle)
}
