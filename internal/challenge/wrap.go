package challenge

import (
	"crypto/rand"
	"fmt"
)

// Make wraps an HMAC key for the chip that has both ek and srk, and returns it
// as it stands in an authenticationKey before base64. text says what the key is
// for: host/registrationId, or hub/deviceId.
func Make(ek, srk *Key, key []byte, text string) ([]byte, error) {
	c, err := makeCredential(rand.Reader, ek, srk, key, text)
	if err != nil {
		return nil, err
	}
	return c.bytes(), nil
}

// Wrap is [Make] for marshalled TPM2B_PUBLICs.
func Wrap(ek, srk, key []byte, text string) ([]byte, error) {
	ekPublic, err := ParseKey(ek)
	if err != nil {
		return nil, fmt.Errorf("endorsement key: %w", err)
	}
	srkPublic, err := ParseKey(srk)
	if err != nil {
		return nil, fmt.Errorf("storage root key: %w", err)
	}
	return Make(ekPublic, srkPublic, key, text)
}
