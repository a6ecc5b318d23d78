package tpm

import (
	"errors"
	"fmt"
	"slices"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"
)

// nonceSize is the size of the caller's nonces in bytes; the chip answers with
// its own of the same size.
const nonceSize = 16

// hierarchyAuth proves a hierarchy's password without sending it: an HMAC
// session, salted so that a recording of the bus cannot be tried against a word
// list. The caller has made sure of the salt. An empty password needs no session.
func (d *Device) hierarchyAuth(auth []byte) tpm2.Session {
	if len(auth) == 0 || d.opts.PlainBus {
		return tpm2.PasswordAuth(auth)
	}
	return tpm2.HMAC(tpm2.TPMAlgSHA256, nonceSize, tpm2.Auth(auth), tpm2.Salted(d.salt.handle, d.salt.public))
}

// ensureSalt has a key for sessions to be salted to ready when one of the
// passwords is to be proved. That is the EK; while there is none yet, or none any
// more, it is a key of no hierarchy that goes with the function returned: ECC,
// since chips make such a key at once.
func (d *Device) ensureSalt(auths ...[]byte) (unsalt func() error, err error) {
	if d.salt != nil || d.opts.PlainBus || len(slices.Concat(auths...)) == 0 {
		return func() error { return nil }, nil
	}
	k, err := d.createPrimary(tpm2.TPMRHNull, nil, tpm2.ECCSRKTemplate)
	if err != nil {
		return nil, fmt.Errorf("a key to prove the password with: %w", err)
	}
	d.salt = k
	return k.Close, nil
}

// ekSession authorises one use of the EK: a policy session that PolicySecret of
// the endorsement hierarchy satisfies (TCG EK Credential Profile, template L-1).
// It is salted to the EK and encrypts the first parameter of the response, so
// what ActivateCredential returns does not cross the bus in the clear.
//
// go-tpm ends the session with the command, but leaves it on the chip when the
// callback fails; so the callback itself flushes it then.
func (d *Device) ekSession(ek *Key) tpm2.Session {
	satisfy := func(t transport.TPM, session tpm2.TPMISHPolicy, nonce tpm2.TPM2BNonce) error {
		_, err := tpm2.PolicySecret{
			AuthHandle:    tpm2.AuthHandle{Handle: tpm2.TPMRHEndorsement, Auth: d.hierarchyAuth(d.opts.EndorsementAuth)},
			PolicySession: session,
			NonceTPM:      nonce,
		}.Execute(t)
		if err != nil {
			_, flushErr := tpm2.FlushContext{FlushHandle: session}.Execute(t)
			return errors.Join(err, flushErr)
		}
		return nil
	}
	if d.opts.PlainBus {
		return tpm2.Policy(tpm2.TPMAlgSHA256, nonceSize, satisfy)
	}
	return tpm2.Policy(tpm2.TPMAlgSHA256, nonceSize, satisfy,
		tpm2.Salted(ek.handle, ek.public), tpm2.AESEncryption(128, tpm2.EncryptOut))
}

// srkSession authorises one use of the SRK, whose password is empty, and
// encrypts the first parameter of the command: Import's inner key.
func (d *Device) srkSession(ek *Key) tpm2.Session {
	if d.opts.PlainBus {
		return tpm2.PasswordAuth(nil)
	}
	return tpm2.HMAC(tpm2.TPMAlgSHA256, nonceSize,
		tpm2.Salted(ek.handle, ek.public), tpm2.AESEncryption(128, tpm2.EncryptIn))
}
