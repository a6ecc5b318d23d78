package identity

import (
	"encoding/base64"
	"errors"
	"fmt"
)

// SetEKCertificate puts a certificate and its facts into the record of the
// endorsement key ek.
func (r *Record) SetEKCertificate(c EKCertificate, ek []byte) {
	der, facts := base64.StdEncoding.EncodeToString(c.DER), c.Facts(ek)
	r.EKCertificate, r.EKCertificateFacts = &der, &facts
}

// completeCertificate checks the certificates in a record, and derives the
// facts again, so that nobody has to believe what stands in a file.
func (r *Record) completeCertificate(ek []byte) error {
	if r.EKCertificateChain == nil {
		r.EKCertificateChain = []string{}
	}
	if r.EKCertificateIndices == nil {
		r.EKCertificateIndices = []EKCertificateIndex{}
	}
	if r.EKCertificateNotes == nil {
		r.EKCertificateNotes = []string{}
	}
	for i, text := range r.EKCertificateChain {
		raw, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return fmt.Errorf("ek_certificate_chain, number %d: it is not base64", i+1)
		}
		if _, err := ParseEKCertificate(raw); err != nil {
			return fmt.Errorf("ek_certificate_chain, number %d: %w", i+1, err)
		}
	}
	r.EKCertificateFacts = nil
	if r.EKCertificate == nil {
		return nil
	}
	raw, err := base64.StdEncoding.DecodeString(*r.EKCertificate)
	if err != nil {
		return errors.New("ek_certificate: it is not base64")
	}
	c, err := ParseEKCertificate(raw)
	if err != nil {
		return fmt.Errorf("ek_certificate: %w", err)
	}
	r.SetEKCertificate(c, ek)
	return nil
}
