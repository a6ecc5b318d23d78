package tpm

import (
	"bytes"
	"errors"

	"github.com/google/go-tpm/tpm2"
)

// Most chips have room for three objects, which is what a TPM_PT_HR_TRANSIENT_MIN
// of theirs says (TPM 2.0 Part 2, 6.13). Looking at a persistent one takes one of
// these places, and without a resource manager what another program forgot takes
// one, too. So no more than two are held here: the EK is out of the way while a
// key is loaded below the SRK.

// swapOut saves a derived key outside the chip and takes it out of its memory.
// Two commands, one from the second time on: what was saved stays valid. A chip
// that refuses keeps the key where it is.
func (d *Device) swapOut(k *Key) error {
	if k.Handle != 0 || k.swappedOut || d.noContexts {
		return nil
	}
	if k.saved == nil {
		rsp, err := run(d, "save the context of a key", tpm2.ContextSave{SaveHandle: k.handle})
		if isUnavailable(err) {
			d.noContexts = true
			return nil
		}
		if err != nil {
			return err
		}
		k.saved = &rsp.Context
	}
	if err := d.flush(k.handle); err != nil {
		return err
	}
	k.swappedOut = true
	return nil
}

// swapIn loads a key that was swapped out. On a chip that saves contexts and does
// not load them, the EK is derived again, once, and stays.
func (d *Device) swapIn(k *Key) error {
	if !k.swappedOut {
		return nil
	}
	rsp, err := run(d, "load the context of a key", tpm2.ContextLoad{Context: *k.saved})
	if isUnavailable(err) {
		d.noContexts = true
		return d.deriveAgain(k)
	}
	if err != nil {
		return err
	}
	k.handle, k.swappedOut = rsp.LoadedHandle, false
	d.roles[k.handle] = roles[tpm2.TPMRHEndorsement]
	return nil
}

// deriveAgain has the chip derive the EK as it did at first.
func (d *Device) deriveAgain(k *Key) (err error) {
	if len(d.opts.EndorsementAuth) > 0 && !d.opts.PlainBus {
		unsalt, err := d.passingSalt()
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, unsalt()) }()
	}
	again, err := d.createPrimary(tpm2.TPMRHEndorsement, d.opts.EndorsementAuth, tpm2.RSAEKTemplate)
	if err != nil {
		return err
	}
	if !bytes.Equal(again.name.Buffer, k.name.Buffer) {
		return errors.Join(contradicts(tpm2.TPMCCCreatePrimary, "it derives another endorsement key the second time"), again.Close())
	}
	k.handle, k.swappedOut = again.handle, false
	return nil
}

// isUnavailable says whether an error is a chip's word that it does not have a command,
// or not what was asked of it.
func isUnavailable(err error) bool {
	return errors.Is(err, ErrUnsupported) || errors.Is(err, ErrPermission)
}
