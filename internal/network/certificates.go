package network

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"strings"

	"github.com/smallstep/pkcs7"

	"tpmdps/internal/text"
)

// ErrNoCertificate is wrapped by every [certificateError].
var ErrNoCertificate = errors.New("no certificate in it")

// certificateError says what a file of certificates is instead. Nothing of its
// content is in it: it may be a private key.
type certificateError struct {
	// what it is, as the end of a sentence that begins with the file's name.
	what string
	// advice is what makes it usable, or where the right one is.
	advice string
}

// Error says what the file is.
func (e *certificateError) Error() string { return e.what }

// Hint is what to do about it.
func (e *certificateError) Hint() string { return e.advice }

// Unwrap makes it an [ErrNoCertificate].
func (e *certificateError) Unwrap() error { return ErrNoCertificate }

// MaxCertificates bounds a file of certificates, in bytes. The bundles of Linux
// distributions have less than a quarter of a megabyte.
const MaxCertificates = 4 << 20

// parseCertificates reads the certificates of a file in any dress: PEM in any
// encoding that Windows writes, with any text around it, DER, base64 without its
// markers, and PKCS #7 (.p7b, .p7c; RFC 2315), which is how Windows exports a chain.
// What is not a certificate is skipped if there are certificates beside it; a
// certificate that crypto/x509 refuses is, too. The error is a [certificateError].
func parseCertificates(data []byte) ([]*x509.Certificate, error) {
	if len(bytes.Trim(data, " \t\r\n\x00\xef\xbb\xbf\xfe\xff")) == 0 {
		return nil, &certificateError{"it is empty", "copy the CA's certificate again; it begins with -----BEGIN CERTIFICATE-----"}
	}
	if isDER(data) {
		found, is := parseDER(data)
		return orError(found, is)
	}
	decoded, err := text.Decode(data)
	if err != nil {
		return orError(nil, binaryKind(data))
	}
	found, is := parsePEM(decoded.UTF8)
	return orError(found, is)
}

// isDER tells a value of ASN.1 from a text, which may begin with the digit 0.
func isDER(data []byte) bool {
	return len(data) > 1 && data[0] == 0x30 && (data[1]&0x80 != 0 || int(data[1]) == len(data)-2)
}

// parsePEM reads all blocks of a text. What the first other one holds is what the
// text is, if there is no certificate.
func parsePEM(text []byte) (found []*x509.Certificate, is kind) {
	const begin = "-----BEGIN "
	rest := unindented(text)
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		certificates, holds := parseDER(block.Bytes)
		if holds == "" || holds == kindDamaged {
			holds = labelKind(block.Type, holds)
		}
		found = append(found, certificates...)
		if is == "" || is == kindOther {
			is = holds
		}
	}
	if len(found) > 0 || is != "" {
		return found, is
	}
	if bytes.Contains(text, []byte(begin)) {
		if bytes.Contains(text, []byte("PRIVATE KEY-----")) {
			return nil, kindKey
		}
		return nil, kindCutPEM
	}
	if der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(string(text)), "")); err == nil && isDER(der) {
		return parseDER(der)
	}
	return nil, textKind(text)
}

// unindented is a text without the blanks in front of its lines, which pem.Decode
// does not expect: a block that was copied out of YAML or a mail has some.
func unindented(text []byte) []byte {
	lines := bytes.Split(text, []byte("\n"))
	for i, line := range lines {
		lines[i] = bytes.TrimSpace(line)
	}
	return bytes.Join(lines, []byte("\n"))
}

// parseDER reads certificates one after the other, or PKCS #7. Without any it says
// what else it is.
func parseDER(der []byte) ([]*x509.Certificate, kind) {
	if found, err := x509.ParseCertificates(der); err == nil && len(found) > 0 {
		return found, ""
	}
	var first asn1.RawValue
	if rest, err := asn1.Unmarshal(der, &first); err == nil && len(rest) > 0 {
		// OpenSSL's TRUSTED CERTIFICATE has more after it.
		if found, err := x509.ParseCertificate(first.FullBytes); err == nil {
			return []*x509.Certificate{found}, ""
		}
		der = first.FullBytes // what is left of a transfer that added something
	}
	if other := derKind(der); other != "" {
		return nil, other
	}
	return parsePKCS7(der)
}

// signedData is the object identifier with which such a PKCS #7 begins.
var signedData = []byte("\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02")

// parsePKCS7 reads the certificates of PKCS #7. The package goes one call deeper for
// each level of BER, which may have a level for every two bytes: the bound keeps that
// within the stack.
func parsePKCS7(der []byte) ([]*x509.Certificate, kind) {
	const bound = 256 << 10
	if len(der) > bound || !bytes.Contains(der[:min(len(der), 32)], signedData) {
		return nil, kindDamaged
	}
	p7, err := pkcs7.Parse(der)
	switch {
	case err != nil:
		return nil, kindDamaged
	case len(p7.Certificates) == 0:
		return nil, kindEmptyPKCS7
	}
	return p7.Certificates, ""
}

// orError is what was found, or why nothing was.
func orError(found []*x509.Certificate, is kind) ([]*x509.Certificate, error) {
	if len(found) > 0 {
		return found, nil
	}
	if is == "" {
		is = kindDamaged
	}
	return nil, &certificateError{string(is), advices[is]}
}
