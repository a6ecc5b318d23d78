package emulator

import (
	"bytes"
	"encoding/base64"
	"slices"
	"strings"
	"testing"
)

func TestParseStorageKey(t *testing.T) {
	chip, _ := chips()
	patch := func(raw []byte, at int, b ...byte) []byte {
		raw = slices.Clone(raw)
		copy(raw[at:], b)
		return raw
	}
	tests := []struct {
		name string
		raw  []byte
		want string // part of the error; "" for none
	}{
		{"EK", chip.ek, ""},
		{"SRK", chip.srk, ""},
		{"exponent written out", patch(chip.ek, 54, 0, 1, 0, 1), ""},
		{"nothing", nil, "size in front"},
		{"one byte", []byte{1}, "size in front"},
		{"no size prefix", chip.ek[2:], "size in front"},
		{"cut off", chip.ek[:200], "size in front"},
		{"byte behind", append(slices.Clone(chip.ek), 0), "size in front"},
		{"byte inside", patch(append(slices.Clone(chip.ek), 0), 0, 0x01, 0x3b), "left over"},
		{"empty TPMT", []byte{0, 0}, "not a TPM2B_PUBLIC"},
		{"ECC", patch(chip.ek, 2, 0x00, 0x23), ""},
		{"SHA-384 name", patch(chip.ek, 4, 0x00, 0x0c), "SHA-256"},
		{"signing key", patch(chip.ek, 6, 0x00, 0x07, 0x00, 0xb2), "storage key"},
		{"unrestricted", patch(chip.ek, 6, 0x00, 0x02, 0x00, 0xb2), "storage key"},
		{"AES-256", patch(chip.ek, 46, 0x01, 0x00), "AES 256"},
		{"RSA 3072", patch(chip.ek, 52, 0x0c, 0x00), "RSA 3072"},
		{"exponent 3", patch(chip.ek, 54, 0, 0, 0, 3), "exponent 3"},
		{"template without a key", patch(chip.ek, 60, make([]byte, 256)...), "modulus"},
		{"even modulus", patch(chip.ek, 315, 2), "modulus"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := parsePublic(tt.raw)
			if tt.name == "ECC" { // whatever the bytes behind it are
				if err == nil {
					t.Error("parsePublic() takes an ECC key")
				}
				return
			}
			checkError(t, "parsePublic()", err, tt.want)
		})
	}
	for _, text := range []string{"", "AToA", "%%%", strings.Repeat("A", 4000), chip.ekText() + "\x00", "-----BEGIN PUBLIC KEY-----"} {
		if _, err := parseStorageKey(text); err == nil {
			t.Errorf("parseStorageKey(%.20q) = nil", text)
		}
	}
}

func checkError(t *testing.T, what string, err error, want string) {
	t.Helper()
	switch {
	case want == "" && err != nil:
		t.Errorf("%s = %v, want no error", what, err)
	case want != "" && err == nil:
		t.Errorf("%s = nil, want an error with %q", what, want)
	case want != "" && !strings.Contains(err.Error(), want):
		t.Errorf("%s = %v, want an error with %q", what, err, want)
	}
}

// Whatever is taken as a key can be wrapped to, and is what was sent.
func FuzzParsePublic(f *testing.F) {
	chip, _ := chips()
	f.Add(chip.ek)
	f.Add(chip.srk)
	f.Add(chip.ek[:100])
	f.Add([]byte{0, 0})
	f.Fuzz(func(t *testing.T, raw []byte) {
		key, err := parsePublic(raw)
		if err != nil {
			return
		}
		if !bytes.Equal(key.tpmt, raw[2:]) {
			t.Errorf("parsePublic(%x) keeps %x", raw, key.tpmt)
		}
		if _, err := (&Server{}).wrap(key, key, make([]byte, hmacKeySize), "x", ""); err != nil {
			t.Errorf("wrap() for %s: %v", base64.StdEncoding.EncodeToString(raw), err)
		}
	})
}
