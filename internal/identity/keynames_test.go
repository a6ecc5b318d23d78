package identity

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"regexp"
	"strings"
	"testing"
)

// What is not a key, and what it is called.
func TestParseEndorsementKeyNames(t *testing.T) {
	ek := testEK()
	b, h, ids := b64(ek), hex.EncodeToString(ek), RegistrationIDs(ek)
	yaml := readPublicText(ek, "")
	for name, test := range map[string]struct{ text, is string }{
		"ID in hex":                {ids.Hex, "a registration ID, not a key"},
		"ID in base32":             {ids.Base32, "a registration ID, not a key"},
		"ID, capitals":             {strings.ToUpper(ids.Base32), "a registration ID, not a key"},
		"ID in quotes":             {`"` + ids.Hex + `"`, "a registration ID, not a key"},
		"ID with 0x":               {"0x" + ids.Hex, "a registration ID, not a key"},
		"ID behind a label":        {"Registration Id: " + ids.Base32, "a registration ID, not a key"},
		"ID, SDK's label":          {"Registration Id:\n" + ids.Base32 + "\n", "a registration ID, not a key"},
		"ID in JSON":               {`{"endorsement_key":"` + ids.Hex + `"}`, "a registration ID, not a key"},
		"ID with a mark":           {"\ufeff" + ids.Hex + "\u200b", "a registration ID, not a key"},
		"ID in spaces":             {strings.TrimSpace(wrap(ids.Hex, 8, " ")), "a registration ID, not a key"},
		"ID of the operator's":     {"line7-0001", "a name such as a registration ID (line7-0001), not a key"},
		"ID, own, label":           {"registration id: box-7", "a name such as a registration ID (box-7), not a key"},
		"name of a key":            {objectNameOf(ek), "the name of a TPM's key"},
		"ID scope":                 {"0ne0012AB34", "an ID scope"},
		"SSH":                      {"ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQC7 me@box", "an SSH public key"},
		"SSH, the key alone":       {"AAAAB3NzaC1yc2EAAAADAQABAAABAQC7", "an SSH public key"},
		".NET":                     {"System.Security.Cryptography.AsnEncodedData", "the name of a .NET type"},
		".NET, the whole object":   {"IsPresent : True\nPublicKey : System.Security.Cryptography.AsnEncodedData\nPublicKeyHash : 70769c52b6e2", "the name of a .NET type"},
		"two keys in a text":       {"a " + b + " b " + b64(otherEKs()[1]), "not"},
		"file":                     {"ek.pub", "the name of a file (ek.pub)"},
		"path":                     {"/tmp/ek/ek_pub.pem", "the name of a file"},
		"path of Windows":          {`C:\keys\ek.txt`, "the name of a file"},
		"curl's file":              {"@ek", "the name of a file"},
		"nothing, in JSON":         {"null", "empty: the text says null"},
		"invisible":                {"\ufeff\u200b \u00a0", "empty"},
		"quotes alone":             {`""`, "empty"},
		"SRK":                      {b64(storageRootKey()), "a storage root key (RSA 2048)"},
		"SRK, hex":                 {hex.EncodeToString(storageRootKey()), "a storage root key (RSA 2048)"},
		"SRK, label":               {"Storage Root Key: " + b64(storageRootKey()), "a storage root key (RSA 2048)"},
		"ECC, hex":                 {"0x" + hex.EncodeToString(ecc("000300b2", l1Policy, "000600800043", "0003", 32)), "an ECC key (ECC P-256)"},
		"cut, base64":              {b[:400], "cut short: 400 of 424 characters"},
		"cut, odd":                 {b[:401], "cut short: 401 of 424 characters"},
		"cut, quoted":              {`"` + b[:300], "cut short: 300 of 424 characters"},
		"cut, URL-safe":            {base64.URLEncoding.EncodeToString(ek)[:200], "cut short: 200 of 424 characters"},
		"cut, hex":                 {h[:600], "cut short: 600 of 632 characters"},
		"cut, label":               {"Endorsement Key: " + b[:256], "cut short: 256 of 424 characters"},
		"cut, wrapped":             {wrap(b[:320], 64, "\n"), "cut short: 320 of 424 characters"},
		"cut, JSON":                {`{"endorsement_key":"` + b[:320], "cut short: 320 of 424 characters"},
		"a character":              {b[:50] + "!" + b[51:], `not base64: the character "!" cannot be in it`},
		"an ellipsis":              {b[:50] + "…", `not base64: the character "…" cannot be in it`},
		"a letter of Greek":        {strings.Replace(b, "A", "Α", 1), `not base64: the character "Α" cannot be in it`},
		"JSON without":             {`{"registration_id":"box-7"}`, "JSON without an endorsement_key"},
		"JSON of x509":             {`{"attestation":{"tpm":null,"type":"x509"}}`, "JSON without an endorsement_key"},
		"JSON with null":           {`{"endorsement_key":null}`, "JSON without an endorsement_key"},
		"JSON, two":                {`[{"endorsement_key":"` + b + `"},{"endorsement_key":"AToA"}]`, "JSON with 2 endorsement keys"},
		"JSON, too deep":           {mustJSON(mustJSON(mustJSON(mustJSON(mustJSON(mustJSON(b)))))), "a text in a text"},
		"private key":              {"-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA==\n-----END PRIVATE KEY-----", "a private key in PEM"},
		"private, DER":             {"3032020100300d06092a864886f70d0101010500041e" + strings.Repeat("11", 30), "a private key"},
		"PEM cut":                  {"-----BEGIN PUBLIC KEY-----\nMIIB", "PEM (PUBLIC KEY) that is cut off"},
		"PEM altered":              {"-----BEGIN PUBLIC KEY-----\nM!IB\n-----END PUBLIC KEY-----", "that are not base64"},
		"readpublic, altered":      {strings.Replace(yaml, "rsa: c5", "rsa: c7", 1), "it was altered: the name in it belongs to another key than the modulus"},
		"readpublic, name":         {strings.Replace(yaml, "name: 000b", "name: 000bff", 1), "it was altered"},
		"readpublic, sign":         {strings.Replace(yaml, "0x300b2", "0x700b2", 1), "an RSA 2048 key that is not a TCG L-1 endorsement key"},
		"readpublic, SRK":          {strings.Replace(yaml[:strings.Index(yaml, "authorization")], "0x300b2", "0x30472", 1), "a storage root key (RSA 2048)"},
		"readpublic, AES-256":      {strings.Replace(yaml, "sym-keybits: 128", "sym-keybits: 256", 1), "an RSA 2048 key that is not a TCG L-1 endorsement key"},
		"readpublic, old, no name": {yaml[strings.Index(yaml, "name-alg:"):strings.Index(yaml, "exponent:")] + yaml[strings.Index(yaml, "rsa: "):], "by its name not a TCG L-1 endorsement key"},
		"openssl -modulus":         {"Modulus=" + strings.ToUpper(h[120:]), "the text that openssl prints of a key, without its exponent"},
		"XML, exponent 3":          {"<Modulus>" + b64(ek[60:]) + "</Modulus><Exponent>Aw==</Exponent>", "with another exponent than 65537"},
		"JSON Web Key, EC":         {`{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}`, "a JSON Web Key, not of RSA 2048"},
		"readpublic, cut":          {yaml[:strings.Index(yaml, "rsa:")], "without an RSA modulus"},
		"readpublic, ECC": {"name: 000b11\nattributes:\n  value: x\n  raw: 0x300b2\ntype:\n  value: ecc\n  raw: 0x23\ncurve-id:\n  value: NIST p256\n  raw: 0x3\nx: 5a\ny: 5a\n",
			"of an ECC key (ECC P-256)"},
		"readpublic, not hex": {strings.Replace(yaml, "rsa: c5", "rsa: zz", 1), "not all of it can be read"},
		"something":           {b64(bytes.Repeat([]byte{7}, 100)), "something else, not the public area"},
		"all zero":            {h[:120] + strings.Repeat("00", 256), "not an RSA 2048 key"},
	} {
		_, err := ParseEndorsementKey(test.text)
		var format *FormatError
		if !errors.As(err, &format) || !strings.Contains(format.Is, test.is) || format.Convert != "" {
			t.Errorf("%s: ParseEndorsementKey(%.60q…) = %#v, want %q", name, test.text, err, test.is)
			continue
		}
		if fault := badWords(err.Error() + ". " + format.Advice); fault != "" {
			t.Errorf("%s: %v; %s: has %q", name, err, format.Advice, fault)
		}
	}
}

