package identity

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"os"
	"strings"
	"testing"

	"tpmdps/internal/text"
)

// testEK is an L-1 EK of this test's own: the fixed part and a made-up modulus.
func testEK() []byte {
	modulus := make([]byte, 256)
	for i := range modulus {
		modulus[i] = byte(i*7 + 3)
	}
	modulus[0], modulus[255] = 0xc5, 0x01
	return append(append([]byte{}, ekPrefix...), modulus...)
}

func b64(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

func TestRegistrationIDsMatchPublishedPairs(t *testing.T) {
	data, err := os.ReadFile("testdata/published_eks.json")
	if err != nil {
		t.Fatal(err)
	}
	var pairs []struct {
		Source         string `json:"source"`
		EndorsementKey string `json:"endorsement_key"`
		Base32         string `json:"base32"`
		Hex            string `json:"hex"`
	}
	if err := json.Unmarshal(data, &pairs); err != nil {
		t.Fatal(err)
	}
	if len(pairs) != 5 {
		t.Fatalf("%d published pairs, want 5", len(pairs))
	}
	for _, p := range pairs {
		ek, err := base64.StdEncoding.DecodeString(p.EndorsementKey)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := RegistrationIDs(ek), (IDs{p.Base32, p.Hex}); got != want {
			t.Errorf("%s: RegistrationIDs() = %v, want %v", p.Source, got, want)
		}
	}
}

func TestParseEndorsementKeyAccepts(t *testing.T) {
	ek := testEK()
	wrapped := b64(ek)[:76] + "\r\n  " + b64(ek)[76:] + "\n"
	for _, text := range []string{b64(ek), wrapped, hex.EncodeToString(ek), strings.TrimRight(b64(ek), "=")} {
		got, err := ParseEndorsementKey(text)
		if err != nil || b64(got) != b64(ek) {
			t.Errorf("ParseEndorsementKey(%.20q…) = %x, %v", text, got, err)
		}
	}
}

func TestParseEndorsementKeyNamesWhatItIs(t *testing.T) {
	ek := testEK()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	spki, err := x509.MarshalPKIXPublicKey(&rsaKey.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ecSPKI, err := x509.MarshalPKIXPublicKey(&ecKey.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	ofModulus := b64(append(bytes.Clone(ekPrefix), rsaKey.N.Bytes()...))
	pemText := string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki}))
	ecPublic := append([]byte{0x00, 0x7a, 0x00, 0x23, 0x00, 0x0b, 0x00, 0x03, 0x00, 0xb2}, make([]byte, 112)...)
	srk := append([]byte{0x01, 0x1a, 0x00, 0x01, 0x00, 0x0b, 0x00, 0x03, 0x04, 0x72}, make([]byte, 274)...)
	otherAttrs := append([]byte{}, ek...)
	otherAttrs[9] = 0xf2
	even := append([]byte{}, ek...)
	even[315] = 0
	data, err := os.ReadFile("testdata/published_eks.json")
	if err != nil {
		t.Fatal(err)
	}
	var published []struct {
		EndorsementKey string `json:"endorsement_key"`
	}
	if err := json.Unmarshal(data, &published); err != nil {
		t.Fatal(err)
	}

	tests := []struct{ name, text, is, convert string }{
		{"TPMT", b64(ek[2:]), "TPMT_PUBLIC without its two-byte size", b64(ek)},
		{"PEM", pemText, "SubjectPublicKeyInfo in PEM", ofModulus},
		{"DER", b64(spki), "SubjectPublicKeyInfo in DER", ofModulus},
		{"EC DER", b64(ecSPKI), "algorithm other than RSA", ""},
		{"PEM of nonsense", "-----BEGIN X\x1b-----\nAAAA\n-----END X\x1b-----\n", "neither a public key nor a certificate", ""},
		{"struct dump", "OgEAAAEACwCyAAMAIACD" + strings.Repeat("A", 40), "little-endian memory dump", ""},
		{"truncated", b64(ek[:200]), "cut short: 268 of 424 characters", ""},
		{"only the size", "ATo=", "cut short: 4 of 424 characters", ""},
		{"too long", b64(append(testEK(), 1, 2)), "too long: something follows the key", ""},
		{"ECC", b64(ecPublic), "an ECC key", ""},
		{"SRK", b64(srk), "a storage root key", ""},
		{"other attributes", b64(otherAttrs), "not a TCG L-1 endorsement key", ""},
		{"even modulus", b64(even), "not an RSA 2048 key", ""},
		{"not base64", "AToA!!!!", "not base64", ""},
		{"empty", " \n", "empty", ""},
		{"huge", strings.Repeat("A", 20000), "20000 characters long", ""},
		{"az placeholder", "14963E8F3BA5B3984110B3C1CA8E8B89", "placeholder from the az command's help", ""},
		{"C# sample", published[0].EndorsementKey, "a public sample from the C, C# and Node SDKs' samples", ""},
		{"Node e2e sample", published[1].EndorsementKey, "a public sample from the Node SDK's end-to-end test", ""},
		{"az sample", published[2].EndorsementKey, "a public sample from the tests of the az command", ""},
	}
	for _, tt := range tests {
		_, err := ParseEndorsementKey(tt.text)
		var fe *FormatError
		if !errors.As(err, &fe) || !strings.Contains(fe.Is, tt.is) || fe.Convert != tt.convert {
			t.Errorf("%s: ParseEndorsementKey() = %#v, want a FormatError with Is %q, Convert %.20q", tt.name, err, tt.is, tt.convert)
		}
		if fe != nil && (strings.ContainsAny(fe.Error(), "\x1b\n") || fe.Advice == "") {
			t.Errorf("%s: message %q, advice %q", tt.name, fe.Error(), fe.Advice)
		}
	}
}

