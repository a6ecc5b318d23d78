package network

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// authority makes a CA's certificate and its key.
func authority(t testing.TB, name string) ([]byte, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return der, key
}

func block(label string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: label, Bytes: der})
}

// bundle is PKCS #7 with certificates and nothing else, which is how a chain is
// exported (RFC 2315, 9.1). indefinite leaves the lengths open, as BER may.
func bundle(indefinite bool, certificates ...[]byte) []byte {
	wrap := func(tag byte, content []byte) []byte {
		if indefinite {
			return append(append([]byte{tag, 0x80}, content...), 0, 0)
		}
		var b cryptobyte.Builder
		b.AddASN1(cbasn1.Tag(tag), func(b *cryptobyte.Builder) { b.AddBytes(content) })
		return b.BytesOrPanic()
	}
	data, _ := asn1.Marshal(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1})
	signed, _ := asn1.Marshal(asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2})
	inner := []byte{2, 1, 1, 0x31, 0}
	inner = append(inner, wrap(0x30, data)...)
	inner = append(inner, wrap(0xa0, bytes.Join(certificates, nil))...)
	inner = append(inner, 0x31, 0)
	return wrap(0x30, append(signed, wrap(0xa0, wrap(0x30, inner))...))
}

func wide(text []byte, order binary.AppendByteOrder, mark bool) []byte {
	var out []byte
	if mark {
		out = order.AppendUint16(out, 0xfeff)
	}
	for _, unit := range utf16.Encode([]rune(string(text))) {
		out = order.AppendUint16(out, unit)
	}
	return out
}

// What is a file of certificates in another dress is read, with all that is in it.
func TestCertificatesInAnyDress(t *testing.T) {
	one, key := authority(t, "One CA")
	two, _ := authority(t, "Two CA")
	keyDER, _ := x509.MarshalPKCS8PrivateKey(key)
	onePEM, twoPEM := block("CERTIFICATE", one), block("CERTIFICATE", two)
	both := append(bytes.Clone(onePEM), twoPEM...)
	replaced := func(old, with string) []byte { return bytes.ReplaceAll(both, []byte(old), []byte(with)) }
	join := func(parts ...string) []byte { return []byte(strings.Join(parts, "")) }
	for name, tt := range map[string]struct {
		data []byte
		want int
	}{
		"PEM":                          {both, 2},
		"PEM without the last newline": {bytes.TrimSpace(both), 2},
		"CRLF":                         {replaced("\n", "\r\n"), 2},
		"CR CR LF":                     {replaced("\n", "\r\r\n"), 2},
		"UTF-8 BOM":                    {join("\ufeff", string(both)), 2},
		"UTF-8 BOM and CRLF":           {join("\ufeff", string(replaced("\n", "\r\n"))), 2},
		"two files with a BOM each":    {join("\ufeff", string(onePEM), "\ufeff", string(twoPEM)), 2},
		"UTF-16 LE":                    {wide(both, binary.LittleEndian, true), 2},
		"UTF-16 BE":                    {wide(both, binary.BigEndian, true), 2},
		"UTF-16 LE, CRLF":              {wide(replaced("\n", "\r\n"), binary.LittleEndian, true), 2},
		"UTF-16 LE without a mark":     {wide(both, binary.LittleEndian, false), 2},
		"UTF-16 BE without a mark":     {wide(both, binary.BigEndian, false), 2},
		"appended by PowerShell":       {append(bytes.Clone(onePEM), wide(twoPEM, binary.LittleEndian, false)...), 2},
		"text around":                  {join("Bag Attributes\n    friendlyName: One CA\nsubject=CN = One CA\n\n", string(onePEM), "\nTwo CA\n======\n", string(twoPEM), "the end\n"), 2},
		"indented":                     {join("ca: |\n", string(replaced("\n", "\n    "))), 2},
		"all lines indented":           {join("    ", string(replaced("\n", "\n    "))), 2},
		"blanks behind the lines":      {replaced("\n", " \t\n"), 2},
		"with its key":                 {join(string(block("PRIVATE KEY", keyDER)), string(onePEM)), 1},
		"X509 CERTIFICATE":             {block("X509 CERTIFICATE", one), 1},
		"TRUSTED CERTIFICATE":          {block("TRUSTED CERTIFICATE", append(bytes.Clone(one), 0x30, 0x02, 0x05, 0x00)), 1},
		"one damaged, one whole":       {join(string(block("CERTIFICATE", one[:len(one)-9])), string(twoPEM)), 1},
		"one cut off, one whole":       {join(string(onePEM[:len(onePEM)/2]), "\n", string(twoPEM)), 1},
		"DER":                          {one, 1},
		"DER, two":                     {append(bytes.Clone(one), two...), 2},
		"DER and a line end":           {append(bytes.Clone(one), '\r', '\n'), 1},
		"PKCS #7":                      {bundle(false, one, two), 2},
		"PKCS #7 in BER":               {bundle(true, one, two), 2},
		"PKCS #7 in PEM":               {block("PKCS7", bundle(false, one, two)), 2},
		"PKCS #7 in PEM, CRLF":         {bytes.ReplaceAll(block("PKCS7", bundle(false, one, two)), []byte("\n"), []byte("\r\n")), 2},
		"PKCS #7 in PEM, UTF-16":       {wide(block("PKCS7", bundle(false, one, two)), binary.LittleEndian, true), 2},
		"PKCS #7, label of CMS":        {block("CMS", bundle(false, one)), 1},
		"PKCS #7, label of OpenSSL":    {block("PKCS #7 SIGNED DATA", bundle(false, one)), 1},
		"PKCS #7 by certutil -encode":  {block("CERTIFICATE", bundle(false, one, two)), 2},
		"base64 alone":                 {[]byte(base64.StdEncoding.EncodeToString(one)), 1},
		"base64 in lines":              {bytes.Join(bytes.Split(onePEM, []byte("\n"))[1:len(bytes.Split(onePEM, []byte("\n")))-2], []byte("\r\n")), 1},
		"PKCS #7 made by OpenSSL":      {[]byte(openssl), 1},
	} {
		found, err := parseCertificates(tt.data)
		if err != nil || len(found) != tt.want || !strings.HasSuffix(found[0].Subject.CommonName, " CA") {
			t.Errorf("%s: %d certificates, %v, want %d", name, len(found), err, tt.want)
		}
	}
}

