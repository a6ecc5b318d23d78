package tpm

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
)

// recordedKeys are authenticationKeys that the real service sent.
func recordedKeys(tb testing.TB) (keys [][]byte, uriBytes []int) {
	tb.Helper()
	data, err := os.ReadFile("testdata/recorded_keys.json")
	if err != nil {
		tb.Fatal(err)
	}
	var recorded []struct {
		AuthenticationKey []byte `json:"authentication_key"`
		URIBytes          int    `json:"uri_bytes"`
	}
	if err := json.Unmarshal(data, &recorded); err != nil {
		tb.Fatal(err)
	}
	for _, r := range recorded {
		keys, uriBytes = append(keys, r.AuthenticationKey), append(uriBytes, r.URIBytes)
	}
	return keys, uriBytes
}

func TestParseBlobRecorded(t *testing.T) {
	keys, uriBytes := recordedKeys(t)
	if len(keys) != 3 {
		t.Fatalf("%d recorded keys, want 3", len(keys))
	}
	for i, key := range keys {
		b, err := ParseBlob(key)
		if err != nil {
			t.Errorf("recording %d: %v", i, err)
			continue
		}
		got := []int{len(b.IDObject), len(b.Secret), len(b.Duplicate), len(b.InSymSeed), len(b.Public), len(b.URI)}
		want := []int{52, 256, 142, 256, 48, uriBytes[i]}
		for j := range want {
			if got[j] != want[j] {
				t.Errorf("recording %d: sizes %v, want %v", i, got, want)
				break
			}
		}
	}
}

func TestParseBlobRefuses(t *testing.T) {
	keys, _ := recordedKeys(t)
	good := keys[0]
	edit := func(offset int, value uint16) []byte {
		b := bytes.Clone(good)
		binary.BigEndian.PutUint16(b[offset:], value)
		return b
	}
	tests := []struct {
		name string
		blob []byte
		want string
	}{
		{"nothing", nil, "its credential at byte 0 is missing"},
		{"one byte", good[:1], "is missing"},
		{"cut in the credential", good[:20], "its credential at byte 0 is cut short: 18 bytes of 52"},
		{"cut in the secret", good[:100], "its secret at byte 54 is cut short"},
		{"cut in the public area", good[:740], "its public area at byte 714 is cut short"},
		{"empty credential", edit(0, 0), "is empty"},
		{"huge credential", edit(0, 0xffff), "declares 65535 bytes"},
		{"another type of key", edit(716, 0x0001), "not an HMAC-SHA256 key"},
		{"a key with fixedTPM", edit(722, 0x0442), "not an HMAC-SHA256 key"},
		{"too long", make([]byte, maxBlob+1), "4096 at most"},
	}
	for _, tt := range tests {
		if _, err := ParseBlob(tt.blob); !errors.Is(err, ErrBlob) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: ParseBlob() = %v, want %q in it", tt.name, err, tt.want)
		}
	}
}

// Nobody needs the text at the end, so nothing about it is an error.
func TestParseBlobToleratesItsEnd(t *testing.T) {
	keys, _ := recordedKeys(t)
	good := keys[0]
	for name, blob := range map[string][]byte{
		"no text":                 good[:764],
		"text cut short":          good[:800],
		"bytes after":             append(bytes.Clone(good), 1, 2, 3),
		"noDA clear, as in a TPM": without(good, 722, 0x0400),
	} {
		if _, err := ParseBlob(blob); err != nil {
			t.Errorf("%s: ParseBlob() = %v", name, err)
		}
	}
}

func without(blob []byte, offset int, bit uint16) []byte {
	b := bytes.Clone(blob)
	binary.BigEndian.PutUint16(b[offset:], binary.BigEndian.Uint16(b[offset:])&^bit)
	return b
}

func FuzzParseBlob(f *testing.F) {
	keys, _ := recordedKeys(f)
	for _, key := range keys {
		f.Add(key)
	}
	f.Add([]byte(base64.StdEncoding.EncodeToString(keys[0])))
	f.Fuzz(func(t *testing.T, blob []byte) {
		b, err := ParseBlob(blob)
		if err != nil {
			if !errors.Is(err, ErrBlob) {
				t.Errorf("%v is no ErrBlob", err)
			}
			return
		}
		if len(b.Public) != 48 || len(b.IDObject) == 0 {
			t.Errorf("accepted %x", blob)
		}
		decryptURI(make([]byte, 16), b.URI)
	})
}
