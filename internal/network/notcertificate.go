package network

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"strings"
)

// kind is what a file is that holds no certificate, as the end of a sentence.
type kind string

// What people give for a CA's certificate.
const (
	kindKey        kind = "it is a private key, not a certificate"
	kindPublicKey  kind = "it is a public key, not a certificate"
	kindRequest    kind = "it is a certificate request (CSR), not a certificate"
	kindList       kind = "it is a list of revoked certificates (CRL), not a certificate"
	kindPKCS12     kind = "it is PKCS #12 (.pfx, .p12), which holds a private key"
	kindKeyStore   kind = "it is a Java key store"
	kindEmptyPKCS7 kind = "it is PKCS #7 without a certificate in it"
	kindCutPEM     kind = "its PEM block is cut off or damaged"
	kindDamaged    kind = "it holds a certificate that is damaged, or none"
	kindSSH        kind = "it is an SSH key, not a certificate"
	kindHTML       kind = "it is a web page, not a certificate"
	kindArchive    kind = "it is an archive, not a certificate"
	kindText       kind = "it is a text without a certificate in it"
	kindBinary     kind = "it is neither PEM nor DER nor PKCS #7"
	kindOther      kind = "it holds PEM, but no certificate"
)

const askForCA = "ask the administrator of the CA, or of the proxy that inspects TLS, for the CA's certificate (PEM, DER or .p7b)"

// advices say for each kind what makes it usable.
var advices = map[kind]string{
	kindKey:        "keep it secret, and give the CA's certificate instead; the file beside it is often called .crt, .cer or .pem",
	kindPublicKey:  askForCA,
	kindRequest:    "it is what is sent to a CA; give what the CA has answered, or rather the CA's own certificate",
	kindList:       askForCA,
	kindPKCS12:     "extract the certificates: openssl pkcs12 -in FILE -nokeys -out ca.pem",
	kindKeyStore:   "extract the certificates: keytool -list -rfc -keystore FILE >ca.pem",
	kindEmptyPKCS7: "export it again with the certificates of its chain, or as Base64-encoded X.509 (.CER)",
	kindCutPEM:     "copy it again, from -----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----",
	kindDamaged:    "copy or export it again: Base64-encoded X.509 (.CER); openssl x509 -in FILE -noout -subject shows what is in it",
	kindSSH:        askForCA,
	kindHTML:       "what was downloaded is a login page or an error: " + askForCA,
	kindArchive:    "unpack it first, and give the CA's certificate that is in it",
	kindText:       "a certificate in PEM begins with -----BEGIN CERTIFICATE-----; " + askForCA,
	kindBinary:     askForCA,
	kindOther:      askForCA,
}

// derKind recognises what is not a certificate; "" is for what may be one.
func derKind(der []byte) kind {
	parses := func(err error) bool { return err == nil }
	_, request := x509.ParseCertificateRequest(der)
	_, pkcs8 := x509.ParsePKCS8PrivateKey(der)
	_, pkcs1 := x509.ParsePKCS1PrivateKey(der)
	_, ec := x509.ParseECPrivateKey(der)
	_, list := x509.ParseRevocationList(der)
	_, public := x509.ParsePKIXPublicKey(der)
	_, public1 := x509.ParsePKCS1PublicKey(der)
	switch {
	case parses(request):
		return kindRequest
	case parses(pkcs8), parses(pkcs1), parses(ec), encryptedKey(der):
		return kindKey
	case parses(list):
		return kindList
	case parses(public), parses(public1):
		return kindPublicKey
	case pkcs12(der):
		return kindPKCS12
	}
	return ""
}

// encryptedKey tells an EncryptedPrivateKeyInfo (RFC 5958, 3).
func encryptedKey(der []byte) bool {
	var key struct {
		Algorithm struct {
			ID         asn1.ObjectIdentifier
			Parameters asn1.RawValue `asn1:"optional"`
		}
		Data []byte
	}
	rest, err := asn1.Unmarshal(der, &key)
	return err == nil && len(rest) == 0
}

// pkcs12 tells a PFX (RFC 7292, 4), which begins with its version. BER, of which the
// lengths are not known, is how Java and NSS write it.
func pkcs12(der []byte) bool {
	var pfx struct {
		Version int
		Content asn1.RawValue
		MAC     asn1.RawValue `asn1:"optional"`
	}
	if rest, err := asn1.Unmarshal(der, &pfx); err == nil && len(rest) == 0 {
		return pfx.Version == 3 && pfx.Content.Tag == asn1.TagSequence
	}
	return bytes.HasPrefix(der, []byte("\x30\x80\x02\x01\x03"))
}

// labelKind goes by the label of a PEM block whose content says nothing.
func labelKind(label string, otherwise kind) kind {
	switch {
	case strings.Contains(label, "PRIVATE KEY"):
		return kindKey
	case strings.Contains(label, "PUBLIC KEY"):
		return kindPublicKey
	case strings.Contains(label, "CERTIFICATE REQUEST"):
		return kindRequest
	case strings.Contains(label, "CERTIFICATE"), strings.Contains(label, "PKCS"), label == "CMS":
		return otherwise
	case strings.Contains(label, "CRL"):
		return kindList
	}
	return kindOther
}

// textKind goes by how a text begins.
func textKind(text []byte) kind {
	begin := strings.ToLower(string(bytes.TrimSpace(text[:min(len(text), 512)])))
	switch {
	case bytes.ContainsFunc(text, func(r rune) bool { return r < ' ' && !strings.ContainsRune("\t\r\n\f\x1a", r) }):
		return kindBinary
	case strings.HasPrefix(begin, "ssh-"), strings.HasPrefix(begin, "ecdsa-sha2-"), strings.HasPrefix(begin, "putty-user-key-file"):
		return kindSSH
	case strings.HasPrefix(begin, "<"):
		return kindHTML
	}
	return kindText
}

// binaryKind goes by how a file begins that is not a text.
func binaryKind(data []byte) kind {
	switch {
	case bytes.HasPrefix(data, []byte("\xfe\xed\xfe\xed")), bytes.HasPrefix(data, []byte("\xce\xce\xce\xce")):
		return kindKeyStore
	case bytes.HasPrefix(data, []byte("PK\x03\x04")), bytes.HasPrefix(data, []byte("\x1f\x8b")), bytes.HasPrefix(data, []byte("7z\xbc\xaf")):
		return kindArchive
	}
	return kindBinary
}
