package identity

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
)

// vary is a key of the L-1 template with something else in it.
func vary(change func(p *publicArea)) []byte {
	p := l1
	p.unique = testEK()[len(ekPrefix):]
	change(&p)
	return p.marshal()
}

// ecc is the public area of an ECC key: P-256 or P-384.
func ecc(attributes string, policy string, cipher string, curve string, size int) []byte {
	point := strings.Repeat("5a", size)
	length := hex.EncodeToString([]byte{0, byte(size)})
	text := "0023" + "000b" + attributes + hex.EncodeToString([]byte{0, byte(len(policy) / 2)}) + policy + cipher + "0010" + curve + "0010" + length + point + length + point
	b, err := hex.DecodeString(text)
	if err != nil {
		panic(err)
	}
	return append([]byte{byte(len(b) >> 8), byte(len(b))}, b...)
}

const l1Policy = "837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa"

// What a key of a TPM's differs in is named, with both values.
func TestCheckEndorsementKeyNamesWhatDiffers(t *testing.T) {
	highRange, _ := hex.DecodeString(highRangePolicy)
	aes256 := symmetric{0x0006, 256, 0x0043}
	for name, test := range map[string]struct {
		ek      []byte
		is      string
		differs string // all of it
	}{
		"sign set (swtpm_setup --allow-signing)": {vary(func(p *publicArea) { p.attributes |= attrSign }),
			"an RSA 2048 key that is not a TCG L-1 endorsement key", "its attribute sign is set instead of clear"},
		"userWithAuth": {vary(func(p *publicArea) { p.attributes |= attrUserWithAuth }), "an RSA 2048 key that", "its attribute userWithAuth is set instead of clear"},
		"not restricted": {vary(func(p *publicArea) { p.attributes &^= attrRestricted; p.cipher = symmetric{algorithm: algNull} }), "an RSA 2048 key that",
			"its attribute restricted is clear instead of set; its cipher is no cipher instead of AES-128"},
		"not fixed":      {vary(func(p *publicArea) { p.attributes &^= 1<<1 | 1<<4 }), "an RSA 2048 key that", "its attribute fixedTPM is clear instead of set; its attribute fixedParent is clear instead of set"},
		"noDA":           {vary(func(p *publicArea) { p.attributes |= attrNoDA }), "an RSA 2048 key that", "its attribute noDA is set instead of clear"},
		"reserved bit":   {vary(func(p *publicArea) { p.attributes |= 1 << 30 }), "an RSA 2048 key that", "its attributes are 0x400300b2 instead of 0x000300b2"},
		"AES-256":        {vary(func(p *publicArea) { p.cipher = aes256 }), "an RSA 2048 key that", "its cipher is AES-256 instead of AES-128"},
		"SM4":            {vary(func(p *publicArea) { p.cipher.algorithm = 0x0013 }), "an RSA 2048 key that", "its cipher is SM4-128 instead of AES-128"},
		"AES-128-CBC":    {vary(func(p *publicArea) { p.cipher.mode = 0x0042 }), "an RSA 2048 key that", "its cipher is AES-128-CBC instead of AES-128"},
		"SHA-384":        {vary(func(p *publicArea) { p.nameHash = 0x000c }), "an RSA 2048 key that", "its name algorithm is SHA-384 instead of SHA-256"},
		"unknown hash":   {vary(func(p *publicArea) { p.nameHash = 0x0099 }), "an RSA 2048 key that", "its name algorithm is algorithm 0x0099 instead of SHA-256"},
		"exponent 3":     {vary(func(p *publicArea) { p.exponent = 3 }), "an RSA 2048 key that", "its exponent is 3 instead of 0 (which means 65537)"},
		"a short key":    {vary(func(p *publicArea) { p.unique = p.unique[1:] }), "an RSA 2048 key that", "its modulus is 2036 bits long instead of 2048 bits long"},
		"scheme":         {vary(func(p *publicArea) { p.scheme = 0x0015 }), "an RSA 2048 key that", "its scheme is RSAES instead of none"},
		"another policy": {vary(func(p *publicArea) { p.policy = bytes.Repeat([]byte{0xab}, 32) }), "an RSA 2048 key that", "its policy is abababababababab… instead of the one of L-1 (PolicySecret of the endorsement hierarchy)"},
		"H-1": {vary(func(p *publicArea) { p.attributes |= attrUserWithAuth; p.policy = highRange }), "an RSA 2048 key that",
			"its attribute userWithAuth is set instead of clear; its policy is the one of the high-range templates (H-1: PolicyOR of two policies) instead of the one of L-1 (PolicySecret of the endorsement hierarchy)"},
		"RSA 3072": {vary(func(p *publicArea) {
			p.bits, p.nameHash, p.cipher, p.unique = 3072, 0x000c, aes256, bytes.Repeat([]byte{0xc1}, 384)
		}), "an RSA 3072 key that", "its size is 3072 bits instead of 2048 bits; its name algorithm is SHA-384 instead of SHA-256; its cipher is AES-256 instead of AES-128"},
		"attestation key": {vary(func(p *publicArea) {
			p.attributes, p.policy, p.cipher, p.scheme = 0x00050072, nil, symmetric{algorithm: algNull}, algNull
		}), "an attestation key (RSA 2048)", "its attribute userWithAuth is set instead of clear; its attribute adminWithPolicy is clear instead of set; " +
			"its attribute decrypt is clear instead of set; its attribute sign is set instead of clear; its policy is empty instead of the one of L-1 (PolicySecret of the endorsement hierarchy); its cipher is no cipher instead of AES-128"},
		"SRK": {storageRootKey(), "a storage root key (RSA 2048)", "its attribute userWithAuth is set instead of clear; its attribute adminWithPolicy is clear instead of set; " +
			"its attribute noDA is set instead of clear; its policy is empty instead of the one of L-1 (PolicySecret of the endorsement hierarchy)"},
		"ECC EK, L-2":       {ecc("000300b2", l1Policy, "000600800043", "0003", 32), "an ECC key (ECC P-256)", "its type is ECC instead of RSA"},
		"ECC EK, P-384":     {ecc("000300f2", highRangePolicy, "000601000043", "0004", 48), "an ECC key (ECC P-384)", "its type is ECC instead of RSA"},
		"ECC SRK":           {ecc("00030472", "", "000600800043", "0003", 32), "a storage root key (ECC P-256)", "its type is ECC instead of RSA"},
		"ECC AIK":           {ecc("00050072", "", "0010", "0003", 32), "an attestation key (ECC P-256)", "its type is ECC instead of RSA"},
		"ECC, odd curve":    {ecc("000300b2", l1Policy, "000600800043", "7777", 32), "an ECC key (ECC of curve 0x7777)", "its type is ECC instead of RSA"},
		"an empty modulus":  {vary(func(p *publicArea) { p.unique = nil }), "an RSA 2048 key that", "its modulus is 0 bits long instead of 2048 bits long"},
		"SRK, without size": {storageRootKey()[2:], "a storage root key (RSA 2048)", "its attribute userWithAuth is set instead of clear; its attribute adminWithPolicy is clear instead of set; its attribute noDA is set instead of clear; its policy is empty instead of the one of L-1 (PolicySecret of the endorsement hierarchy)"},
	} {
		for form, err := range map[string]error{"CheckEndorsementKey": CheckEndorsementKey(test.ek), "ParseEndorsementKey": parseError(b64(test.ek))} {
			var format *FormatError
			if !errors.As(err, &format) || !strings.Contains(format.Is, test.is) || format.Differs != test.differs || format.Convert != "" || format.Advice == "" {
				t.Errorf("%s: %s: %#v, want %q: %q", name, form, format, test.is, test.differs)
			} else if !strings.Contains(err.Error(), test.differs) {
				t.Errorf("%s: %v does not name what differs", name, err)
			}
		}
	}
}

