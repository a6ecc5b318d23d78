package tpm

import (
	"errors"
	"fmt"

	"github.com/google/go-tpm/tpm2"
)

// PersistDPSKey keeps a key from the service at a persistent handle, where the
// SDKs and IoT Edge look for it: [HandleDPSKey] unless they were set
// otherwise. A key of that kind which is there already is replaced; anything
// else is left alone and [ErrOccupied]. Three commands at most, and those that
// prove the owner's password.
func (d *Device) PersistDPSKey(k *HMACKey, handle uint32) (err error) {
	if handle == HandleEK || handle == HandleSRK {
		return fmt.Errorf("%w: %#x is for the chip's own keys", ErrOccupied, handle)
	}
	old, err := d.find(handle)
	if err != nil {
		return err
	}
	if old != nil && !isDPSKey(old.public) {
		return &OccupiedError{Handle: handle, Is: describe(old.public), Instead: "a key from DPS"}
	}
	owner, end, err := d.ownerAuth()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, end()) }()
	if old != nil {
		if err := d.evictBy(owner, old.handle, old.name, handle); err != nil {
			return fmt.Errorf("remove the old key: %w", err)
		}
	}
	return d.evictBy(owner, k.handle, k.name, handle)
}

// evict makes a transient object persistent, or a persistent one go away:
// EvictControl does both (TPM 2.0 Part 3, 28.5).
func (d *Device) evict(object tpm2.TPMHandle, name tpm2.TPM2BName, handle uint32) (err error) {
	owner, end, err := d.ownerAuth()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, end()) }()
	return d.evictBy(owner, object, name, handle)
}

// evictBy is evict with the owner's password proved already.
func (d *Device) evictBy(owner tpm2.Session, object tpm2.TPMHandle, name tpm2.TPM2BName, handle uint32) error {
	_, err := run(d, fmt.Sprintf("change what is kept at %#x", handle), tpm2.EvictControl{
		Auth:             tpm2.AuthHandle{Handle: tpm2.TPMRHOwner, Auth: owner},
		ObjectHandle:     &tpm2.NamedHandle{Handle: object, Name: name},
		PersistentHandle: tpm2.TPMIDHPersistent(handle),
	})
	d.persistent = nil
	return err
}
