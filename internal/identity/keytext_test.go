package identity

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"strings"
	"testing"
	"time"
)

// A key in any spelling is the same key.
func TestSpellingsOfAKey(t *testing.T) {
	for i, ek := range otherEKs() {
		for name, text := range spellings(ek) {
			got, err := ParseEndorsementKey(text)
			if err != nil || !bytes.Equal(got, ek) {
				t.Errorf("key %d, %s: ParseEndorsementKey(%.90q…) = %x…, %v", i, name, text, got[:min(len(got), 4)], err)
			}
		}
	}
}

// A record of ours is a key, too.
func TestARecordIsAKey(t *testing.T) {
	r, err := ParseRecord([]byte(`{"endorsement_key":"` + b64(testEK()) + `"}`))
	if err != nil {
		t.Fatal(err)
	}
	line, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := ParseEndorsementKey(string(line)); err != nil || !bytes.Equal(got, testEK()) {
		t.Errorf("ParseEndorsementKey(%.60s…) = %v", line, err)
	}
}

// A public sample is refused, whatever it wears.
func TestSpellingsOfASample(t *testing.T) {
	sample := publishedEK(t)
	texts := spellings(sample)
	for name, text := range partial(t, sample) {
		texts[name] = text.text
	}
	for name, text := range texts {
		if _, err := ParseEndorsementKey(text); !errors.Is(err, ErrSample) {
			t.Errorf("%s: ParseEndorsementKey(%.90q…) = %v, want ErrSample", name, text, err)
		}
	}
}

func publishedEK(t *testing.T) []byte {
	data, err := os.ReadFile("testdata/published_eks.json")
	if err != nil {
		t.Fatal(err)
	}
	var published []struct {
		EndorsementKey []byte `json:"endorsement_key"`
	}
	if err := json.Unmarshal(data, &published); err != nil {
		t.Fatal(err)
	}
	return published[0].EndorsementKey
}

// fragment is a text that has a part of a key, and what it is called.
type fragment struct{ text, is string }

