package emulator

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"os"
	"slices"
	"testing"

	"github.com/google/go-tpm/tpm2"
)

type hexBytes []byte

func (h *hexBytes) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

type vector struct {
	Name, Text                          string
	Key, Inner                          hexBytes
	SeedValue, DupSeed, CredSeed        hexBytes
	ObjectName, Sensitive, EncSensitive hexBytes
	Duplicate, IDObject, ObjectPublic   hexBytes
	EncURIData                          hexBytes
	Length                              int
	SASText, SASSignature               string
}

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

// script is a source of randomness that says what it was told.
type script [][]byte

func (s *script) Read(p []byte) (int, error) {
	if len(*s) == 0 {
		return rand.Read(p)
	}
	n := copy(p, (*s)[0])
	*s = (*s)[1:]
	return n, nil
}

// Every value that does not depend on RSA-OAEP is that of another implementation.
func TestCredentialVectors(t *testing.T) {
	var v struct {
		EndorsementKey, StorageRootKey string
		SRKName                        hexBytes
		Credentials                    []vector
	}
	readJSON(t, "testdata/credentials.json", &v)
	ek, err := parseStorageKey(v.EndorsementKey)
	if err != nil {
		t.Fatal(err)
	}
	srk, err := parseStorageKey(v.StorageRootKey)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "SRK name", srk.name, v.SRKName)
	if len(v.Credentials) == 0 {
		t.Fatal("no vectors")
	}
	for _, c := range v.Credentials {
		t.Run(c.Name, func(t *testing.T) {
			object := newHMACObject(c.SeedValue, c.Key)
			equal(t, "object name", object.name, c.ObjectName)
			equal(t, "sensitive", object.sensitive, c.Sensitive)
			equal(t, "inner wrap", object.innerWrap(c.Inner), c.EncSensitive)
			equal(t, "outer wrap", sized(object.outerWrap(c.DupSeed, c.EncSensitive)), c.Duplicate)
			idObject, _, err := tpm2.CreateCredential(&script{c.CredSeed}, ek, srk.name, c.Inner)
			if err != nil {
				t.Fatal(err)
			}
			equal(t, "idObject", sized(idObject), c.IDObject)

			salt := make([]byte, 32) // OAEP draws one between the two seeds
			got, err := makeCredential(&script{c.Inner, c.SeedValue, c.DupSeed, salt, c.CredSeed}, ek, srk, c.Key, c.Text)
			if err != nil {
				t.Fatal(err)
			}
			equal(t, "credential's idObject", got.idObject, c.IDObject)
			equal(t, "credential's duplicate", got.duplicate, c.Duplicate)
			equal(t, "credential's objectPublic", got.objectPublic, c.ObjectPublic)
			equal(t, "credential's encURIData", got.encURIData, c.EncURIData)
			if n := len(got.bytes()); n != c.Length {
				t.Errorf("credential has %d bytes, want %d", n, c.Length)
			}
		})
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
	ek, srk := mustParse(t, chip.ek), mustParse(t, chip.srk)
	key := bytes.Repeat([]byte{0x5a}, hmacKeySize)
	c, err := makeCredential(rand.Reader, ek, srk, key, "hub.example/gerät")
	if err != nil {
		t.Fatal(err)
	}
	got, err := chip.open(c.bytes())
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
	if _, err := other.open(c.bytes()); err == nil {
		t.Error("a credential opens on a chip that it was not made for")
	}
	for i, part := range []int{20, 100, 400, 500, 750} {
		broken := slices.Clone(c.bytes())
		broken[part] ^= 1
		if _, err := chip.open(broken); err == nil {
			t.Errorf("a credential opens with structure %d changed", i+1)
		}
	}
}

// The attributes are what the C SDK needs: without noDA its first HMAC fails.
func TestHMACObjectPublic(t *testing.T) {
	public := newHMACObject(make([]byte, 32), make([]byte, 32)).public
	equal(t, "public area", public[:16], unhex("0008000b0004044000000005000b0020"))
	equal(t, "unique's size", []byte{byte(len(public))}, []byte{48})
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
		equal(t, r.Source+": public area", parts[4][:16], newHMACObject(nil, nil).public[:16])
	}
}

// The emulator's own credentials have the same sizes.
func TestCredentialLayout(t *testing.T) {
	chip, _ := chips()
	blob, err := WrapKey(chip.ek, chip.srk, make([]byte, hmacKeySize), "ab")
	if err != nil {
		t.Fatal(err)
	}
	if len(blob) != 766+4 {
		t.Errorf("credential has %d bytes, want 770", len(blob))
	}
}

func mustParse(t *testing.T, raw []byte) *storageKey {
	t.Helper()
	key, err := parsePublic(raw)
	if err != nil {
		t.Fatalf("parsePublic(%s): %v", base64.StdEncoding.EncodeToString(raw), err)
	}
	return key
}
