package entra

import (
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"math/big"
	"testing"
)

func thumbprint(der []byte) string {
	sum := sha256.Sum256(der)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// publicKey reads a key as RFC 7517 writes it.
func publicKey(t *testing.T, jwk map[string]any) *rsa.PublicKey {
	t.Helper()
	number := func(name string) *big.Int {
		data, err := base64.RawURLEncoding.DecodeString(jwk[name].(string))
		if err != nil {
			t.Fatal(err)
		}
		return new(big.Int).SetBytes(data)
	}
	return &rsa.PublicKey{N: number("n"), E: int(number("e").Int64())}
}
