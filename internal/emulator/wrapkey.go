package emulator

import (
	"crypto/rand"
	"fmt"
)

// WrapKey wraps an HMAC key for the chip that has both ek and srk, marshalled
// TPM2B_PUBLICs, and returns it as it stands in an authenticationKey before
// base64. It is the service's side of attestation alone, for testing a chip
// without a network.
func WrapKey(ek, srk, key []byte, text string) ([]byte, error) {
	ekPublic, err := parsePublic(ek)
	if err != nil {
		return nil, fmt.Errorf("endorsement key: %w", err)
	}
	srkPublic, err := parsePublic(srk)
	if err != nil {
		return nil, fmt.Errorf("storage root key: %w", err)
	}
	c, err := makeCredential(rand.Reader, ekPublic, srkPublic, key, text)
	if err != nil {
		return nil, err
	}
	return c.bytes(), nil
}
