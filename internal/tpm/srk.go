package tpm

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/google/go-tpm/tpm2"

	"tpmdps/internal/identity"
)

// SRK finds the storage root key at [HandleSRK], or derives it from the TCG's
// template with noDA. The SRK is not part of the identity, and DPS wraps for
// whichever it is sent, so a key at the handle that cannot be used is left alone:
// one that is not an RSA 2048 storage key (some systems keep an ECC one), and one
// with a password. Which it is, the Warning says.
//
// A key under dictionary attack protection is tried only while the chip has
// counted no wrong password, so that however often a program runs, it adds one at
// most. One command for the trial, and one for the count.
//
// Errors: [ErrAuth] when a key is to be derived and the owner hierarchy has a
// password.
func (d *Device) SRK() (*Key, error) { return d.srk(d.trySRK) }

// UntriedSRK is [Device.SRK] for those who do not use the key: whether it has a
// password is not tried.
func (d *Device) UntriedSRK() (*Key, error) {
	return d.srk(func(*Key) (string, error) { return "", nil })
}

// srk finds or derives the SRK. try says what stands against the use of one that
// was found, as what the Warning begins with; empty for nothing.
func (d *Device) srk(try func(*Key) (obstacle string, err error)) (*Key, error) {
	k, err := d.find(HandleSRK)
	if err != nil {
		return nil, fmt.Errorf("storage root key: %w", err)
	}
	var obstacle string
	switch {
	case k == nil:
	case !usableSRK(k):
		obstacle = fmt.Sprintf("%#x holds %s, which DPS cannot use%s; IoT Edge uses what is there, and will fail", HandleSRK, describe(k.public), srkDiffers(k))
	default:
		if obstacle, err = try(k); err != nil {
			return nil, fmt.Errorf("storage root key: %w", err)
		}
		if obstacle == "" {
			if !k.public.ObjectAttributes.NoDA {
				k.Warning = "it is subject to dictionary attack protection: after some unclean shutdowns the chip locks it"
			}
			return k, nil
		}
	}
	k, err = d.derive(tpm2.TPMRHOwner, d.opts.OwnerAuth, tpm2.RSASRKTemplate)
	switch {
	case err != nil && obstacle != "":
		return nil, fmt.Errorf("storage root key: %s; another one: %w", obstacle, err)
	case err != nil:
		return nil, fmt.Errorf("storage root key: %w", err)
	}
	k.Warning = obstacle
	return k, nil
}

// trySRK tries whether the SRK at the handle opens with the empty password, which
// is all that IoT Edge and the SDKs know.
func (d *Device) trySRK(k *Key) (obstacle string, err error) {
	const untriedFormat = "the key at %#x was not tried, since wrong passwords for it count towards the chip's lockout and %s; IoT Edge uses it, and will fail if it has a password"
	noDA := k.public.ObjectAttributes.NoDA
	if !noDA {
		p, current, err := d.readProperties()
		if err != nil {
			return "", err
		}
		_, counted := current[tpm2.TPMPTLockoutCounter]
		switch {
		case p.inLockout:
			return "", nil // the first use is refused with how long it lasts, and not counted
		case !counted:
			return fmt.Sprintf(untriedFormat, HandleSRK, "the chip does not report its lockout counter"), nil
		case p.lockoutCounter > 0:
			return fmt.Sprintf(untriedFormat, HandleSRK, fmt.Sprintf("the chip's lockout counter is %d of %d", p.lockoutCounter, p.maxAuthFail)), nil
		}
	}
	err = d.provePassword(k)
	switch {
	case errors.Is(err, ErrAuth):
		return fmt.Sprintf("the key at %#x has a password; IoT Edge uses that key, and will fail", HandleSRK), nil
	case isUnavailable(err) && noDA: // its first use tells
		return "", nil
	case isUnavailable(err):
		return fmt.Sprintf(untriedFormat, HandleSRK, "this chip has no command to try it with"), nil
	}
	return "", err
}

// provePassword has the chip authorise a key with the empty password, and do
// nothing else: a certificate of the key that no key signs (TPM 2.0 Part 3, 18.2:
// with TPM_RH_NULL the signature is empty). It costs no private operation and
// changes nothing.
func (d *Device) provePassword(k *Key) error {
	_, err := run(d, "try the password of the storage root key", tpm2.Certify{
		ObjectHandle: k.withAuth(tpm2.PasswordAuth(nil)),
		SignHandle:   tpm2.AuthHandle{Handle: tpm2.TPMRHNull, Auth: tpm2.PasswordAuth(nil)},
		InScheme:     tpm2.TPMTSigScheme{Scheme: tpm2.TPMAlgNull},
	})
	return err
}

// usableSRK says whether DPS and the blob's inner wrapping can work with it:
// the bytes of the template but for the modulus, and noDA set or not.
func usableSRK(k *Key) bool {
	const modulus = 256
	want := tpm2.Marshal(tpm2.New2B(tpm2.RSASRKTemplate))
	fixed := len(want) - modulus
	return len(k.Public) == len(want) && bytes.Equal(withNoDA(k.Public[:fixed]), want[:fixed])
}

// srkDiffers names the fields in which a key is not of the TCG's template, in
// brackets. noDA may be clear.
func srkDiffers(k *Key) string {
	differs := identity.DiffersFrom(withNoDA(k.Public), tpm2.Marshal(tpm2.New2B(tpm2.RSASRKTemplate)))
	if differs == "" {
		return ""
	}
	return " (" + differs + ")"
}

// withNoDA sets noDA in the object attributes of a TPM2B_PUBLIC: bit 10 of the
// four bytes after size, type and nameAlg (TPM 2.0 Part 2, 8.3).
func withNoDA(public []byte) []byte {
	b := bytes.Clone(public)
	b[8] |= 0x04
	return b
}
