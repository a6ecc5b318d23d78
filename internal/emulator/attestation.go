package emulator

import (
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"strings"
	"time"

	"tpmdps/internal/emulator/object"
	"tpmdps/internal/emulator/rest"
	"tpmdps/internal/emulator/sas"
)

// Types of attestation. Devices can register with a TPM only; the others are
// stored and answered as the service does.
const (
	attestTPM          = "tpm"
	attestX509         = "x509"
	attestSymmetricKey = "symmetricKey"
)

// attestation says how devices prove themselves.
type attestation struct {
	Type string `json:"type"`
	TPM  *struct {
		EndorsementKey string `json:"endorsementKey"`
	} `json:"tpm"`
	X509         json.RawMessage `json:"x509"`
	SymmetricKey json.RawMessage `json:"symmetricKey"`
}

// kind is the one mechanism that is given, or "". A symmetric key may be left
// to the service, and is not shown by GET: then the type alone says it.
func (a attestation) kind() string {
	kinds := []string{}
	for kind, there := range map[string]bool{
		attestTPM: a.TPM != nil, attestX509: object.Given(a.X509), attestSymmetricKey: object.Given(a.SymmetricKey),
	} {
		if there {
			kinds = append(kinds, kind)
		}
	}
	switch {
	case len(kinds) == 0 && a.Type == attestSymmetricKey:
		return attestSymmetricKey
	case len(kinds) == 1 && (a.Type == "" || a.Type == kinds[0]):
		return kinds[0]
	}
	return ""
}

// check reports a mechanism that is missing, doubled or not possible.
func (a attestation) check(c *collection) error {
	switch kind := a.kind(); {
	case kind == "":
		return rest.Refuse(codeBadRequest, "An enrollment has one attestation mechanism: want attestation.type and the member of that name.")
	case kind == attestTPM && c == groups:
		return rest.Refuse(codeBadRequest, "A group cannot have TPM attestation.")
	}
	return nil
}

// stored returns the attestation as the service keeps it: certificates as what
// is to be known of them, and keys drawn where none were given and none are known.
func (a attestation) stored(raw, old json.RawMessage) (json.RawMessage, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil {
		return nil, err
	}
	kind := a.kind()
	members["type"] = object.String(kind)
	switch kind {
	case attestTPM:
		members[kind] = object.Ordered(members[kind], "endorsementKey", "storageRootKey")
	case attestX509:
		certs, err := certificateInfo(members[kind])
		if err != nil {
			return nil, rest.Refuse(codeBadRequest, "A certificate of the enrollment is not valid.")
		}
		members[kind] = certs
	case attestSymmetricKey:
		members[kind] = sas.FillKeys(members[kind], old)
	}
	out, err := json.Marshal(members)
	return object.Ordered(out, "type", kind), err
}

// withoutKeys is the attestation as GET and queries have it.
func withoutKeys(raw json.RawMessage) json.RawMessage {
	var a attestation
	if json.Unmarshal(raw, &a) != nil || a.kind() != attestSymmetricKey {
		return raw
	}
	return json.RawMessage(`{"type":"` + attestSymmetricKey + `"}`)
}

// certificate is one of an X.509 attestation: the service keeps what is to be
// known of it, not the certificate.
type certificate struct {
	Certificate string           `json:"certificate,omitempty"`
	Info        *certificateFact `json:"info,omitempty"`
}

// certificateFact is the service's X509CertificateInfo.
type certificateFact struct {
	SubjectName      string `json:"subjectName"`
	SHA1Thumbprint   string `json:"sha1Thumbprint"`
	SHA256Thumbprint string `json:"sha256Thumbprint"`
	IssuerName       string `json:"issuerName"`
	NotBeforeUTC     string `json:"notBeforeUtc"`
	NotAfterUTC      string `json:"notAfterUtc"`
	SerialNumber     string `json:"serialNumber"`
	Version          int    `json:"version"`
}

// certificateInfo replaces each certificate in an X.509 attestation by its info.
// References to a CA of the service stay as they are.
func certificateInfo(raw json.RawMessage) (json.RawMessage, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil {
		return nil, err
	}
	if len(members) == 0 {
		return nil, errors.New("no certificates")
	}
	for _, name := range []string{"clientCertificates", "signingCertificates"} {
		if !object.Given(members[name]) {
			continue
		}
		var pair struct {
			Primary   *certificate `json:"primary,omitempty"`
			Secondary *certificate `json:"secondary,omitempty"`
		}
		if err := json.Unmarshal(members[name], &pair); err != nil {
			return nil, err
		}
		// As recorded: the one certificate of a request came back as both.
		if pair.Secondary == nil {
			pair.Secondary = pair.Primary
		}
		for _, c := range []*certificate{pair.Primary, pair.Secondary} {
			if err := c.read(); err != nil {
				return nil, err
			}
		}
		members[name], _ = json.Marshal(pair) // plain texts
	}
	out, err := json.Marshal(members)
	return object.Ordered(out), err
}

// read makes the info of the certificate. One that came with its info alone is
// one that GET gave.
func (c *certificate) read() error {
	if c == nil || c.Certificate == "" {
		return nil
	}
	der := []byte(c.Certificate)
	if block, _ := pem.Decode(der); block != nil {
		der = block.Bytes
	} else if raw, err := base64.StdEncoding.DecodeString(c.Certificate); err == nil {
		der = raw
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return err
	}
	short, long := sha1.Sum(cert.Raw), sha256.Sum256(cert.Raw)
	serial := cert.SerialNumber.Bytes()
	*c = certificate{Info: &certificateFact{
		SubjectName:      cert.Subject.String(),
		SHA1Thumbprint:   upperHex(short[:]),
		SHA256Thumbprint: upperHex(long[:]),
		IssuerName:       cert.Issuer.String(),
		NotBeforeUTC:     cert.NotBefore.UTC().Format(time.RFC3339),
		NotAfterUTC:      cert.NotAfter.UTC().Format(time.RFC3339),
		SerialNumber:     upperHex(serial),
		Version:          cert.Version,
	}}
	return nil
}

func upperHex(data []byte) string { return strings.ToUpper(hex.EncodeToString(data)) }
