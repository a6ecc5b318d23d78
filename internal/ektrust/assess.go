package ektrust

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"tpmdps/internal/ektrust/chain"
	"tpmdps/internal/identity"
	"tpmdps/internal/text"
)

// Evidence is what a chip says of its endorsement key.
type Evidence struct {
	// EK is the marshalled TPM2B_PUBLIC.
	EK []byte
	// Certificate is the EK certificate as the chip or its maker has it, nil without one.
	Certificate []byte
	// Chain are the certificates that the chip stores beside it, DER, in any order.
	Chain [][]byte
	// Manufacturer and Firmware are what the chip says of itself; "" is not compared.
	Manufacturer, Firmware string
}

// FromRecord takes the evidence out of a record. The error says which field cannot be
// read.
func FromRecord(r identity.Record) (Evidence, error) {
	ek, err := r.EK()
	if err != nil {
		return Evidence{}, err
	}
	e := Evidence{EK: ek, Manufacturer: r.TPM.Manufacturer, Firmware: r.TPM.Firmware}
	if r.EKCertificate != nil {
		if e.Certificate, err = base64.StdEncoding.DecodeString(*r.EKCertificate); err != nil {
			return Evidence{}, errors.New("ek_certificate: it is not base64")
		}
	}
	for i, one := range r.EKCertificateChain {
		der, err := base64.StdEncoding.DecodeString(one)
		if err != nil {
			return Evidence{}, fmt.Errorf("ek_certificate_chain, number %d: it is not base64", i+1)
		}
		e.Chain = append(e.Chain, der)
	}
	return e, nil
}

// Assess judges an endorsement key. now is for what is information only: what has run
// out by today, lists of revoked certificates that are old.
func (s *Store) Assess(e Evidence, now time.Time) Verdict {
	v := Verdict{Reasons: []Reason{}, Path: []Link{}, Notes: []string{}, Weaknesses: Weaknesses(e.Manufacturer, e.Firmware)}
	modulus, _, _ := identity.RSANumbers(e.EK)
	if ROCA(modulus) {
		v.because(Vulnerable, CodeWeakKey, "the EK was made by the faulty library of CVE-2017-15361 (ROCA): its private part can be computed. An update of the firmware does not change it")
	}
	weak := v.Verdict
	if len(e.Certificate) == 0 {
		v.absent(e)
	} else {
		s.certificate(&v, e, now)
	}
	if weak != "" {
		v.Verdict, v.Missing = weak, nil
	}
	return v
}

// absent judges a chip without certificate. Two makers keep those of their firmware
// TPMs on a server.
func (v *Verdict) absent(e Evidence) {
	url := CertificateURL(e.Manufacturer, e.EK)
	if url == "" {
		v.because(Absent, CodeNoCertificate, "the chip has no certificate for its EK")
		return
	}
	v.because(Unknown, CodeNoCertificate, "the chip has no certificate for its EK; its maker may have it at "+url)
	v.Missing = &Missing{URL: url}
}

func (s *Store) certificate(v *Verdict, e Evidence, now time.Time) {
	stored, err := identity.ParseEKCertificate(e.Certificate)
	if err != nil {
		v.because(Untrusted, CodeUnreadable, "the certificate cannot be read: "+text.Printable(err.Error(), 200))
		return
	}
	leaf, err := chain.Parse(stored.DER)
	if err != nil {
		v.because(Untrusted, CodeUnreadable, "the certificate cannot be read: "+text.Printable(err.Error(), 200))
		return
	}
	if !stored.Facts(e.EK).KeyMatches {
		v.because(Mismatch, CodeOtherKey, "the certificate is for another key ("+leaf.Key.Algorithm+"), not for the EK of this chip")
		return
	}
	path, err := s.search(v, e.Chain).Find(leaf)
	var none *chain.NoPath
	if errors.As(err, &none) {
		path = none.Path
	}
	v.setPath(path, now)
	if faults := profileFaults(leaf, e.Manufacturer); len(faults) > 0 {
		for _, f := range faults {
			v.because(Untrusted, f.Code, f.Text)
		}
		return
	}
	if none != nil {
		v.noPath(none, e)
		return
	}
	s.ended(v, path, now)
}