func TestCheckRegistrationID(t *testing.T) {
	valid := []string{"a", "line7-0001", "a.b_c:d-", strings.Repeat("x", 128)}
	invalid := map[string]string{
		"": "empty", strings.Repeat("x", 129): "129 characters", "Box-7": `write "box-7"`,
		"box 7": `" " is not`, "-box": "must start", "box.": "must end", "bäx": `"ä" is not`, "a/b": `"/" is not`, "a\n": "is not",
	}
	for _, id := range valid {
		if err := CheckRegistrationID(id); err != nil {
			t.Errorf("CheckRegistrationID(%q) = %v", id, err)
		}
	}
	for id, reason := range invalid {
		if err := CheckRegistrationID(id); !errors.Is(err, ErrRegistrationID) || !strings.Contains(err.Error(), reason) {
			t.Errorf("CheckRegistrationID(%q) = %v, want %q in it", id, err, reason)
		}
	}
}

func TestCheckIDScope(t *testing.T) {
	for _, s := range []string{"0ne0012AB34", "0ne00000E11", "0ab1234C5D6", "0cn0000abcd"} {
		if err := CheckIDScope(s); err != nil {
			t.Errorf("CheckIDScope(%q) = %v", s, err)
		}
	}
	invalid := map[string]string{
		"": "empty", " 0ne0012AB34": "space", "0ne0012AB34\n": "space", "0ne0012 AB34": "blank", "0ne\u00a0012AB34": "blank", "0ne\u200b0012AB34": "invisible", "0ne\x000012AB34": "invisible",
		"mydps.azure-devices-provisioning.net": "host name", "MyDPS.Azure-Devices-Provisioning.net/": "host name", "https://mydps": "host name", "dps.plant.example": "host name",
		"localhost:8443": "host name", "192.0.2.7": "host name", "MYDPS-AZURE-DEVICES": "host name",
	}
	for s, reason := range invalid {
		if err := CheckIDScope(s); !errors.Is(err, ErrIDScope) || !strings.Contains(err.Error(), reason) {
			t.Errorf("CheckIDScope(%q) = %v, want %q in it", s, err, reason)
		}
	}
}

// What is only unusual in an ID scope is accepted, and said.
func TestUnusualIDScope(t *testing.T) {
	for _, s := range []string{"0ne0012AB34", "0ne00000E11", "0ab1234C5D6", "0cn0000abcd"} {
		if why := UnusualIDScope(s); why != "" {
			t.Errorf("UnusualIDScope(%q) = %q", s, why)
		}
	}
	for s, reason := range map[string]string{
		"One0012AB34": `did you mean "0ne0012AB34"?`, "one0012ab34": `"0ne0012ab34"`, "0neO012AB34": "letter O where", "0ne0012AB3": "10 characters", "0ne0012AB344": "12 characters",
		"0ne0012GB34": "eight hex digits", "0NE0012AB34": "two lower-case letters", "1ne0012AB34": "is usually 0", "plant-dps": "9 characters", "0ne/../AB34": "eight hex digits",
		`"0ne0012AB34"`: "quotes", "“0ne0012AB34”": "quotes", "0näöü12AB34": "eight hex digits",
	} {
		if why := UnusualIDScope(s); !strings.Contains(why, reason) {
			t.Errorf("UnusualIDScope(%q) = %q, want %q in it", s, why, reason)
		}
		if err := CheckIDScope(s); err != nil {
			t.Errorf("CheckIDScope(%q) = %v", s, err)
		}
	}
}