// partial are texts from which the key can be put together.
func partial(t *testing.T, ek []byte) map[string]fragment {
	key := &rsa.PublicKey{N: new(big.Int).SetBytes(ek[60:]), E: 65537}
	pkcs1 := x509.MarshalPKCS1PublicKey(key)
	spki, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	cert := certificateFor(t, key)
	pemText := string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki}))
	pkcs1PEM := string(pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: pkcs1}))
	certPEM := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}))
	windows := wrap(strings.ToUpper(each(pkcs1, "%02x", " ")), 48, "\r\n")
	written := bytes.Clone(ek)
	written[55], written[57] = 1, 1
	yaml := readPublicText(ek, "")
	oldHead, oldTail := yaml[:strings.Index(yaml, "exponent:")], yaml[strings.Index(yaml, "rsa: "):]
	old := strings.Replace(oldHead, "name-alg:", "algorithm:", 1) + oldTail
	const one, two, certificate = "a PKCS #1 public key in ", "a SubjectPublicKeyInfo in ", "an X.509 certificate in "
	const tools, exponent, short = "the text that tpm2_readpublic prints", "a key with its exponent written out", "a TPMT_PUBLIC without its two-byte size"
	return map[string]fragment{
		"PKCS #1, hex":                 {hex.EncodeToString(pkcs1), one + "DER"},
		"PKCS #1, of Windows":          {windows, one + "DER"},
		"PKCS #1, Windows, a label":    {"PublicKey : " + windows, one + "DER"},
		"PKCS #1, base64":              {b64(pkcs1), one + "DER"},
		"PKCS #1, base64 of hex":       {b64([]byte(hex.EncodeToString(pkcs1))), one + "DER"},
		"PKCS #1, decimals":            {`{"PublicKey":{"RawData":[` + each(pkcs1, "%d", ",") + `]}}`, one + "DER"},
		"PKCS #1, xxd":                 {dump(pkcs1, "%08x: ", 2, "", "  ", "", false), one + "DER"},
		"PKCS #1, PEM":                 {pkcs1PEM, one + "PEM (RSA PUBLIC KEY)"},
		"SubjectPublicKeyInfo, hex":    {strings.ToUpper(hex.EncodeToString(spki)), two + "DER"},
		"SubjectPublicKeyInfo, colons": {each(spki, "%02x", ":"), two + "DER"},
		"SubjectPublicKeyInfo, base64": {b64(spki), two + "DER"},
		"SubjectPublicKeyInfo, JSON":   {`{"ek_pub":"` + b64(spki) + `"}`, two + "DER"},
		"PEM":                          {pemText, two + "PEM (PUBLIC KEY)"},
		"PEM, CR LF":                   {strings.ReplaceAll(pemText, "\n", "\r\n"), two + "PEM"},
		"PEM, one line":                {strings.ReplaceAll(pemText, "\n", " "), two + "PEM"},
		"PEM, no line ends":            {strings.ReplaceAll(pemText, "\n", ""), two + "PEM"},
		"PEM, escaped line ends":       {strings.ReplaceAll(pemText, "\n", `\n`), two + "PEM"},
		"PEM, escaped CR LF":           {strings.ReplaceAll(pemText, "\n", `\r\n`), two + "PEM"},
		"PEM, quotes":                  {`"` + pemText + `"`, two + "PEM"},
		"PEM, JSON":                    {mustJSON(pemText), two + "PEM"},
		"PEM, in JSON":                 {`{"endorsement_key":` + mustJSON(pemText) + `}`, two + "PEM"},
		"PEM, YAML":                    {"ek: |\n  " + strings.ReplaceAll(pemText, "\n", "\n  "), two + "PEM"},
		"PEM, a mark":                  {"\ufeff" + pemText, two + "PEM"},
		"PEM, base64":                  {b64([]byte(pemText)), two + "PEM"},
		"PEM, no-break spaces":         {strings.ReplaceAll(pemText, "\n", "\u00a0\n"), two + "PEM"},
		"PEM with the whole key":       {string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: ek})), "a TPM2B_PUBLIC in PEM"},
		"certificate, PEM":             {certPEM, certificate + "PEM (CERTIFICATE)"},
		"certificate, one line":        {strings.ReplaceAll(certPEM, "\n", ""), certificate + "PEM (CERTIFICATE)"},
		"certificate, base64":          {b64(cert), certificate + "DER"},
		"certificate, hex":             {hex.EncodeToString(cert), certificate + "DER"},
		"certificate, as in NV":        {b64(append(append([]byte{0x10, 0x01, 0x00, byte(len(cert) >> 8), byte(len(cert))}, cert...), make([]byte, 99)...)), ""},
		"without size":                 {b64(ek[2:]), short},
		"without size, hex":            {"0x" + hex.EncodeToString(ek[2:]), short},
		"without size, hexdump":        {dump(ek[2:], "%08x  ", 1, " ", "  |", "|", true), short},
		"exponent":                     {b64(written), exponent},
		"exponent, hex":                {each(written, "%02x", " "), exponent},
		"exponent, without size":       {b64(written[2:]), exponent},
		"exponent, JSON":               {`{"endorsement_key":"` + b64(written) + `"}`, exponent},
		"tpm2_readpublic of 3.x":       {old, tools},
		"tpm2_readpublic, short":       {strings.Replace(old, "authorization policy", "x", 1), tools},
		"openssl -text":                {"Public-Key: (2048 bit)\nModulus:\n    00:" + wrap(each(ek[60:], "%02x", ":"), 45, "\n    ") + "\nExponent: 65537 (0x10001)\n", "the text that openssl prints"},
		"openssl, private's words":     {"modulus: 00" + hex.EncodeToString(ek[60:]) + "\npublicExponent: 65537 (0x10001)", "the text that openssl prints"},
		"XML":                          {"<RSAKeyValue><Modulus>" + b64(ek[60:]) + "</Modulus><Exponent>AQAB</Exponent></RSAKeyValue>", "the XML of an RSA key"},
		"XML, indented":                {"<RSAKeyValue>\n  <Modulus>\n" + wrap(b64(ek[60:]), 64, "\n") + "\n</Modulus>\n  <Exponent>AQAB</Exponent>\n</RSAKeyValue>", "the XML of an RSA key"},
		"JSON Web Key":                 {`{"kty":"RSA","e":"AQAB","n":"` + base64.RawURLEncoding.EncodeToString(ek[60:]) + `"}`, "a JSON Web Key"},
		"tpm2_readpublic":              {yaml, tools},
		"tpm2_readpublic, CR LF":       {strings.ReplaceAll(yaml, "\n", "\r\n"), tools},
		"tpm2_readpublic, one line":    {strings.Join(strings.Fields(yaml), " "), tools},
		"tpm2_readpublic, no name":     {yaml[strings.Index(yaml, "name-alg"):], tools},
		"tpm2_readpublic, a mark":      {"\ufeff" + yaml, tools},
		"tpm2_readpublic, exponent":    {strings.Replace(yaml, "exponent: 65537", "exponent: 0", 1), tools},
		"tpm2_readpublic, a prompt":    {"$ tpm2_readpublic -c 0x81010001\n" + yaml, tools},
	}
}

