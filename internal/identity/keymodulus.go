package identity

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"regexp"
	"strings"

	"tpmdps/internal/text"
)

var (
	// opensslText is what openssl rsa -text and -modulus print.
	opensslText = regexp.MustCompile(`(?is)\bmodulus(?: \(\d+ bit\))?\s*[:=]\s*([0-9a-f:\s]+?)\s*(?:(?:public)?exponent\s*:\s*([0-9a-f:]+)|$)`)
	// keyXML is .NET's RSAKeyValue.
	keyXML = regexp.MustCompile(`(?s)<Modulus>\s*([^<]+?)\s*</Modulus>\s*<Exponent>\s*([^<]+?)\s*</Exponent>`)
)

// keyInNumbers names a key that is given by its two numbers: in what openssl
// prints, in .NET's XML, in a JSON Web Key (RFC 7517). It returns nothing for
// another text.
func keyInNumbers(text string, _ int) ([]byte, error) {
	if m := opensslText.FindStringSubmatch(text); m != nil && len(m[1]) >= 200 {
		modulus, err := hex.DecodeString(strings.NewReplacer(":", "", " ", "", "\n", "", "\r", "", "\t", "").Replace(m[1]))
		if err != nil {
			return nil, nil
		}
		exponent := []byte{}
		if e := strings.Trim(m[2], ":"); e == "65537" || e == "01:00:01" || e == "010001" {
			exponent = []byte{1, 0, 1}
		}
		return nil, numbersError("the text that openssl prints of a key", modulus, exponent)
	}
	if err := sshText(text); err != nil {
		return nil, err
	}
	if m := keyXML.FindStringSubmatch(text); m != nil {
		modulus, _ := base64.RawStdEncoding.DecodeString(escapes.Replace(m[1]))
		exponent, _ := base64.RawStdEncoding.DecodeString(escapes.Replace(m[2]))
		return nil, numbersError("the XML of an RSA key (RSAKeyValue)", modulus, exponent)
	}
	return nil, webKey(text)
}

// webKey is the error for a JSON Web Key (RFC 7517), nil for anything else.
func webKey(given string) error {
	var jwk struct {
		Kty string `json:"kty"`
		N   string `json:"n"`
		E   string `json:"e"`
	}
	if !strings.HasPrefix(given, "{") || text.DecodeJSON([]byte(given), &jwk) != nil || jwk.Kty == "" {
		return nil
	}
	modulus, _ := base64.RawStdEncoding.DecodeString(escapes.Replace(jwk.N))
	exponent, _ := base64.RawStdEncoding.DecodeString(escapes.Replace(jwk.E))
	return numbersError("a JSON Web Key", modulus, exponent)
}

// numbersError is the error for a modulus and an exponent, from which the key
// follows if they are those of an RSA 2048 key as the TCG has them.
func numbersError(is string, modulus, exponent []byte) error {
	modulus, exponent = withoutZeros(modulus), withoutZeros(exponent)
	switch {
	case len(modulus) != ekSize-len(ekPrefix):
		is += ", not of RSA 2048"
	case len(exponent) == 0:
		is += ", without its exponent"
	case !bytes.Equal(exponent, []byte{1, 0, 1}):
		is += ", with another exponent than 65537"
	default:
		return fromModulus(modulus, is)
	}
	return &FormatError{Is: is, Advice: readAgain}
}
