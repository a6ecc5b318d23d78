package identity

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// readPublicField is a field of what tpm2_readpublic, tpm2_createek and
// tpm2_createprimary print, which is YAML. It may have lost its line ends.
var readPublicField = regexp.MustCompile(`(?:^|\s)(qualified name|authorization policy|name-alg|algorithm|name|attributes|type|exponent|bits|scheme-halg|scheme|sym-alg|sym-mode|sym-keybits|rsa|curve-id|x|y):\s*`)

// keyInReadPublic puts the key together again from what tpm2_readpublic prints of
// it, and compares it with the name in there, which is a digest of all of it. It
// returns nothing for another text.
func keyInReadPublic(text string, _ int) ([]byte, error) {
	const description = "the text that tpm2_readpublic prints"
	f := readPublicFields(text)
	switch {
	case f["type"] == "" || f["attributes"] == "":
		return nil, nil
	case f["rsa"] == "":
		if p, ok := f.public(); ok && p.kind == algECC {
			return nil, &FormatError{Is: description + ", of " + p.name(), Differs: p.differs(), Advice: readAgain}
		}
		return nil, &FormatError{Is: description + ", without an RSA modulus", Advice: copyWhole}
	}
	p, ok := f.public()
	if _, whole := f["bits"]; ok && !whole {
		return nil, f.old(description, p)
	}
	if !ok {
		return nil, &FormatError{Is: description + ", and not all of it can be read", Advice: copyWhole}
	}
	if p.exponent == 65537 {
		p.exponent = 0 // tpm2-tools print 0 so
	}
	if p.differs() != "" {
		return nil, &FormatError{Is: description + ", of " + p.name(), Differs: p.differs(), Advice: readAgain}
	}
	whole := p.marshal()
	if name, ok := f["name"]; ok && !strings.EqualFold(strings.TrimPrefix(name, "0x"), objectNameOf(whole)) {
		return nil, &FormatError{Is: description + ", and it was altered: the name in it belongs to another key than the modulus", Advice: copyWhole}
	}
	return nil, converted(whole, description, "the key was put together from it; tpm2_readpublic -f tss -o FILE, then base64 -w0 FILE, gives the same")
}

// old is for the tools before version 4, which print neither size nor cipher. Only
// the name tells whether these are L-1's.
func (f fields) old(is string, p publicArea) error {
	filled := l1
	filled.attributes, filled.unique = p.attributes, p.unique
	whole := filled.marshal()
	if !strings.EqualFold(strings.TrimPrefix(f["name"], "0x"), objectNameOf(whole)) {
		return &FormatError{Is: is + ", and by its name not a TCG L-1 endorsement key, or altered", Advice: readAgain}
	}
	return converted(whole, is, "the key was put together from it, and is the one that the name in it belongs to")
}

// objectNameOf is a key's name: the name algorithm, and the digest of its
// TPMT_PUBLIC (TPM 2.0 Part 1, 16).
func objectNameOf(public []byte) string {
	sum := sha256.Sum256(public[2:])
	return "000b" + hex.EncodeToString(sum[:])
}

// fields are the values of tpm2_readpublic, by name.
type fields map[string]string

func readPublicFields(text string) fields {
	f := fields{}
	found := readPublicField.FindAllStringSubmatchIndex(text, -1)
	for i, at := range found {
		end := len(text)
		if i+1 < len(found) {
			end = found[i+1][0]
		}
		if name := text[at[2]:at[3]]; f[name] == "" {
			f[name] = strings.TrimSpace(text[at[1]:end])
		}
	}
	return f
}

// public is the public area that the fields describe.
func (f fields) public() (p publicArea, ok bool) {
	number := func(name string, otherwise uint64) uint64 {
		text, there := f[name]
		if !there {
			return otherwise
		}
		n, err := strconv.ParseUint(raw(text), 0, 32)
		ok = ok && err == nil
		return n
	}
	binary := func(name string) []byte {
		b, err := hex.DecodeString(strings.TrimPrefix(strings.Join(strings.Fields(f[name]), ""), "0x"))
		ok = ok && err == nil
		return b
	}
	ok = true
	p = publicArea{
		kind:       uint16(number("type", 0)),
		nameHash:   uint16(number("name-alg", number("algorithm", 0))),
		attributes: uint32(number("attributes", 0)),
		policy:     binary("authorization policy"),
		cipher: symmetric{
			algorithm: uint16(number("sym-alg", algNull)), bits: uint16(number("sym-keybits", 0)), mode: uint16(number("sym-mode", 0)),
		},
		scheme:   uint16(number("scheme", algNull)),
		bits:     uint16(number("bits", 0)),
		exponent: uint32(number("exponent", 0)),
		curve:    uint16(number("curve-id", 0)),
		unique:   binary("rsa"),
	}
	return p, ok && slices.Contains([]uint16{algRSA, algECC}, p.kind) && !bytes.Equal(p.policy, []byte{0})
}

var rawNumber = regexp.MustCompile(`raw:\s*(0x[0-9a-fA-F]+|[0-9]+)`)

// raw is the number in a field: alone, or below its words as raw.
func raw(text string) string {
	if m := rawNumber.FindStringSubmatch(text); m != nil {
		return m[1]
	}
	first, _, _ := strings.Cut(text, "\n")
	return strings.TrimSpace(first)
}
