package challenge

import (
	"bytes"
	"encoding/base64"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-tpm/tpm2"
)

func TestParseKey(t *testing.T) {
	chip := readVectors(t)
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
		{"EK", chip.EndorsementKey, ""},
		{"SRK", chip.StorageRootKey, ""},
		{"exponent written out", patch(chip.EndorsementKey, 54, 0, 1, 0, 1), ""},
		{"nothing", nil, "size in front"},
		{"one byte", []byte{1}, "size in front"},
		{"no size prefix", chip.EndorsementKey[2:], "size in front"},
		{"cut off", chip.EndorsementKey[:200], "size in front"},
		{"byte behind", append(slices.Clone(chip.EndorsementKey), 0), "size in front"},
		{"byte inside", patch(append(slices.Clone(chip.EndorsementKey), 0), 0, 0x01, 0x3b), "left over"},
		{"empty TPMT", []byte{0, 0}, "not a TPM2B_PUBLIC"},
		{"ECC", patch(chip.EndorsementKey, 2, 0x00, 0x23), ""},
		{"SHA-384 name", patch(chip.EndorsementKey, 4, 0x00, 0x0c), "SHA-256"},
		{"signing key", patch(chip.EndorsementKey, 6, 0x00, 0x07, 0x00, 0xb2), "storage key"},
		{"unrestricted", patch(chip.EndorsementKey, 6, 0x00, 0x02, 0x00, 0xb2), "storage key"},
		{"AES-256", patch(chip.EndorsementKey, 46, 0x01, 0x00), "AES 256"},
		{"RSA 3072", patch(chip.EndorsementKey, 52, 0x0c, 0x00), "RSA 3072"},
		{"exponent 3", patch(chip.EndorsementKey, 54, 0, 0, 0, 3), "exponent 3"},
		{"template without a key", patch(chip.EndorsementKey, 60, make([]byte, 256)...), "modulus"},
		{"even modulus", patch(chip.EndorsementKey, 315, 2), "modulus"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ParseKey(tt.raw)
			if tt.name == "ECC" { // whatever the bytes behind it are
				if err == nil {
					t.Error("ParseKey() takes an ECC key")
				}
				return
			}
			checkError(t, "ParseKey()", err, tt.want)
		})
	}
}

// However a key is read, it is what go-tpm makes of it, with the name that it has there.
func TestKeyIsWhatGoTPMReads(t *testing.T) {
	chip := readVectors(t)
	recipe := slices.Clone(chip.StorageRootKey)
	recipe[7] &^= 0x04 // noDA
	otherPolicy := slices.Clone(chip.EndorsementKey)
	otherPolicy[12] ^= 1
	exponent := slices.Clone(chip.EndorsementKey)
	copy(exponent[54:], []byte{0, 1, 0, 1})
	for name, tt := range map[string]struct {
		raw   []byte
		usual bool
	}{
		"EK": {chip.EndorsementKey, true}, "SRK": {chip.StorageRootKey, true}, "SRK of the recipe": {recipe, true},
		"another policy": {otherPolicy, false}, "exponent written out": {exponent, false},
	} {
		key, err := ParseKey(tt.raw)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		want, err := tpm2.Unmarshal[tpm2.TPMTPublic](tt.raw[2:])
		if err != nil {
			t.Fatal(err)
		}
		if wantName, err := tpm2.ObjectName(want); err != nil || !bytes.Equal(key.Name(), wantName.Buffer) {
			t.Errorf("%s: Name() = %x, want %x, %v", name, key.Name(), wantName, err)
		}
		wantKey, err := tpm2.ImportEncapsulationKey(want)
		if err != nil || !reflect.DeepEqual(key.LabeledEncapsulationKey, wantKey) {
			t.Errorf("%s: %+v, want %+v, %v", name, key.LabeledEncapsulationKey, wantKey, err)
		}
		got, usual := ofTemplate(tt.raw[2:])
		if usual != tt.usual || usual && !bytes.Equal(tpm2.Marshal(*got), tt.raw[2:]) {
			t.Errorf("%s: ofTemplate() = %+v, %v", name, got, usual)
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
func FuzzParseKey(f *testing.F) {
	chip := readVectors(f)
	f.Add(chip.EndorsementKey)
	f.Add(chip.StorageRootKey)
	f.Add(chip.EndorsementKey[:100])
	f.Add([]byte{0, 0})
	f.Fuzz(func(t *testing.T, raw []byte) {
		key, err := ParseKey(raw)
		if err != nil {
			return
		}
		if !bytes.Equal(key.tpmt, raw[2:]) {
			t.Errorf("ParseKey(%x) keeps %x", raw, key.tpmt)
		}
		if _, err := Make(key, key, make([]byte, KeySize), "x"); err != nil {
			t.Errorf("Make() for %s: %v", base64.StdEncoding.EncodeToString(raw), err)
		}
	})
}