func TestFoldRegistrationID(t *testing.T) {
	for id, want := range map[string]string{"LINE7-BOX-0042": "line7-box-0042", "Box.7:A_b-": "box.7:a_b-", "box-7": "box-7", strings.Repeat("X", 128): strings.Repeat("x", 128)} {
		if got, err := FoldRegistrationID(id); err != nil || got != want {
			t.Errorf("FoldRegistrationID(%q) = %q, %v", id, got, err)
		}
	}
	for _, id := range []string{"", "Box 7", "-BOX", "BOX.", "BÄX", "\u212aELVIN", "A{serial}", strings.Repeat("X", 129)} {
		if got, err := FoldRegistrationID(id); !errors.Is(err, ErrRegistrationID) || got != "" {
			t.Errorf("FoldRegistrationID(%q) = %q, %v", id, got, err)
		}
	}
}

func TestParseRecord(t *testing.T) {
	ek := b64(testEK())
	short, err := ParseRecord([]byte(`{"endorsement_key":"` + ek + `"}`))
	if err != nil {
		t.Fatal(err)
	}
	if short.RegistrationID != RegistrationIDs(testEK()).Base32 || short.Schema != Schema || short.Labels == nil {
		t.Errorf("ParseRecord() of the short form = %+v", short)
	}
	line, err := json.Marshal(short)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := ParseRecord(line); err != nil || again.RegistrationID != short.RegistrationID {
		t.Errorf("ParseRecord(Marshal()) = %+v, %v", again, err)
	}
	refused := map[string]string{
		`{"endorsement_key":"` + ek + `","registraton_id":"x"}`:                                         "unknown field",
		`{"schema":"tpmdps/record/2","endorsement_key":"` + ek + `"}`:                                   "schema",
		`{"schema":"tpmdps/record/1","endorsement_key":"` + ek + `","registration_ids":{"base32":"x"}}`: "altered or mixed",
		`{"endorsement_key":"` + ek + `","registration_id":"Box"}`:                                      "capital",
		`{"endorsement_key":"AAAA"}`:                                                                    "something else",
		`{"endorsement_key":"` + ek + `"} {}`:                                                           "more after its end",
		`[]`:                                                                                            "it is a list, not an object",
		`{"labels":"` + strings.Repeat("x", 70000):                                                      "more than",
	}
	for line, want := range refused {
		if _, err := ParseRecord([]byte(line)); !errors.Is(err, ErrRecord) || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseRecord(%.60s) = %v, want %q in it", line, err, want)
		}
	}
}

func TestPrintable(t *testing.T) {
	if got, want := text.Printable("a\x1b[31mb\u202ec\xff", 40), "a?[31mb?c?"; got != want {
		t.Errorf("text.Printable() = %q, want %q", got, want)
	}
	if got, want := text.Printable("a\u200bb\u200fc\u061cd\u2028e\u2069f\ufeffg\U000e0041h\u00adi\x9bj", 40), "a?b?c?d?e?f?g?h?i?j"; got != want {
		t.Errorf("text.Printable() = %q, want %q", got, want)
	}
	if got, want := text.Printable("Straße 5, 東京 é", 40), "Straße 5, 東京 é"; got != want {
		t.Errorf("text.Printable() = %q, want %q", got, want)
	}
	if got, want := text.Printable("abcdef", 3), "abc…"; got != want {
		t.Errorf("text.Printable() = %q, want %q", got, want)
	}
}

func FuzzParseRecord(f *testing.F) {
	f.Add([]byte(`{"endorsement_key":"` + b64(testEK()) + `"}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		r, err := ParseRecord(line)
		if err == nil && (CheckRegistrationID(r.RegistrationID) != nil || r.Schema != Schema) {
			t.Errorf("accepted %q as %+v", line, r)
		}
	})
}
