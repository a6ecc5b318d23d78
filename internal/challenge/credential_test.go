package challenge

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"os"
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

// vectors are keys and credentials of another implementation.
type vectors struct {
	EndorsementKey, StorageRootKey []byte
	SRKName                        hexBytes
	Credentials                    []vector
}

func readVectors(tb testing.TB) (v vectors) {
	tb.Helper()
	const path = "testdata/credentials.json"
	data, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	if err := json.Unmarshal(data, &v); err != nil {
		tb.Fatalf("%s: %v", path, err)
	}
	return v
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
	v := readVectors(t)
	ek, srk := mustParse(t, v.EndorsementKey), mustParse(t, v.StorageRootKey)
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

// The attributes are what the C SDK needs: without noDA its first HMAC fails.
func TestHMACObjectPublic(t *testing.T) {
	public := newHMACObject(make([]byte, 32), make([]byte, 32)).public
	equal(t, "public area", public[:16], unhex("0008000b0004044000000005000b0020"))
	equal(t, "unique's size", []byte{byte(len(public))}, []byte{48})
}

func mustParse(t *testing.T, raw []byte) *Key {
	t.Helper()
	key, err := ParseKey(raw)
	if err != nil {
		t.Fatalf("ParseKey(%s): %v", base64.StdEncoding.EncodeToString(raw), err)
	}
	return key
}

func unhex(text string) []byte {
	b, err := hex.DecodeString(text)
	if err != nil {
		panic(err)
	}
	return b
}