// openssl is what openssl crl2pkcs7 -nocrl made of a certificate.
const openssl = `-----BEGIN PKCS7-----
MIIBtQYJKoZIhvcNAQcCoIIBpjCCAaICAQExADALBgkqhkiG9w0BBwGgggGKMIIB
hjCCAS2gAwIBAgIURygfMC3ITcvbbC28ZMzIw87EqzYwCgYIKoZIzj0EAwIwGDEW
MBQGA1UEAwwNQSBTdHJhbmdlciBDQTAgFw0yNjExMjYwNTAxMjNaGA8yMTI2MTEw
MjA1MDEyM1owGDEWMBQGA1UEAwwNQSBTdHJhbmdlciBDQTBZMBMGByqGSM49AgEG
CCqGSM49AwEHA0IABL34ti2OrfWYK73s3bCqkEYfgB7RkLu91/IgfeUfhFqE6DMb
x1T2ctFjH2AZVzS8qqvwoVH8ov2Pt8Nrsj0BGkyjUzBRMB0GA1UdDgQWBBQ0yrKo
mq0jaeZn8SJdwZwOlvRaPzAfBgNVHSMEGDAWgBQ0yrKomq0jaeZn8SJdwZwOlvRa
PzAPBgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0cAMEQCIGOKX18EIEV4ZXeN
3No3HrejqHQejZ118oH0BSLRQxNzAiBiqJMHOcwE+CnEAivEY+sTPiE3JqtY+NRS
eONp47sZujEA
-----END PKCS7-----
`