// readPublicText is what tpm2_readpublic prints of a key.
func readPublicText(ek []byte, replace string) string {
	name := objectNameOf(ek)
	text := "name: " + name + "\nqualified name: 000b" + strings.Repeat("11", 32) + "\n" + `name-alg:
  value: sha256
  raw: 0xb
attributes:
  value: fixedtpm|fixedparent|sensitivedataorigin|adminwithpolicy|restricted|decrypt
  raw: 0x300b2
type:
  value: rsa
  raw: 0x1
exponent: 65537
bits: 2048
scheme:
  value: null
  raw: 0x10
scheme-halg:
  value: (null)
  raw: 0x0
sym-alg:
  value: aes
  raw: 0x6
sym-mode:
  value: cfb
  raw: 0x43
sym-keybits: 128
rsa: ` + hex.EncodeToString(ek[60:]) + "\nauthorization policy: 837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa\n"
	if from, to, ok := strings.Cut(replace, "=>"); ok {
		text = strings.Replace(text, from, to, 1)
	}
	return text
}

// certificateFor makes an EK certificate: signed by any key, for this one.
func certificateFor(t *testing.T, key *rsa.PublicKey) []byte {
	signer, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	form := &x509.Certificate{SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "TPM"}, NotBefore: time.Now(), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, form, form, key, signer)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// What has a part of the key is named, and converted.
func TestPartsOfAKeyAreConverted(t *testing.T) {
	for i, ek := range otherEKs() {
		texts := partial(t, ek)
		texts["spaces for plus"] = fragment{strings.ReplaceAll(b64(ek), "+", " "), "base64 in which every + became a space"}
		if !strings.Contains(b64(ek), "+") {
			delete(texts, "spaces for plus")
		}
		for name, test := range texts {
			_, err := ParseEndorsementKey(test.text)
			var format *FormatError
			if !errors.As(err, &format) || format.Convert != b64(ek) || !strings.Contains(format.Is, test.is) || format.Advice == "" {
				t.Errorf("key %d, %s: ParseEndorsementKey(%.90q…) = %v, want %q, and the key to convert to", i, name, test.text, err, test.is)
				continue
			}
			if got, err := ParseEndorsementKey(format.Convert); err != nil || !bytes.Equal(got, ek) {
				t.Errorf("key %d, %s: what it was converted to: %v", i, name, err)
			}
		}
	}
}

// Dumps leave out rows that repeat.
func TestDumpWithRepeatedRows(t *testing.T) {
	modulus := bytes.Repeat([]byte{0xa5, 0x5b}, 128)
	ek := append(bytes.Clone(ekPrefix), modulus...)
	for name, text := range map[string]string{
		"hexdump -C": dump(ek, "%08x  ", 1, " ", "  |", "|", true),
		"od -t x1":   dump(ek, "%07o ", 1, "", "", "", true),
		"od -A x z":  dump(ek, "%06x ", 1, "", "  >", "<", true),
	} {
		var short []string
		last := ""
		for line := range strings.Lines(text) {
			_, row, _ := strings.Cut(strings.TrimSpace(line), " ")
			switch {
			case row == last && short[len(short)-1] != "*\n":
				short = append(short, "*\n")
			case row != last:
				short = append(short, line)
			}
			last = row
		}
		if len(short) > 9 {
			t.Fatalf("%s: %d rows, none repeats:\n%s", name, len(short), strings.Join(short, ""))
		}
		if got, err := ParseEndorsementKey(strings.Join(short, "")); err != nil || !bytes.Equal(got, ek) {
			t.Errorf("%s: ParseEndorsementKey() = %v of\n%s", name, err, strings.Join(short, ""))
		}
	}
}
