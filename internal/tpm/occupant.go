package tpm

import (
	"fmt"
	"slices"

	"github.com/google/go-tpm/tpm2"
)

// HandleDPSKey is where the SDKs and aziot-tpmd keep the key that DPS gave: base
// 0x81000000 and auth_key_index 0x000100 (aziot-tpmd-config).
const HandleDPSKey = 0x81000100

// Occupant is what sits at a persistent handle.
type Occupant struct {
	// Handle is the handle, such as 0x81000100.
	Handle uint32
	// Is names the object in words, such as "an RSA 2048 storage key".
	Is string
	// DPSKey says that it has the form of a key that DPS gave: an HMAC key from
	// outside the chip.
	DPSKey bool
}

// OccupiedError says that a persistent handle holds something other than what
// belongs there, and what that is. It wraps [ErrOccupied].
type OccupiedError struct {
	// Handle is the handle, such as 0x81010001.
	Handle uint32
	// Is names what is there in words; Instead what belongs there.
	Is, Instead string
	// Why says in which fields the two differ; empty where that is plain.
	Why string
}

// Error names the handle, what is there and why that does not do.
func (e *OccupiedError) Error() string {
	text := fmt.Sprintf("%v: %#x holds %s", ErrOccupied, e.Handle, e.Is)
	if e.Instead != "" {
		text += " instead of " + e.Instead
	}
	if e.Why != "" {
		text += ": " + e.Why
	}
	return text
}

// Unwrap returns [ErrOccupied].
func (e *OccupiedError) Unwrap() error { return ErrOccupied }

// Occupant reads what sits at a persistent handle; nil when nothing does. One
// command, besides the list of handles where that was not read yet.
func (d *Device) Occupant(handle uint32) (*Occupant, error) {
	k, err := d.find(handle)
	if err != nil || k == nil {
		return nil, err
	}
	return &Occupant{Handle: handle, Is: describe(k.public), DPSKey: isDPSKey(k.public)}, nil
}

// FreeAuthKeyIndex is the lowest auth_key_index from 0x000101 on whose handle
// is not in use. No command once the handles are known.
func (d *Device) FreeAuthKeyIndex() (uint32, error) {
	used, err := d.persistentHandles()
	if err != nil {
		return 0, err
	}
	for index := uint32(0x101); index <= 0x7fffff; index++ {
		if !slices.Contains(used, 0x81000000+index) {
			return index, nil
		}
	}
	return 0, fmt.Errorf("%w: no auth_key_index is free", ErrNVFull)
}

// isDPSKey recognises what DPS sends by the attributes that nothing else has
// together: signs, came from outside, HMAC.
func isDPSKey(pub tpm2.TPMTPublic) bool {
	return checkHMACKey(tpm2.Marshal(pub)) == nil
}

// describe names a public area in the words of the trade.
func describe(pub tpm2.TPMTPublic) string {
	a := pub.ObjectAttributes
	role := "key"
	switch {
	case isDPSKey(pub):
		return "an HMAC key, as DPS gives them"
	case a.Restricted && a.Decrypt && a.AdminWithPolicy:
		role = "endorsement key or the like"
	case a.Restricted && a.Decrypt:
		role = "storage key"
	case a.Restricted && a.SignEncrypt:
		role = "attestation key"
	case a.SignEncrypt && !a.Decrypt:
		role = "signing key"
	}
	switch pub.Type {
	case tpm2.TPMAlgRSA:
		if p, err := pub.Parameters.RSADetail(); err == nil {
			return fmt.Sprintf("an RSA %d %s", p.KeyBits, role)
		}
		return "an RSA " + role
	case tpm2.TPMAlgECC:
		return "an ECC " + role
	case tpm2.TPMAlgKeyedHash:
		return "an HMAC key or sealed data"
	case tpm2.TPMAlgSymCipher:
		return "a symmetric " + role
	}
	return fmt.Sprintf("an object of type %#x", uint16(pub.Type))
}
