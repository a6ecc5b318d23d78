package identity

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"tpmdps/internal/text"
)

// stored takes a certificate out of the form that somebody stored it in, and
// names that form; empty for DER, which the TCG's profile wants. What is not
// recognised comes back as it is.
func stored(raw []byte) (content []byte, form string, _ error) {
	const depth = 3 // Intel's answer, compressed, as text
	var forms []string
	content = withoutHeader(raw)
	for range depth {
		inner, name, err := unwrapped(content)
		if err != nil {
			return nil, "", err
		}
		if name == "" {
			break
		}
		forms = append(forms, name)
		content = inner
	}
	return content, strings.Join(forms, " of "), nil
}

// storedFirst takes the form off the first of several certificates, or off all of them
// where they share one. after is what follows a first one in PEM.
func storedFirst(raw []byte) (first, after []byte, _ error) {
	const depth = 3
	for range depth {
		if armoured := bytes.TrimLeft(raw, " \t\r\n"); bytes.HasPrefix(armoured, pemMark) {
			first, _, err := fromPEM(armoured)
			_, after = pem.Decode(armoured)
			if at := bytes.Index(after, pemMark); at >= 0 && plainText(after[:at]) { // words between two
				after = after[at:]
			}
			return first, bytes.TrimLeft(after, " \t\r\n"), err
		}
		inner, form, err := unwrapped(raw)
		if form == "" || err != nil {
			return raw, nil, err
		}
		raw = inner
	}
	return raw, nil, nil
}

var pemMark = []byte("-----BEGIN")

func plainText(b []byte) bool {
	return !bytes.ContainsFunc(b, func(r rune) bool { return r < ' ' && r != '\t' && r != '\r' && r != '\n' || r > '~' })
}

// otherContent names what people and tools store where a certificate belongs.
func otherContent(content []byte) string {
	signedData := []byte{0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02} // RFC 5652, 5.1
	start := bytes.TrimLeft(content[:min(len(content), 64)], " \t\r\n")
	switch {
	case bytes.HasPrefix(start, []byte("<")):
		return "a web page or XML"
	case bytes.HasPrefix(start, []byte{0x30}) && bytes.Contains(start[:min(len(start), 20)], signedData):
		return "a bundle of certificates (PKCS #7)"
	case bytes.HasPrefix(start, []byte("PK\x03\x04")):
		return "a zip file"
	}
	return ""
}

// unwrapped takes one form off. The error says what it is when nothing can be
// taken out of it.
func unwrapped(content []byte) (inner []byte, form string, _ error) {
	text := bytes.Trim(content, "\x00\xff \t\r\n")
	switch {
	case bytes.HasPrefix(text, pemMark):
		return fromPEM(text)
	case bytes.HasPrefix(content, []byte{0x1f, 0x8b}):
		return fromGzip(content)
	case bytes.HasPrefix(text, []byte("{")):
		return fromJSON(text)
	case bytes.HasPrefix(text, []byte("MI")), bytes.HasPrefix(text, []byte("H4sI")): // of 30 8x and of gzip's mark
		if b, err := fromBase64(string(text)); err == nil {
			return b, "base64", nil
		}
		return nil, "", errors.New("it is base64 that is damaged or cut short, not DER")
	}
	return content, "", nil
}

func fromPEM(content []byte) ([]byte, string, error) {
	block, _ := pem.Decode(content)
	switch {
	case block == nil:
		return nil, "", errors.New("it is PEM that is damaged or cut short: no certificate in it can be read")
	case block.Type != "CERTIFICATE":
		return nil, "", fmt.Errorf("it is PEM of another kind: %s", text.Printable(block.Type, maxWord))
	}
	return block.Bytes, "PEM", nil
}

// fromGzip reads no more than a certificate may have. What follows the end of
// the compressed part is padding.
func fromGzip(content []byte) ([]byte, string, error) {
	r, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		return nil, "", errors.New("it is compressed with gzip, and damaged")
	}
	r.Multistream(false)
	b, err := io.ReadAll(io.LimitReader(r, maxCertificate+1))
	switch {
	case err != nil:
		return nil, "", errors.New("it is compressed with gzip, and damaged or cut short")
	case len(b) > maxCertificate:
		return nil, "", fmt.Errorf("it is compressed with gzip, and more than %d bytes long", maxCertificate)
	}
	return b, "gzip", nil
}

// fromJSON reads what Intel's service for EK certificates answers (tpm2-tools
// stored that as it came): the certificate is a member, in URL-safe base64 that
// may be escaped for URLs, too.
func fromJSON(text []byte) ([]byte, string, error) {
	const intelJSON = "it is JSON, as Intel's service for EK certificates answers"
	var answer struct {
		Certificate string `json:"certificate"`
	}
	if err := json.NewDecoder(bytes.NewReader(text)).Decode(&answer); err != nil {
		return nil, "", errors.New(intelJSON + ", and damaged or cut short")
	}
	if answer.Certificate == "" {
		return nil, "", errors.New(intelJSON + ", and has no certificate in it")
	}
	escaped, err := url.PathUnescape(answer.Certificate)
	if err != nil {
		escaped = answer.Certificate
	}
	b, err := fromBase64(escaped)
	if err != nil {
		return nil, "", errors.New(intelJSON + ", and the certificate in it is damaged")
	}
	return b, "Intel's JSON answer", nil
}

// fromBase64 reads either alphabet, with or without the padding at its end.
func fromBase64(text string) ([]byte, error) {
	text = strings.TrimRight(strings.Join(strings.Fields(text), ""), "=")
	return base64.RawStdEncoding.DecodeString(strings.NewReplacer("-", "+", "_", "/").Replace(text))
}
