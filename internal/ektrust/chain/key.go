package chain

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	encoding "encoding/asn1"
	"errors"
	"fmt"
	"math/big"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"tpmdps/internal/text"
)

// Object identifiers of keys: RFC 4055 for RSA, RFC 5480 for ECC.
var (
	oidRSA     = encoding.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}
	oidRSAOAEP = encoding.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 7}
	oidRSAPSS  = encoding.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 10}
	oidECC     = encoding.ObjectIdentifier{1, 2, 840, 10045, 2, 1}
)

var curves = map[string]elliptic.Curve{
	"1.2.840.10045.3.1.7": elliptic.P256(), "1.3.132.0.34": elliptic.P384(), "1.3.132.0.35": elliptic.P521(),
}

// Bounds of RSA keys: below the first a signature proves nothing, above the second
// checking it takes long. CAs for TPMs have 2048 or 4096 bits.
const (
	minRSA = 1024
	maxRSA = 8192
)

// Key is a public key as a certificate has it (SubjectPublicKeyInfo).
type Key struct {
	// DER is the whole SubjectPublicKeyInfo.
	DER []byte
	// RSA is set for an RSA key, whatever padding it is declared for. Infineon
	// certified endorsement keys for OAEP, whose two numbers are as any other's.
	RSA *rsa.PublicKey
	// ECC is set for a key on P-256, P-384 or P-521.
	ECC *ecdsa.PublicKey
	// Encrypts: the key is declared for OAEP, so it signs nothing.
	Encrypts bool
	// Algorithm names the key: "RSA 2048", "ECC P-384"; an object identifier for
	// one that is not known.
	Algorithm string
}

// readKey reads a SubjectPublicKeyInfo. A key of an unknown kind is not an error.
func readKey(der cryptobyte.String) (Key, error) {
	k := Key{DER: bytes.Clone(der)}
	unreadable := errors.New("it cannot be read")
	var info, algorithm cryptobyte.String
	var kind encoding.ObjectIdentifier
	var bits []byte
	if !der.ReadASN1(&info, asn1.SEQUENCE) || !info.ReadASN1(&algorithm, asn1.SEQUENCE) || !algorithm.ReadASN1ObjectIdentifier(&kind) ||
		!info.ReadASN1BitStringAsBytes(&bits) || !info.Empty() {
		return k, unreadable
	}
	switch {
	case kind.Equal(oidRSA), kind.Equal(oidRSAOAEP), kind.Equal(oidRSAPSS):
		k.Encrypts = kind.Equal(oidRSAOAEP)
		return k, k.readRSA(bits)
	case kind.Equal(oidECC):
		return k, k.readECC(algorithm, bits)
	}
	k.Algorithm = text.Printable(kind.String(), maxShown)
	return k, nil
}

func (k *Key) readRSA(bits []byte) error {
	content := cryptobyte.String(bits)
	var numbers cryptobyte.String
	modulus, exponent := new(big.Int), new(big.Int)
	if !content.ReadASN1(&numbers, asn1.SEQUENCE) || !content.Empty() || !readUnsigned(&numbers, modulus) || !readUnsigned(&numbers, exponent) || !numbers.Empty() {
		return errors.New("its numbers cannot be read")
	}
	size := modulus.BitLen()
	k.Algorithm = fmt.Sprintf("RSA %d", size)
	if size > maxRSA || exponent.BitLen() > 31 {
		return fmt.Errorf("RSA of %d bits with an exponent of %d; at most %d and 31 are read", size, exponent.BitLen(), maxRSA)
	}
	k.RSA = &rsa.PublicKey{N: modulus, E: int(exponent.Int64())}
	return nil
}

// readUnsigned reads a number that is positive, whatever its first bit says: some
// issuers left out the zero before it.
func readUnsigned(s *cryptobyte.String, n *big.Int) bool {
	var octets cryptobyte.String
	if !s.ReadASN1(&octets, asn1.INTEGER) || len(octets) == 0 {
		return false
	}
	n.SetBytes(octets)
	return true
}

func (k *Key) readECC(parameters cryptobyte.String, bits []byte) error {
	k.Algorithm = "ECC"
	var id encoding.ObjectIdentifier
	if !parameters.ReadASN1ObjectIdentifier(&id) {
		return nil // parameters in numbers, which RFC 5480 forbids
	}
	curve, ok := curves[id.String()]
	if !ok {
		k.Algorithm = text.Printable("ECC "+id.String(), maxShown)
		return nil
	}
	k.Algorithm = "ECC " + curve.Params().Name
	point, err := ecdsa.ParseUncompressedPublicKey(curve, bits)
	if err != nil {
		return errors.New("its point is not on " + curve.Params().Name)
	}
	k.ECC = point
	return nil
}

// MarshalRSA writes the SubjectPublicKeyInfo of an RSA key, in DER.
func MarshalRSA(modulus, exponent []byte) []byte {
	numbers := cryptobyte.NewBuilder(nil)
	numbers.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1BigInt(new(big.Int).SetBytes(modulus))
		b.AddASN1BigInt(new(big.Int).SetBytes(exponent))
	})
	key := cryptobyte.NewBuilder(nil)
	key.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(oidRSA)
			b.AddASN1NULL()
		})
		b.AddASN1BitString(numbers.BytesOrPanic())
	})
	return key.BytesOrPanic()
}