func parseError(text string) error {
	_, err := ParseEndorsementKey(text)
	return err
}

// The policy of the high range is what its definition says: PolicyOR of L-1's
// policy and PolicyC of the TCG EK Credential Profile 2.5, B.6.4.
func TestHighRangePolicy(t *testing.T) {
	const policyC = "3767e2edd43ff45a3a7e1eaefcef78643dca964632e7aad82c673a30d8633fde"
	or, err := hex.DecodeString(strings.Repeat("00", 32) + "00000171" + l1Policy + policyC)
	if err != nil {
		t.Fatal(err)
	}
	if sum := sha256.Sum256(or); hex.EncodeToString(sum[:]) != highRangePolicy {
		t.Errorf("PolicyOR = %x, want %s", sum, highRangePolicy)
	}
}

// An L-1 key is read and written without a change.
func TestPublicAreaRoundTrip(t *testing.T) {
	for _, ek := range otherEKs() {
		p, ok := parsePublic(ek)
		if !ok || p.differs() != "" || !bytes.Equal(p.marshal(), ek) {
			t.Errorf("parsePublic(%x) = %+v, %v, differs %q", ek, p, ok, p.differs())
		}
	}
}

// A public area that was cut anywhere, or goes on, is not one.
func TestParsePublicWholeOnly(t *testing.T) {
	for _, whole := range [][]byte{testEK(), storageRootKey(), ecc("000300b2", l1Policy, "000600800043", "0003", 32)} {
		for n := range whole {
			if _, ok := parsePublic(whole[:n]); ok {
				t.Errorf("parsePublic of %d of %d bytes", n, len(whole))
			}
			if _, ok := parsePublicArea(whole[2:][:max(n-2, 0)]); ok {
				t.Errorf("parsePublicArea of %d of %d bytes", n-2, len(whole)-2)
			}
		}
		if _, ok := parsePublicArea(append(bytes.Clone(whole[2:]), 0)); ok {
			t.Error("parsePublicArea of a byte too many")
		}
	}
}

func FuzzCheckEndorsementKey(f *testing.F) {
	f.Add(testEK())
	f.Add(testEK()[2:])
	f.Add(storageRootKey())
	f.Add(ecc("000300b2", l1Policy, "000600800043", "0003", 32))
	f.Add([]byte{0x30, 0x82, 1, 1})
	f.Fuzz(func(t *testing.T, ek []byte) {
		err := CheckEndorsementKey(ek)
		var format *FormatError
		if err != nil && !errors.As(err, &format) {
			t.Fatalf("%v is not a FormatError", err)
		}
		p, ok := parsePublic(ek)
		switch {
		case err == nil && (!ok || p.differs() != ""):
			t.Errorf("accepted %x", ek)
		case ok && p.kind == algRSA && p.differs() != "" && format.Differs == "" && format.Convert == "" && format.cause == nil && !strings.Contains(format.Is, "not an RSA 2048 key"):
			t.Errorf("%x differs in %s, which %v does not say", ek, p.differs(), err)
		case format != nil && format.Convert != "":
			if _, err := ParseEndorsementKey(format.Convert); err != nil {
				t.Errorf("%x was converted to %s: %v", ek, format.Convert, err)
			}
		}
	})
}
