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

// unwrapped takes one form off. The error says what it is when nothing can be
// taken out of it.
func unwrapped(content []byte) (inner []byte, form string, _ error) {
	text := bytes.Trim(content, "\x00\xff \t\r\n")
	switch {
	case bytes.HasPrefix(text, []byte("-----BEGIN")):
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
