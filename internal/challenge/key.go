package challenge

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"github.com/google/go-tpm/tpm2"
)

// Key is the public part of a TPM storage key to which secrets can be wrapped: an
// endorsement key or a storage root key.
type Key struct {
	tpm2.LabeledEncapsulationKey
	name []byte // nameAlg and digest, TPM 2.0 Part 1, section 16
	tpmt []byte // TPMT_PUBLIC as it came
}

// Name is the key's TPM Name: the code of the hash, and the hash of its public area.
func (k *Key) Name() []byte { return k.name }

// Same reports whether both are the same key with the same attributes.
func (k *Key) Same(other *Key) bool { return bytes.Equal(k.tpmt, other.tpmt) }

// ParseKey reads a marshalled TPM2B_PUBLIC. DPS accepts RSA 2048 with SHA-256 and
// AES-128-CFB and nothing else (TCG EK Credential Profile, template L-1, and the
// SRK template).
func ParseKey(public []byte) (*Key, error) {
	// The size prefix is checked here: the decoder would ignore bytes after it.
	if len(public) < 2 || int(public[0])<<8|int(public[1]) != len(public)-2 {
		return nil, errors.New("not a TPM2B_PUBLIC: the size in front is wrong")
	}
	tpmt := public[2:]
	pub, usual := ofTemplate(tpmt)
	if !usual {
		var err error
		if pub, err = tpm2.Unmarshal[tpm2.TPMTPublic](tpmt); err != nil {
			return nil, fmt.Errorf("not a TPM2B_PUBLIC: %w", err)
		}
	}
	if err := checkStorageKey(pub); err != nil {
		return nil, err
	}
	if !usual && !bytes.Equal(tpm2.Marshal(*pub), tpmt) {
		return nil, errors.New("not a TPM2B_PUBLIC: bytes left over")
	}
	key, err := tpm2.ImportEncapsulationKey(pub)
	if err != nil {
		return nil, err
	}
	digest := sha256.Sum256(tpmt) // by the nameAlg that checkStorageKey wants
	name := binary.BigEndian.AppendUint16(nil, uint16(tpm2.TPMAlgSHA256))
	return &Key{LabeledEncapsulationKey: key, name: append(name, digest[:]...), tpmt: tpmt}, nil
}

// usualTemplates are those of nearly every EK and SRK: the TCG's, and the SRK's of the
// documented recipe. Marshalled, they end with the modulus, which is left out.
var usualTemplates = sync.OnceValue(func() (usual []usualTemplate) {
	recipe := tpm2.RSASRKTemplate
	recipe.ObjectAttributes.NoDA = false
	for _, t := range []tpm2.TPMTPublic{tpm2.RSAEKTemplate, tpm2.RSASRKTemplate, recipe} {
		whole := tpm2.Marshal(withModulus(t, make([]byte, modulusSize)))
		if public, err := tpm2.Unmarshal[tpm2.TPMTPublic](whole); err == nil { // with what t leaves out
			usual = append(usual, usualTemplate{whole[:len(whole)-modulusSize], *public})
		}
	}
	return usual
})

type usualTemplate struct {
	prefix []byte
	public tpm2.TPMTPublic
}

// modulusSize is that of RSA 2048.
const modulusSize = 256

func withModulus(t tpm2.TPMTPublic, modulus []byte) tpm2.TPMTPublic {
	t.Unique = tpm2.NewTPMUPublicID(tpm2.TPMAlgRSA, &tpm2.TPM2BPublicKeyRSA{Buffer: modulus})
	return t
}

// ofTemplate takes a key apart whose bytes are those of a usual template but for the
// modulus. To have go-tpm decode and encode it takes a hundred times as long, which
// counts where there are thousands of enrollments.
func ofTemplate(tpmt []byte) (*tpm2.TPMTPublic, bool) {
	for _, usual := range usualTemplates() {
		if modulus, ok := bytes.CutPrefix(tpmt, usual.prefix); ok && len(modulus) == modulusSize {
			pub := withModulus(usual.public, modulus)
			return &pub, true
		}
	}
	return nil, false
}

func checkStorageKey(pub *tpm2.TPMTPublic) error {
	if pub.Type != tpm2.TPMAlgRSA {
		return fmt.Errorf("key type %#x, want RSA", pub.Type)
	}
	if pub.NameAlg != tpm2.TPMAlgSHA256 {
		return fmt.Errorf("name algorithm %#x, want SHA-256", pub.NameAlg)
	}
	if a := pub.ObjectAttributes; !a.Restricted || !a.Decrypt || a.SignEncrypt {
		return errors.New("not a storage key: want restricted and decrypt, no sign")
	}
	parms, err := pub.Parameters.RSADetail()
	if err != nil {
		return err
	}
	if parms.KeyBits != 2048 {
		return fmt.Errorf("RSA %d, want 2048", parms.KeyBits)
	}
	if parms.Exponent != 0 && parms.Exponent != 65537 {
		return fmt.Errorf("RSA exponent %d, want 65537", parms.Exponent)
	}
	if parms.Scheme.Scheme != tpm2.TPMAlgNull {
		return fmt.Errorf("scheme %#x on a storage key", parms.Scheme.Scheme)
	}
	if err := checkSymmetric(parms.Symmetric); err != nil {
		return err
	}
	return checkModulus(pub)
}

func checkSymmetric(sym tpm2.TPMTSymDefObject) error {
	if sym.Algorithm != tpm2.TPMAlgAES {
		return fmt.Errorf("symmetric algorithm %#x, want AES", sym.Algorithm)
	}
	bits, err := sym.KeyBits.AES()
	if err != nil {
		return err
	}
	mode, err := sym.Mode.AES()
	if err != nil {
		return err
	}
	if *bits != 128 || *mode != tpm2.TPMAlgCFB {
		return fmt.Errorf("AES %d in mode %#x, want 128 and CFB", *bits, *mode)
	}
	return nil
}

func checkModulus(pub *tpm2.TPMTPublic) error {
	n, err := pub.Unique.RSA()
	if err != nil {
		return err
	}
	// A template with an all-zero modulus is a common thing to paste.
	if len(n.Buffer) != modulusSize || n.Buffer[0]&0x80 == 0 || n.Buffer[modulusSize-1]&1 == 0 {
		return errors.New("the modulus is not an RSA 2048 modulus")
	}
	return nil
}
