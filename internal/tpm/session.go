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
// passwords is to be proved. That is the EK, brought back into the chip's memory
// where it was taken out; while there is none yet, or none any more, it is a key
// of no hierarchy that goes with the function returned: ECC, since chips make
// such a key at once.
func (d *Device) ensureSalt(auths ...[]byte) (unsalt func() error, err error) {
	nothing := func() error { return nil }
	switch {
	case d.opts.PlainBus || len(slices.Concat(auths...)) == 0:
		return nothing, nil
	case d.salt != nil && d.salt.swappedOut:
		ek := d.salt
		return func() error { return d.swapOut(ek) }, d.swapIn(ek)
	case d.salt != nil:
		return nothing, nil
	}
	return d.passingSalt()
}

// passingSalt makes a key of no hierarchy that sessions are salted to, until the
// function returned is called.
func (d *Device) passingSalt() (unsalt func() error, err error) {
	k, err := d.createPrimary(tpm2.TPMRHNull, nil, tpm2.ECCSRKTemplate)
	if err != nil {
		return nil, fmt.Errorf("a key to prove the password with: %w", err)
	}
	before := d.salt
	d.salt = k
	return func() error {
		d.salt = before
		return k.Close()
	}, nil
}

// heldSession is a session that stays on the chip. Its handle is kept here: go-tpm
// forgets it when an answer says, rightly or not, that the session has ended.
type heldSession struct {
	tpm2.Session
	handle tpm2.TPMHandle
}

// hold starts a session that stays on the chip until it is ended, salted to a key
// in its memory. Starting one costs the chip a private operation of that key, a
// tenth to half a second; using it again costs none.
func (d *Device) hold(doing string, salt *Key, options ...tpm2.AuthOption) (*heldSession, error) {
	options = append(options, tpm2.Salted(salt.handle, salt.public))
	var session tpm2.Session
	err := d.try(tpm2.TPMCCStartAuthSession, doing, func() (err error) {
		session, _, err = tpm2.HMACSession(d.t, tpm2.TPMAlgSHA256, nonceSize, options...)
		return err
	})
	if err != nil {
		return nil, err
	}
	d.t.holds.keep(session.Handle())
	return &heldSession{session, session.Handle()}, nil
}

// end flushes a session that was held.
func (d *Device) end(session **heldSession) error {
	s := *session
	*session = nil
	if s == nil {
		return nil
	}
	return d.flush(s.handle)
}

// endSessions ends the sessions that are held. They are salted to the EK, so it
// is done when that goes, and after a failure, since chip and program may
// disagree on where the session stands.
func (d *Device) endSessions() error {
	return errors.Join(d.end(&d.endorsement), d.end(&d.secrecy))
}

// srkAuth authorises the SRK, whose password is empty, with the one session that
// stays: it encrypts the first parameter of its commands in both directions, so
// neither what ActivateCredential returns nor what Import is given crosses the
// bus in the clear. As the session of the SRK its encryption depends on the SRK's
// password alone: an EK may have one of its own (TPM 2.0 Part 1, 21).
func (d *Device) srkAuth(ek *Key) (_ tpm2.Session, err error) {
	switch {
	case d.opts.PlainBus:
		return tpm2.PasswordAuth(nil), nil
	case d.noSessionRoom:
		return tpm2.HMAC(tpm2.TPMAlgSHA256, nonceSize, tpm2.Salted(ek.handle, ek.public), tpm2.AESEncryption(128, tpm2.EncryptInOut)), nil
	}
	if d.secrecy == nil {
		d.secrecy, err = d.hold("start an encrypted session", ek, tpm2.AESEncryption(128, tpm2.EncryptInOut))
	}
	if err != nil {
		return nil, err
	}
	return d.secrecy, nil
}

// ekAuth authorises one use of the EK: a policy session that PolicySecret of the
// endorsement hierarchy satisfies (TCG EK Credential Profile, template L-1). It
// carries no secret and is not salted. The hierarchy's password is proved in a
// session that stays. Only where no session can stay, it is salted and encrypts
// what ActivateCredential returns, as the one session of that command.
//
// go-tpm ends the policy session with the command, but leaves it on the chip when
// the callback fails; so the callback itself flushes it then.
func (d *Device) ekAuth(ek *Key) (_ tpm2.Session, err error) {
	proof := d.hierarchyAuth(d.opts.EndorsementAuth)
	var options []tpm2.AuthOption
	switch {
	case d.noSessionRoom && !d.opts.PlainBus:
		options = []tpm2.AuthOption{tpm2.Salted(ek.handle, ek.public), tpm2.AESEncryption(128, tpm2.EncryptOut)}
	case len(d.opts.EndorsementAuth) > 0 && !d.opts.PlainBus:
		if d.endorsement == nil {
			d.endorsement, err = d.hold("start a session for the endorsement hierarchy's password", ek, tpm2.Auth(d.opts.EndorsementAuth))
			if err != nil {
				return nil, err
			}
		}
		proof = d.endorsement
	}
	return tpm2.Policy(tpm2.TPMAlgSHA256, nonceSize, func(t transport.TPM, session tpm2.TPMISHPolicy, nonce tpm2.TPM2BNonce) error {
		_, err := tpm2.PolicySecret{
			AuthHandle:    tpm2.AuthHandle{Handle: tpm2.TPMRHEndorsement, Auth: proof},
			PolicySession: session,
			NonceTPM:      nonce,
		}.Execute(t)
		if err != nil {
			_, flushErr := tpm2.FlushContext{FlushHandle: session}.Execute(t)
			return errors.Join(err, flushErr)
		}
		return nil
	}, options...), nil
}

// ownerAuth proves the owner's password for several commands. The session stays
// until the function returned is called instead of those of the EK and SRK;
// the key that it is salted to is out of the chip's memory before.
func (d *Device) ownerAuth() (_ tpm2.Session, end func() error, err error) {
	auth := d.opts.OwnerAuth
	if len(auth) == 0 || d.opts.PlainBus {
		return tpm2.PasswordAuth(auth), func() error { return nil }, nil
	}
	if err := d.endSessions(); err != nil {
		return nil, nil, err
	}
	unsalt, err := d.ensureSalt(auth)
	if err != nil {
		return nil, nil, err
	}
	session, err := d.hold("start a session for the owner hierarchy's password", d.salt, tpm2.Auth(auth))
	end = func() error { return d.end(&session) }
	if err := errors.Join(err, unsalt()); err != nil {
		return nil, nil, errors.Join(err, end())
	}
	return session, end, nil
}
