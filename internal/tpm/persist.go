package tpm

import (
	"errors"
	"fmt"

	"github.com/google/go-tpm/tpm2"
)

// PersistDPSKey keeps a key from the service at a persistent handle, where the
// SDKs and IoT Edge look for it: [HandleDPSKey] unless they were told
// otherwise. A key of that kind which is there already is replaced; anything
// else is left alone and [ErrOccupied]. Three commands at most.
func (d *Device) PersistDPSKey(k *HMACKey, handle uint32) error {
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
	if old != nil {
		if err := d.evict(old.handle, old.name, handle); err != nil {
			return fmt.Errorf("remove the old key: %w", err)
		}
	}
	return d.evict(k.handle, k.name, handle)
}

// evict makes a transient object persistent, or a persistent one go away:
// EvictControl does both (TPM 2.0 Part 3, 28.5).
func (d *Device) evict(object tpm2.TPMHandle, name tpm2.TPM2BName, handle uint32) (err error) {
	unsalt, err := d.ensureSalt(d.opts.OwnerAuth)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unsalt()) }()
	_, err = run(d, fmt.Sprintf("change what is kept at %#x", handle), tpm2.EvictControl{
		Auth:             tpm2.AuthHandle{Handle: tpm2.TPMRHOwner, Auth: d.hierarchyAuth(d.opts.OwnerAuth)},
		ObjectHandle:     &tpm2.NamedHandle{Handle: object, Name: name},
		PersistentHandle: tpm2.TPMIDHPersistent(handle),
	})
	d.persistent = nil
	return err
}
