package entra

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// A cluster whose tokens the application accepts, as workload identity federation
// accepts those of Kubernetes.
const (
	clusterSubject  = "system:serviceaccount:tpmdps:operator"
	clusterAudience = "api://AzureADTokenExchange"
)

func (s *Server) clusterIssuer() string { return s.endpoint() + "/cluster" }

// The client certificate is valid for a year, and since a day ago: the clock of who
// uses it may be slow.
const (
	certificateLifetime = 365 * 24 * time.Hour
	certificateBackdate = 24 * time.Hour
)

// clientCertificate is what the application may prove itself with. RSA,
// because azidentity accepts nothing else.
type clientCertificate struct {
	der []byte
	key *rsa.PrivateKey
}

func newClientCertificate() (clientCertificate, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return clientCertificate{}, err
	}
	now := time.Now()
	template := &x509.Certificate{
		Subject:   pkix.Name{CommonName: "tpmdps emulator client"},
		NotBefore: now.Add(-certificateBackdate),
		NotAfter:  now.Add(certificateLifetime),
		KeyUsage:  x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	return clientCertificate{der, key}, err
}

// assertionKey finds the key that has to have signed an assertion: the
// certificate's when it names one by its thumbprint, else the cluster's.
func (s *Server) assertionKey(header map[string]any) (key any, byCertificate bool, err error) {
	text, found := header["x5t#S256"].(string)
	if !found {
		signing, err := s.signing()
		if err != nil {
			return nil, false, err
		}
		return &signing.PublicKey, false, nil
	}
	cert, err := s.certificate()
	if err != nil {
		return nil, true, err
	}
	want := sha256.Sum256(cert.der)
	// RFC 7515 wants it in base64url, MSAL writes base64.
	for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.RawURLEncoding} {
		if got, err := encoding.DecodeString(text); err == nil && bytes.Equal(got, want[:]) {
			return &cert.key.PublicKey, true, nil
		}
	}
	return nil, true, errors.New("no application has this certificate")
}

// certificatePEM returns the application's certificate and its key, as
// AZURE_CLIENT_CERTIFICATE_PATH wants them. It is a secret.
func (s *Server) certificatePEM() ([]byte, error) {
	cert, err := s.certificate()
	if err != nil {
		return nil, err
	}
	key, err := x509.MarshalPKCS8PrivateKey(cert.key)
	if err != nil {
		return nil, err
	}
	return append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})...), nil
}

// clusterToken returns a token of the cluster, as AZURE_FEDERATED_TOKEN_FILE
// wants it: good for a day, as Kubernetes' are for an hour. It is a secret.
func (s *Server) clusterToken() (string, error) {
	now := s.opts.Now()
	return s.sign(&jwt.RegisteredClaims{
		Issuer:    s.clusterIssuer(),
		Subject:   clusterSubject,
		Audience:  jwt.ClaimStrings{clusterAudience},
		IssuedAt:  jwt.NewNumericDate(now),
		ExpiresAt: jwt.NewNumericDate(now.Add(24 * time.Hour)),
	})
}
