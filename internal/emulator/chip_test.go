package emulator

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
)

// softChip is as much of a TPM as opens a credential, in plain Go and with
// nothing of what the credential maker uses.
type softChip struct {
	ekKey, srkKey *rsa.PrivateKey
	ek, srk       []byte // TPM2B_PUBLIC
}

// The heads of the two TPM2B_PUBLIC, up to the modulus.
const (
	ekHead  = "013a0001000b000300b20020837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa00060080004300100800000000000100"
	srkHead = "011a0001000b00030472000000060080004300100800000000000100"
)

// Keys are slow to make: there are two chips for all tests, which share an SRK.
var chips = sync.OnceValues(func() (a, b *softChip) {
	keys := make([]*rsa.PrivateKey, 3)
	for i := range keys {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		keys[i] = key
	}
	return newSoftChip(keys[0], keys[1]), newSoftChip(keys[2], keys[1])
})

func newSoftChip(ek, srk *rsa.PrivateKey) *softChip {
	return &softChip{
		ekKey: ek, ek: slices.Concat(unhex(ekHead), ek.N.Bytes()),
		srkKey: srk, srk: slices.Concat(unhex(srkHead), srk.N.Bytes()),
	}
}

func (c *softChip) ekText() string  { return base64.StdEncoding.EncodeToString(c.ek) }
func (c *softChip) srkText() string { return base64.StdEncoding.EncodeToString(c.srk) }

// opened is what a chip gets out of a credential.
type opened struct {
	inner, key []byte
	text       string
}

// open does ActivateCredential and Import by the byte offsets of the protocol.
func (c *softChip) open(blob []byte) (opened, error) {
	parts, err := splitCredential(blob)
	if err != nil {
		return opened{}, err
	}
	idObject, secret, duplicate, inSymSeed, public, uri := parts[0], parts[1], parts[2], parts[3], parts[4], parts[5]

	seed, err := rsa.DecryptOAEP(sha256.New(), nil, c.ekKey, secret, []byte("IDENTITY\x00"))
	if err != nil {
		return opened{}, fmt.Errorf("credential secret: %w", err)
	}
	plain, err := unwrapOuter(seed, idObject, nameOf(c.srk[2:]))
	if err != nil {
		return opened{}, fmt.Errorf("credential: %w", err)
	}
	inner := plain[2:]

	if seed, err = rsa.DecryptOAEP(sha256.New(), nil, c.srkKey, inSymSeed, []byte("DUPLICATE\x00")); err != nil {
		return opened{}, fmt.Errorf("duplicate seed: %w", err)
	}
	wrapped, err := unwrapOuter(seed, duplicate, nameOf(public))
	if err != nil {
		return opened{}, fmt.Errorf("duplicate: %w", err)
	}
	wrapped = decryptCFB(inner, wrapped)
	sensitive := wrapped[34:]
	if want := sha256.Sum256(slices.Concat(sensitive, nameOf(public))); !slices.Equal(wrapped[2:34], want[:]) {
		return opened{}, errors.New("inner integrity")
	}
	seedValue, key := sensitive[8:40], sensitive[42:74]
	if unique := sha256.Sum256(slices.Concat(seedValue, key)); !slices.Equal(public[16:], unique[:]) {
		return opened{}, errors.New("the public area is of another key")
	}
	return opened{inner: inner, key: key, text: fromUTF16(decryptCFB(inner, uri))}, nil
}

// splitCredential reads six sized structures and nothing behind them.
func splitCredential(blob []byte) ([][]byte, error) {
	var parts [][]byte
	for range 6 {
		if len(blob) < 2 || len(blob) < 2+int(binary.BigEndian.Uint16(blob)) {
			return nil, fmt.Errorf("cut off in structure %d", len(parts)+1)
		}
		n := 2 + int(binary.BigEndian.Uint16(blob))
		parts, blob = append(parts, blob[2:n]), blob[n:]
	}
	if len(blob) > 0 {
		return nil, fmt.Errorf("%d bytes behind the structures", len(blob))
	}
	return parts, nil
}

func unwrapOuter(seed, wrapped, name []byte) ([]byte, error) {
	mac := hmac.New(sha256.New, kdf(seed, "INTEGRITY", nil, 256))
	mac.Write(wrapped[34:])
	mac.Write(name)
	if !hmac.Equal(wrapped[2:34], mac.Sum(nil)) {
		return nil, errors.New("outer integrity")
	}
	return decryptCFB(kdf(seed, "STORAGE", name, 128), wrapped[34:]), nil
}

func kdf(key []byte, label string, context []byte, bits uint32) []byte {
	mac := hmac.New(sha256.New, key)
	binary.Write(mac, binary.BigEndian, uint32(1))
	mac.Write([]byte(label + "\x00"))
	mac.Write(context)
	binary.Write(mac, binary.BigEndian, bits)
	return mac.Sum(nil)[:bits/8]
}

func nameOf(public []byte) []byte {
	digest := sha256.Sum256(public)
	return slices.Concat([]byte{0, 0x0b}, digest[:])
}

func decryptCFB(key, data []byte) []byte {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err)
	}
	out := make([]byte, len(data))
	cipher.NewCFBDecrypter(block, make([]byte, aes.BlockSize)).XORKeyStream(out, data) //nolint:staticcheck // the TPM specification says CFB
	return out
}

func fromUTF16(data []byte) string {
	var out []rune
	for i := 0; i+1 < len(data); i += 2 {
		out = append(out, rune(binary.LittleEndian.Uint16(data[i:])))
	}
	return string(out)
}

func unhex(text string) []byte {
	b, err := hex.DecodeString(text)
	if err != nil {
		panic(err)
	}
	return b
}

// mustOpen opens base64 text as it stands in an answer.
func (c *softChip) mustOpen(t *testing.T, text string) opened {
	t.Helper()
	blob, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatalf("authenticationKey: %v", err)
	}
	o, err := c.open(blob)
	if err != nil {
		t.Fatalf("open authenticationKey: %v", err)
	}
	return o
}
