package identity

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/crypto/cryptobyte"
)

// blobError names the forms in which systems and libraries keep the two numbers of an
// RSA key, nil for other bytes.
func blobError(b []byte) error {
	for _, read := range []func([]byte) error{bcryptBlob, capiBlob, sshBlob, structDump} {
		if err := read(b); err != nil {
			return err
		}
	}
	return nil
}

// bcryptBlob is Windows' BCRYPT_RSAKEY_BLOB, in which the platform crypto provider
// gives out the EK (PCP_EKPUB): six little-endian numbers, the exponent, the modulus.
func bcryptBlob(b []byte) error {
	const header = 24
	if len(b) < header || !bytes.HasPrefix(b, []byte("RSA1")) {
		return nil
	}
	const is = "an RSA key of Windows (BCRYPT_RSAKEY_BLOB)"
	exponent, modulus := int(binary.LittleEndian.Uint32(b[8:])), int(binary.LittleEndian.Uint32(b[12:]))
	if rest := len(b) - header; exponent > rest || modulus > rest || exponent+modulus != rest {
		return &FormatError{Is: is + ", cut short", Advice: copyWhole}
	}
	return numbersError(is, b[header+exponent:], b[header:header+exponent])
}

// capiBlob is the PUBLICKEYBLOB of Windows' older interface and of .NET's
// ExportCspBlob: the numbers begin with their lowest byte.
func capiBlob(b []byte) error {
	const header, magic = 20, 8
	if len(b) < header || !bytes.HasPrefix(b, []byte{6, 2, 0, 0}) || string(b[magic:magic+4]) != "RSA1" {
		return nil
	}
	exponent, modulus := bytes.Clone(b[16:header]), bytes.Clone(b[header:])
	slices.Reverse(exponent)
	slices.Reverse(modulus)
	return numbersError("an RSA key of Windows (PUBLICKEYBLOB)", modulus, exponent)
}

// sshBlob is RFC 4253, 6.6: the word ssh-rsa, the exponent, the modulus.
func sshBlob(b []byte) error {
	s := cryptobyte.String(b)
	field := func(out *cryptobyte.String) bool {
		var n uint32
		return s.ReadUint32(&n) && n <= 1<<12 && s.ReadBytes((*[]byte)(out), int(n))
	}
	var name, exponent, modulus cryptobyte.String
	if !field(&name) || string(name) != "ssh-rsa" || !field(&exponent) || !field(&modulus) || !s.Empty() {
		return nil
	}
	return numbersError("an SSH public key", modulus, exponent)
}

var sshHeader = regexp.MustCompile(`(?m)^[A-Za-z-]+: .*$|^-+ (?:BEGIN|END) .*$`)

// sshText is a line of authorized_keys, or the file of RFC 4716.
func sshText(text string) error {
	if !strings.Contains(text, "AAAAB3NzaC1yc2E") {
		return nil
	}
	for word := range strings.FieldsSeq(text) {
		if raw, err := base64.StdEncoding.DecodeString(word); err == nil && sshBlob(raw) != nil {
			return sshBlob(raw)
		}
	}
	if !strings.Contains(text, "SSH2 PUBLIC KEY") {
		return nil
	}
	raw, _ := base64.RawStdEncoding.DecodeString(escapes.Replace(sshHeader.ReplaceAllString(text, "")))
	if err := sshBlob(raw); err != nil {
		return err
	}
	return &FormatError{Is: "an SSH public key", Advice: readAgain}
}

// structDump is a TPM2B_PUBLIC as it lies in the memory of a little-endian machine,
// which the tpm2-tools before 4 wrote to files. Its parts have room for the longest
// there can be, and the compiler's gaps between them.
func structDump(b []byte) error {
	const attributesAt, policyAt, policySpace, size = 8, 12, 2 + 64, 256
	const is = "the little-endian memory dump of an old tpm2-tools (before 4)"
	switch {
	case !bytes.HasPrefix(b, []byte{0x3a, 0x01, 0, 0, 0x01, 0, 0x0b, 0}):
		return nil
	case len(b) < policyAt+policySpace:
		return &FormatError{Is: is, Advice: readAgain}
	}
	parameters := []byte{0x06, 0, 0x80, 0, 0x43, 0, 0x10, 0} // AES-128-CFB, no scheme
	digest, rest := int(binary.LittleEndian.Uint16(b[policyAt:])), bytes.TrimRight(b[policyAt+policySpace:], "\x00")
	_, rest, found := bytes.Cut(rest, parameters)
	// What is left are the bits of the key, an exponent of 0, and the modulus with its size.
	at := len(rest) - size
	if !found || digest != len(l1.policy) || at < 2 || !bytes.HasSuffix(rest[:at], []byte{0, 1}) || !bytes.Equal(bytes.Trim(rest[:at-2], "\x00"), []byte{l1bits}) {
		return &FormatError{Is: is, Advice: readAgain}
	}
	p := l1
	p.attributes, p.policy, p.unique = binary.LittleEndian.Uint32(b[attributesAt:]), b[policyAt+2:policyAt+2+digest], rest[at:]
	if differs := p.differs(); differs != "" {
		return &FormatError{Is: is + ", of " + p.name(), Differs: differs, Advice: readAgain}
	}
	return converted(p.marshal(), is, "newer tpm2-tools write the key as it is: tpm2_readpublic -f tss -o FILE")
}

const l1bits = 2048 >> 8 // the upper byte of the size in bits, as it stands in the key