// What holds no certificate is said to be what it is, with what to do, and nothing of
// it is shown.
func TestNotACertificate(t *testing.T) {
	one, key := authority(t, "One CA")
	onePEM := block("CERTIFICATE", one)
	pkcs8, _ := x509.MarshalPKCS8PrivateKey(key)
	sec1, _ := x509.MarshalECPrivateKey(key)
	public, _ := x509.MarshalPKIXPublicKey(key.Public())
	request, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "One CA"}}, key)
	if err != nil {
		t.Fatal(err)
	}
	issuer, _ := x509.ParseCertificate(one)
	issuer.KeyUsage |= x509.KeyUsageCRLSign
	list, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{Number: big.NewInt(1), NextUpdate: time.Now()}, &x509.Certificate{RawSubject: issuer.RawSubject, SubjectKeyId: []byte{1}, KeyUsage: x509.KeyUsageCRLSign}, key)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	pkcs1 := x509.MarshalPKCS1PrivateKey(rsaKey)
	encrypted, _ := asn1.Marshal(struct {
		Algorithm pkix.AlgorithmIdentifier
		Data      []byte
	}{pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 5, 13}}, bytes.Repeat([]byte{0x55}, 200)})
	content, _ := asn1.Marshal(struct {
		Type    asn1.ObjectIdentifier
		Content []byte `asn1:"explicit,tag:0"`
	}{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}, bytes.Repeat([]byte{0x55}, 200)})
	pfx, _ := asn1.Marshal(struct {
		Version int
		Content asn1.RawValue
	}{3, asn1.RawValue{FullBytes: content}})
	openSSH := block("OPENSSH PRIVATE KEY", bytes.Repeat([]byte{7, 9}, 90))

	for name, tt := range map[string]struct {
		data []byte
		want kind
	}{
		"nothing": {nil, "it is empty"}, "blanks": {[]byte(" \r\n\t\n"), "it is empty"}, "a mark alone": {[]byte("\ufeff"), "it is empty"},
		"UTF-16's mark alone": {[]byte("\xff\xfe"), "it is empty"}, "UTF-16 with blanks": {[]byte("\xff\xfe\r\x00\n\x00"), "it is empty"},
		"PKCS #8 in PEM": {block("PRIVATE KEY", pkcs8), kindKey}, "PKCS #8": {pkcs8, kindKey}, "SEC 1 in PEM": {block("EC PRIVATE KEY", sec1), kindKey}, "SEC 1": {sec1, kindKey},
		"PKCS #1 in PEM": {block("RSA PRIVATE KEY", pkcs1), kindKey}, "PKCS #1": {pkcs1, kindKey}, "encrypted in PEM": {block("ENCRYPTED PRIVATE KEY", encrypted), kindKey}, "encrypted": {encrypted, kindKey},
		"a key of SSH in PEM": {openSSH, kindKey}, "a key in UTF-16": {wide(block("PRIVATE KEY", pkcs8), binary.LittleEndian, true), kindKey},
		"a key cut off": {block("PRIVATE KEY", pkcs8)[:90], kindKey}, "a key in CRLF": {bytes.ReplaceAll(block("PRIVATE KEY", pkcs8), []byte("\n"), []byte("\r\n")), kindKey},
		"a key as base64": {[]byte(base64.StdEncoding.EncodeToString(pkcs8)), kindKey}, "a key under a certificate's label": {block("CERTIFICATE", pkcs8), kindKey},
		"parameters and key":                {append(block("EC PARAMETERS", []byte{6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7}), block("EC PRIVATE KEY", sec1)...), kindKey},
		"parameters":                        {block("EC PARAMETERS", []byte{6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7}), kindOther},
		"a request in PEM":                  {block("CERTIFICATE REQUEST", request), kindRequest},
		"a request, Microsoft's label":      {block("NEW CERTIFICATE REQUEST", request), kindRequest},
		"a request":                         {request, kindRequest},
		"a request in a certificate's name": {block("CERTIFICATE", request), kindRequest},
		"a damaged request":                 {block("CERTIFICATE REQUEST", request[:len(request)-3]), kindRequest},
		"a CRL in PEM":                      {block("X509 CRL", list), kindList}, "a CRL": {list, kindList},
		"a public key in PEM": {block("PUBLIC KEY", public), kindPublicKey}, "a public key": {x509.MarshalPKCS1PublicKey(&rsaKey.PublicKey), kindPublicKey},
		"PKCS #12": {pfx, kindPKCS12}, "PKCS #12 in BER": {append([]byte("\x30\x80\x02\x01\x03\x30\x80"), content...), kindPKCS12}, "PKCS #12 in PEM": {block("PKCS12", pfx), kindPKCS12},
		"PKCS #7 without certificates": {block("PKCS7", bundle(false)), kindEmptyPKCS7},
		"a PEM block cut off":          {onePEM[:len(onePEM)/2], kindCutPEM}, "without its end": {bytes.Split(onePEM, []byte("-----END"))[0], kindCutPEM},
		"its last lines missing": {append(bytes.Clone(onePEM[:120]), "\n-----END CERTIFICATE-----\n"...), kindCutPEM}, "DER cut off": {one[:len(one)-20], kindDamaged},
		"a key of SSH": {[]byte("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA me@host\n"), kindSSH},
		"a web page":   {[]byte("<!DOCTYPE html><title>Login</title>"), kindHTML},
		"a text":       {[]byte("the certificate is in the other file\n"), kindText}, "hex": {fmt.Appendf(nil, "%x", one), kindText},
		"JKS": {append([]byte("\xfe\xed\xfe\xed\x00\x00\x00\x02"), one...), kindKeyStore}, "zip": {append([]byte("PK\x03\x04"), one...), kindArchive}, "gzip": {append([]byte("\x1f\x8b\x08\x00"), one...), kindArchive},
		"noise": {append([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"), one...), kindBinary},
	} {
		found, err := parseCertificates(tt.data)
		var wrong *certificateError
		if !errors.As(err, &wrong) || !errors.Is(err, ErrNoCertificate) || wrong.what != string(tt.want) || wrong.advice == "" || len(found) > 0 {
			t.Errorf("%s: %d certificates, %v (%T), want %q", name, len(found), err, err, tt.want)
		}
		secrets := base64.StdEncoding.EncodeToString(pkcs8)
		for i := 0; wrong != nil && i+6 <= len(secrets); i += 3 {
			if strings.Contains(wrong.what+wrong.advice, secrets[i:i+6]) {
				t.Errorf("%s: a part of the key is in %q", name, wrong.what+wrong.advice)
			}
		}
	}
}

// What is nested as deep as its size allows neither ends the program nor takes long.
func TestNestedCertificates(t *testing.T) {
	prefix := append([]byte("\x30\x80"), signedData...)
	for _, data := range [][]byte{
		bytes.Repeat([]byte("\x30\x80"), MaxCertificates/2),
		append(prefix, bytes.Repeat([]byte("\xa0\x80"), 100<<10)...),
		append(prefix, bytes.Repeat([]byte("\xa0\x80"), MaxCertificates/2)...),
		bytes.Repeat([]byte("\x30\x84\x00\x00\x00\x01"), MaxCertificates/6),
		bytes.Repeat([]byte("-----BEGIN "), MaxCertificates/11),
		bytes.Repeat([]byte("-----BEGIN X-----\n-----END X-----\n"), MaxCertificates/34),
	} {
		if found, err := parseCertificates(data); !errors.Is(err, ErrNoCertificate) {
			t.Errorf("%x...: %d certificates, %v", data[:8], len(found), err)
		}
	}
}

// Whatever a file holds, reading it ends.
func FuzzParseCertificates(f *testing.F) {
	one, key := authority(f, "One CA")
	pkcs8, _ := x509.MarshalPKCS8PrivateKey(key)
	for _, seed := range [][]byte{one, pkcs8, bundle(false, one), bundle(true, one), block("PKCS7", bundle(false, one)), []byte(openssl), []byte("\x30\x80\x02\x01\x03")} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		found, err := parseCertificates(data)
		var wrong *certificateError
		if (len(found) == 0) != (err != nil) || err != nil && (!errors.As(err, &wrong) || wrong.advice == "") {
			t.Errorf("%d certificates, %v", len(found), err)
		}
	})
}
