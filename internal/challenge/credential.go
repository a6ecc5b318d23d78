// Package challenge makes what DPS sends a chip to prove itself by: an HMAC key
// wrapped for one EK and one SRK, which only the chip with both can open. It is
// the service's side of TPM attestation without the service: the emulator sends
// such keys, and [tpm] compares a chip's answer to a key from DPS with its answer
// to one made here.
package challenge

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"unicode/utf16"

	"github.com/google/go-tpm/tpm2"
)

// KeySize is how many bytes the HMAC keys have that DPS wraps.
const KeySize = 32

// Sizes of what is drawn for a credential, in bytes.
const (
	innerSize = 16 // the C SDK makes a 128-bit key object of it
	seedSize  = 32
)

// credential is an HMAC key wrapped for one chip. On the wire its six
// structures stand back to back, and are called authenticationKey.
//
// The chip opens it in two steps: TPM2_ActivateCredential needs the EK and
// the SRK of one chip and gives the inner key; TPM2_Import needs the inner key
// and the SRK and gives the HMAC key. See TPM 2.0 Part 1, sections 23 and 24.
type credential struct {
	idObject     []byte // TPM2B_ID_OBJECT: the inner key, bound to the SRK's Name
	secret       []byte // TPM2B_ENCRYPTED_SECRET: its seed, for the EK
	duplicate    []byte // TPM2B_PRIVATE: the HMAC key, wrapped twice
	inSymSeed    []byte // TPM2B_ENCRYPTED_SECRET: the outer wrap's seed, for the SRK
	objectPublic []byte // TPM2B_PUBLIC of the HMAC key
	encURIData   []byte // TPM2B_DATA: what the key is for, in UTF-16
}

// bytes returns the credential as it is sent.
func (c credential) bytes() []byte {
	return slices.Concat(c.idObject, c.secret, c.duplicate, c.inSymSeed, c.objectPublic, c.encURIData)
}

// makeCredential wraps the HMAC key for the chip with both ek and srk. text says
// what the key is for: host/registrationId, or hub/deviceId. From random come, in
// this order, the inner key and the three seeds; tests give known ones.
func makeCredential(random io.Reader, ek, srk *Key, key []byte, text string) (credential, error) {
	inner, seedValue := make([]byte, innerSize), make([]byte, seedSize)
	for _, b := range [][]byte{inner, seedValue} {
		if _, err := io.ReadFull(random, b); err != nil {
			return credential{}, fmt.Errorf("make a random credential: %w", err)
		}
	}
	object := newHMACObject(seedValue, key)
	duplicate, inSymSeed, err := object.duplicate(random, srk, inner)
	if err != nil {
		return credential{}, fmt.Errorf("wrap for the SRK: %w", err)
	}
	idObject, secret, err := tpm2.CreateCredential(random, ek, srk.name, inner)
	if err != nil {
		return credential{}, fmt.Errorf("wrap for the EK: %w", err)
	}
	return credential{
		idObject:     sized(idObject),
		secret:       sized(secret),
		duplicate:    sized(duplicate),
		inSymSeed:    sized(inSymSeed),
		objectPublic: sized(object.public),
		encURIData:   sized(encryptCFB(inner, utf16LE(text))),
	}, nil
}

// hmacObject is the HMAC key as a TPM object.
type hmacObject struct {
	public    []byte // TPMT_PUBLIC
	sensitive []byte // TPM2B_SENSITIVE
	name      []byte
}

func newHMACObject(seedValue, key []byte) hmacObject {
	unique := sha256.Sum256(slices.Concat(seedValue, key))
	public := tpm2.Marshal(tpm2.TPMTPublic{
		Type:    tpm2.TPMAlgKeyedHash,
		NameAlg: tpm2.TPMAlgSHA256,
		// noDA: otherwise the first HMAC after a TPM start answers
		// TPM_RC_RETRY on some chips, and the C SDK gives up.
		ObjectAttributes: tpm2.TPMAObject{SignEncrypt: true, NoDA: true, UserWithAuth: true},
		Parameters: tpm2.NewTPMUPublicParms(tpm2.TPMAlgKeyedHash, &tpm2.TPMSKeyedHashParms{
			Scheme: tpm2.TPMTKeyedHashScheme{
				Scheme:  tpm2.TPMAlgHMAC,
				Details: tpm2.NewTPMUSchemeKeyedHash(tpm2.TPMAlgHMAC, &tpm2.TPMSSchemeHMAC{HashAlg: tpm2.TPMAlgSHA256}),
			},
		}),
		Unique: tpm2.NewTPMUPublicID(tpm2.TPMAlgKeyedHash, &tpm2.TPM2BDigest{Buffer: unique[:]}),
	})
	sensitive := tpm2.Marshal(tpm2.TPMTSensitive{
		SensitiveType: tpm2.TPMAlgKeyedHash,
		SeedValue:     tpm2.TPM2BDigest{Buffer: seedValue},
		Sensitive:     tpm2.NewTPMUSensitiveComposite(tpm2.TPMAlgKeyedHash, &tpm2.TPM2BSensitiveData{Buffer: key}),
	})
	digest := sha256.Sum256(public)
	return hmacObject{
		public:    public,
		sensitive: sized(sensitive),
		name:      slices.Concat([]byte{0x00, 0x0b}, digest[:]), // TPM_ALG_SHA256
	}
}

// innerWrap is the inner wrap of TPM2_Duplicate (Part 1, section 23.3.2.2):
// integrity and sensitive area, encrypted with the inner key. go-tpm's
// CreateDuplicate has none, which is why the duplicate is made here.
func (o hmacObject) innerWrap(inner []byte) []byte {
	integrity := sha256.Sum256(slices.Concat(o.sensitive, o.name))
	return encryptCFB(inner, slices.Concat(sized(integrity[:]), o.sensitive))
}

// duplicate wraps the object for parent: the contents of a TPM2B_PRIVATE, and of
// the TPM2B_ENCRYPTED_SECRET with its seed (Part 1, section 23.3.2.3).
func (o hmacObject) duplicate(random io.Reader, parent *Key, inner []byte) (private, encryptedSeed []byte, err error) {
	seed, encryptedSeed, err := parent.Encapsulate(random, "DUPLICATE")
	if err != nil {
		return nil, nil, err
	}
	return o.outerWrap(seed, o.innerWrap(inner)), encryptedSeed, nil
}

func (o hmacObject) outerWrap(seed, wrapped []byte) []byte {
	symKey := tpm2.KDFa(crypto.SHA256, seed, "STORAGE", o.name, nil, 128)
	macKey := tpm2.KDFa(crypto.SHA256, seed, "INTEGRITY", nil, nil, 256)
	dupSensitive := encryptCFB(symKey, wrapped)
	mac := hmac.New(sha256.New, macKey)
	mac.Write(dupSensitive)
	mac.Write(o.name)
	return slices.Concat(sized(mac.Sum(nil)), dupSensitive)
}

// encryptCFB encrypts with AES in CFB mode and a zero IV, as the TPM does with
// keys that are used once.
func encryptCFB(key, plain []byte) []byte {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // the key is always of innerSize
	}
	out := make([]byte, len(plain))
	cipher.NewCFBEncrypter(block, make([]byte, aes.BlockSize)).XORKeyStream(out, plain) //nolint:staticcheck // the TPM specification says CFB, and the integrity is checked apart
	return out
}

// sized puts a TPM2B size in front of b.
func sized(b []byte) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...)
}

func utf16LE(text string) []byte {
	var out []byte
	for _, u := range utf16.Encode([]rune(text)) {
		out = binary.LittleEndian.AppendUint16(out, u)
	}
	return out
}
