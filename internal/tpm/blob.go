package tpm

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/google/go-tpm/tpm2"
)

// ErrBlob is returned, wrapped with the reason, for an authenticationKey that
// does not have the form of one.
var ErrBlob = errors.New("the key from the service is malformed")

// maxBlob bounds a blob: real ones have 766 bytes and a short text more.
const maxBlob = 4096

// Blob is the authenticationKey of DPS taken apart: six size-prefixed
// structures back to back, big-endian. A challenge and a hub key have the same
// form. The fields hold the contents without their two-byte sizes.
type Blob struct {
	IDObject  []byte // TPM2B_ID_OBJECT: HMAC and the encrypted inner key
	Secret    []byte // TPM2B_ENCRYPTED_SECRET: seed, RSA-OAEP to the EK
	Duplicate []byte // TPM2B_PRIVATE: the HMAC key, wrapped twice
	InSymSeed []byte // TPM2B_ENCRYPTED_SECRET: seed, RSA-OAEP to the SRK
	Public    []byte // TPM2B_PUBLIC: an HMAC-SHA256 key
	URI       []byte // TPM2B_DATA: AES-CFB of a UTF-16 text; may be missing
}

// ParseBlob takes a decoded authenticationKey apart. It wraps [ErrBlob] for a
// part that is missing, empty or too long, and for a key that is not an HMAC-SHA256
// key. A missing URI and bytes after it are let pass, as IoT Edge does.
func ParseBlob(data []byte) (Blob, error) {
	if len(data) > maxBlob {
		return Blob{}, fmt.Errorf("%w: %d bytes, %d at most are known", ErrBlob, len(data), maxBlob)
	}
	var b Blob
	rest := data
	for _, part := range []struct {
		name  string
		field *[]byte
		max   int
	}{
		{"credential", &b.IDObject, 256},
		{"secret", &b.Secret, 512},
		{"duplicate", &b.Duplicate, 1024},
		{"seed", &b.InSymSeed, 512},
		{"public area", &b.Public, 512},
	} {
		var err error
		if *part.field, rest, err = sized(rest, part.max); err != nil {
			return Blob{}, fmt.Errorf("%w: its %s at byte %d %w", ErrBlob, part.name, len(data)-len(rest), err)
		}
	}
	if uri, _, err := sized(rest, maxBlob); err == nil {
		b.URI = uri
	}
	return b, checkHMACKey(b.Public)
}

// sized takes one size-prefixed structure off the front.
func sized(b []byte, max int) (content, rest []byte, err error) {
	if len(b) < 2 {
		return nil, b, errors.New("is missing")
	}
	n := int(binary.BigEndian.Uint16(b))
	switch {
	case n == 0:
		return nil, b, errors.New("is empty")
	case n > max:
		return nil, b, fmt.Errorf("declares %d bytes, %d at most are possible", n, max)
	case len(b) < 2+n:
		return nil, b, fmt.Errorf("is cut short: %d bytes of %d", len(b)-2, n)
	}
	return b[2 : 2+n], b[2+n:], nil
}

// checkHMACKey accepts the one kind of key that DPS sends: a KEYEDHASH that
// signs with HMAC-SHA256 and came from outside the chip.
func checkHMACKey(public []byte) error {
	want := tpm2.Marshal(tpm2.TPMTPublic{
		Type:    tpm2.TPMAlgKeyedHash,
		NameAlg: tpm2.TPMAlgSHA256,
		ObjectAttributes: tpm2.TPMAObject{
			UserWithAuth: true, NoDA: true, SignEncrypt: true,
		},
		Parameters: tpm2.NewTPMUPublicParms(tpm2.TPMAlgKeyedHash, &tpm2.TPMSKeyedHashParms{
			Scheme: tpm2.TPMTKeyedHashScheme{
				Scheme:  tpm2.TPMAlgHMAC,
				Details: tpm2.NewTPMUSchemeKeyedHash(tpm2.TPMAlgHMAC, &tpm2.TPMSSchemeHMAC{HashAlg: tpm2.TPMAlgSHA256}),
			},
		}),
		Unique: tpm2.NewTPMUPublicID(tpm2.TPMAlgKeyedHash, &tpm2.TPM2BDigest{Buffer: make([]byte, 32)}),
	})
	fixed := len(want) - 32 // everything but the digest that identifies the key
	got := bytes.Clone(public)
	const attributes = 4 // offset of objectAttributes' first byte, after type and nameAlg
	if len(got) > attributes+2 {
		got[attributes+2] |= want[attributes+2] & 0x04 // noDA: a service without it still works
	}
	if len(got) != len(want) || !bytes.Equal(got[:fixed], want[:fixed]) {
		return fmt.Errorf("%w: its public area is not an HMAC-SHA256 key", ErrBlob)
	}
	return nil
}