// badWords finds what no message on a key may have: a count of bytes, which nobody
// sees, words of Go's own errors, and what could act on a terminal.
func badWords(message string) string {
	return regexp.MustCompile(`\d+ bytes|illegal base64|encoding/|asn1:|x509:|json:|unmarshal|strconv|[\x00-\x1f\x7f]|:$`).FindString(message)
}

// A damaged tpm2_readpublic says which field is another one.
func TestReadPublicNamesWhatDiffers(t *testing.T) {
	for replace, want := range map[string]string{
		"0x300b2=>0x700b2":             "its attribute sign is set instead of clear",
		"sym-keybits: 128=>256":        "",
		"exponent: 65537=>exponent: 3": "its exponent is 3 instead of 0 (which means 65537)",
		"bits: 2048=>bits: 3072":       "its size is 3072 bits instead of 2048 bits",
		"raw: 0xb=>raw: 0xc":           "its name algorithm is SHA-384 instead of SHA-256",
		"8371=>ca3d":                   "its policy is ca3d",
	} {
		_, err := ParseEndorsementKey(readPublicText(testEK(), replace))
		var format *FormatError
		if !errors.As(err, &format) || !strings.Contains(format.Differs, want) || format.Convert != "" {
			t.Errorf("%s: %v, want %q in it, and nothing to convert to", replace, err, want)
		}
	}
}

func FuzzParseEndorsementKey(f *testing.F) {
	for _, text := range spellings(testEK()) {
		f.Add(text)
	}
	f.Add(readPublicText(testEK(), ""))
	f.Add("-----BEGIN PUBLIC KEY-----\\nMAA=\\n-----END PUBLIC KEY-----")
	f.Add("-----BEGIN PUBLIC KEY-----\nMAA=\n-----END PUBLIC KEY-----")
	f.Add("OgEAAAEACwCy")
	f.Add("AAAjAAsAAA==")
	f.Fuzz(func(t *testing.T, text string) {
		ek, err := ParseEndorsementKey(text)
		var format *FormatError
		switch {
		case err == nil:
			if len(ek) != ekSize || CheckEndorsementKey(ek) != nil {
				t.Errorf("accepted %q", text)
			}
			if again, err := ParseEndorsementKey(b64(ek)); err != nil || !bytes.Equal(again, ek) {
				t.Errorf("%q was read as %x, which is refused: %v", text, ek, err)
			}
		case !errors.As(err, &format):
			t.Errorf("%v is not a FormatError", err)
		case strings.ContainsAny(err.Error()+format.Advice, "\x1b\n\r"):
			t.Errorf("%q", err.Error())
		case format.Convert != "":
			if _, err := ParseEndorsementKey(format.Convert); err != nil {
				t.Errorf("%q was converted to %s: %v", text, format.Convert, err)
			}
		}
	})
}