// maxStored bounds the certificates that a chip's record may bring along. Intel's chips
// have three.
const maxStored = 64

// search is where the signers of a certificate are looked for.
func (s *Store) search(v *Verdict, stored [][]byte) chain.Search {
	var own []*chain.Certificate
	if len(stored) > maxStored {
		v.Notes = append(v.Notes, fmt.Sprintf("of the chain in the chip only %d certificates of %d are used", maxStored, len(stored)))
		stored = stored[:maxStored]
	}
	for i, der := range stored {
		c, err := chain.Parse(der)
		if err != nil {
			v.Notes = append(v.Notes, fmt.Sprintf("certificate %d of the chain in the chip cannot be read: %s", i+1, text.Printable(err.Error(), 200)))
			continue
		}
		own = append(own, c)
	}
	return chain.Search{Pools: []*chain.Pool{s.pool, chain.NewPool(own...)}, Anchor: s.anchor, Pinned: s.pinned, Refuse: refuseCA}
}

// refuseCA says why a CA may not stand above an endorsement key.
func refuseCA(c *chain.Certificate) (code, reason string) {
	switch {
	case c.ForAttestationOnly():
		return CodePurpose, "is for attestation keys, not for endorsement keys"
	case c.Key.RSA != nil && ROCA(c.Key.RSA.N.Bytes()):
		return CodeWeakKey, "has a key that can be computed (CVE-2017-15361)"
	}
	return "", ""
}

// noPath turns what the search met into a verdict.
func (v *Verdict) noPath(none *chain.NoPath, e Evidence) {
	last := none.Path[len(none.Path)-1]
	if none.Kind != chain.Missing {
		v.because(Untrusted, none.Code, none.Text)
		return
	}
	if softwareTPM(none.Path[0], e) {
		v.because(Untrusted, CodeSoftwareTPM, "it is a software TPM, whose certificate anyone can make: "+last.Issuer.String())
		return
	}
	v.Missing = &Missing{Issuer: last.Issuer.String(), KeyID: hex.EncodeToString(last.AuthorityKey)}
	reason := none.Text + ": " + v.Missing.Issuer
	if len(last.IssuerURLs) > 0 {
		v.Missing.URL = last.IssuerURLs[0]
		reason += "; it is to be had at " + v.Missing.URL
	}
	v.because(Unknown, none.Code, reason)
}

// softwareTPM: what swtpm and the simulators of IBM and Microsoft say of themselves.
func softwareTPM(leaf *chain.Certificate, e Evidence) bool {
	software := []string{"IBM", "XCG"}
	return slices.Contains(software, strings.TrimSpace(e.Manufacturer)) || slices.Contains(software, maker(leaf))
}

// ended judges a whole path: whose root it is, and what was revoked.
func (s *Store) ended(v *Verdict, path chain.Path, now time.Time) {
	leaf, root := path[0], path[len(path)-1]
	pinned, known := byFingerprint()[root.Fingerprint]
	v.Extra = !known || !pinned.Anchor
	if !v.Extra {
		v.Vendor = pinned.Vendor
		if !slices.Contains(vendorIDs[pinned.Vendor], leaf.Manufacturer) {
			v.because(Untrusted, CodeVendor, fmt.Sprintf("the certificate names %s as the chip's maker, and the path ends at a root of %s", leaf.Manufacturer, pinned.Vendor))
			return
		}
	}
	if s.revoked(v, path, now) {
		return
	}
	based := "signed through " + text.Count(len(path)-1, "link") + " by the root " + root.Subject.String()
	if v.Extra {
		based += ", which is trusted because it was given as an extra root"
	}
	v.because(Trusted, CodePath, based)
}

func fingerprint(c *chain.Certificate) string { return hex.EncodeToString(c.Fingerprint[:]) }
