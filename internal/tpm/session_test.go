package tpm

import (
	"encoding/binary"
	"errors"
	"testing"

	"github.com/google/go-tpm/tpm2"
)

// Whatever proves a password or carries a secret does so in an HMAC session salted
// to a key on the chip: to the EK, but for the sessions that the EK itself is made
// with. A policy session does neither: it has no salt, which would cost the chip
// an operation of the EK, and cannot encrypt. Without the salt everybody who listens could compute the session's keys,
// and the search for secrets on the bus would still find none.
func TestSessionsAreSalted(t *testing.T) {
	onEach(t, func(t *testing.T, chip *recorder) {
		ownerOnly := asMaker
		ownerOnly.AuthRead = false
		store(t, chip, indexCertificate, ownerOnly, pattern(64))
		const password = "tpmdps-canary-salt"
		setPasswords(t, chip, password)
		secret := Options{EndorsementAuth: []byte(password), OwnerAuth: []byte(password)}
		d := open(t, chip, secret)
		steps := []struct {
			name     string
			do       func() error
			toEK, to int // sessions salted to the EK, and to another key
		}{
			{"Candidates", func() error { _, _, err := d.Candidates(); return err }, 0, 3},
			{"readNV", func() error { _, err := d.readNV(indexCertificate, maxNVIndex); return err }, 0, 1},
			{"Record", func() error { _, err := d.Record(); return err }, 1, 1},
			{"Activate", func() error { return trip(t.Context(), t, chip, secret) }, 3, 1},
			{"Persist", func() error {
				ek, err := d.EK()
				if err != nil {
					return err
				}
				srk, err := d.SRK()
				return errors.Join(err, d.Persist(ek, HandleEK), d.Persist(srk, HandleSRK), srk.Close(), ek.Close())
			}, 3, 1},
			{"Activate with persistent keys", func() error { return trip(t.Context(), t, chip, secret) }, 2, 0},
		}
		for _, step := range steps {
			chip.bytes = nil
			if err := step.do(); err != nil {
				t.Fatalf("%s: %v", step.name, err)
			}
			toEK, to := 0, 0
			for _, s := range startedSessions(t, chip.bytes) {
				switch {
				case s.kind == tpm2.TPMSEPolicy:
					if s.salt != 0 || s.symmetric != tpm2.TPMAlgNull {
						t.Errorf("%s: a policy session with a salt of %d bytes for encryption with %#x", step.name, s.salt, s.symmetric)
					}
				case s.salt == 256: // RSA 2048
					toEK++
				case s.salt > 0:
					to++
				default:
					t.Errorf("%s: a session without a salt, key %#x", step.name, s.key)
				}
			}
			if toEK != step.toEK || to != step.to {
				t.Errorf("%s: %d sessions salted to the EK and %d to another key, want %d and %d", step.name, toEK, to, step.toEK, step.to)
			}
		}
	})
}

type startedSession struct {
	key       uint32 // tpmKey
	salt      int    // bytes of encryptedSalt
	kind      tpm2.TPMSE
	symmetric tpm2.TPMAlgID
}

// startedSessions takes apart the StartAuthSession commands of what crossed the
// bus: TPM 2.0 Part 3, 11.1. Commands and responses follow each other in turn.
func startedSessions(t *testing.T, crossed []byte) (list []startedSession) {
	t.Helper()
	for command := true; len(crossed) > 0; command = !command {
		message := crossed[:binary.BigEndian.Uint32(crossed[2:])]
		crossed = crossed[len(message):]
		if !command || tpm2.TPMCC(binary.BigEndian.Uint32(message[6:])) != tpm2.TPMCCStartAuthSession {
			continue
		}
		rest := message[18:] // tpmKey, bind
		rest = rest[2+binary.BigEndian.Uint16(rest):]
		salt := int(binary.BigEndian.Uint16(rest))
		rest = rest[2+salt:]
		list = append(list, startedSession{
			binary.BigEndian.Uint32(message[10:]), salt, tpm2.TPMSE(rest[0]), tpm2.TPMAlgID(binary.BigEndian.Uint16(rest[1:])),
		})
	}
	return list
}
