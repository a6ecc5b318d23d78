package emulator

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"tpmdps/internal/challenge"
)

func readJSON(t *testing.T, path string, v any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, v); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

func equal(t *testing.T, what string, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Errorf("%s = %x, want %x", what, got, want)
	}
}

func TestCredentialOpens(t *testing.T) {
	chip, other := chips()
	key := bytes.Repeat([]byte{0x5a}, challenge.KeySize)
	blob, err := challenge.Wrap(chip.ek, chip.srk, key, "hub.example/gerät")
	if err != nil {
		t.Fatal(err)
	}
	got, err := chip.open(blob)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "key", got.key, key)
	if len(got.inner) != 16 {
		t.Errorf("inner key has %d bytes, want 16", len(got.inner))
	}
	if got.text != "hub.example/gerät" {
		t.Errorf("text = %q", got.text)
	}
	if _, err := other.open(blob); err == nil {
		t.Error("a credential opens on a chip that it was not made for")
	}
	for i, part := range []int{20, 100, 400, 500, 750} {
		broken := slices.Clone(blob)
		broken[part] ^= 1
		if _, err := chip.open(broken); err == nil {
			t.Errorf("a credential opens with structure %d changed", i+1)
		}
	}
}

// What the real service sent has the layout that the emulator makes.
func TestRecordedLayout(t *testing.T) {
	var v struct {
		Recorded []struct {
			Source             string
			AuthenticationKey  []byte
			Length, EncURIData int
		}
	}
	readJSON(t, "testdata/recorded.json", &v)
	if len(v.Recorded) != 3 {
		t.Fatalf("%d recordings, want 3", len(v.Recorded))
	}
	for _, r := range v.Recorded {
		if len(r.AuthenticationKey) != r.Length {
			t.Errorf("%s: %d bytes, want %d", r.Source, len(r.AuthenticationKey), r.Length)
		}
		parts, err := splitCredential(r.AuthenticationKey)
		if err != nil {
			t.Errorf("%s: %v", r.Source, err)
			continue
		}
		var sizes []int
		for _, p := range parts {
			sizes = append(sizes, len(p))
		}
		if want := []int{52, 256, 142, 256, 48, r.EncURIData}; !slices.Equal(sizes, want) {
			t.Errorf("%s: sizes %v, want %v", r.Source, sizes, want)
		}
		equal(t, r.Source+": public area", parts[4][:16], unhex("0008000b0004044000000005000b0020"))
	}
}

// The emulator's own credentials have the same sizes.
func TestCredentialLayout(t *testing.T) {
	chip, _ := chips()
	blob, err := challenge.Wrap(chip.ek, chip.srk, make([]byte, challenge.KeySize), "ab")
	if err != nil {
		t.Fatal(err)
	}
	if len(blob) != 766+4 {
		t.Errorf("credential has %d bytes, want 770", len(blob))
	}
}

func TestParseKeyText(t *testing.T) {
	chip, _ := chips()
	for _, text := range []string{"", "AToA", "%%%", strings.Repeat("A", 4000), chip.ekText() + "\x00", "-----BEGIN PUBLIC KEY-----"} {
		if _, err := parseKey(text); err == nil {
			t.Errorf("parseKey(%.20q) = nil", text)
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
