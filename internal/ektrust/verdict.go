// Package ektrust says whether the maker of a TPM vouches for its endorsement key:
// an EK certificate, the chain that the chip stores and a set of roots become a
// [Verdict], and a [Policy] says what follows from it.
//
// It needs no network. The program has the fingerprints of the makers' roots; the
// certificates themselves come from the user's files (internal/ektrust/rootfile).
// What is in a certificate is TCG EK Credential Profile 2.5; how a path is made,
// RFC 5280. What differs from it on purpose: a path is judged at the time at which
// the EK certificate begins to be valid, since makers' CAs run out before the
// machines do.
package ektrust

import (
	"time"

	"tpmdps/internal/ektrust/chain"
	"tpmdps/internal/identity"
)

// Word is a verdict in one word.
type Word string

// The verdicts.
const (
	// Trusted: a path of right signatures leads from a certificate for this very EK to a
	// trusted root, of the vendor that chip and certificate name.
	Trusted Word = "trusted"
	// Untrusted: something in the certificate, or on its path, is wrong.
	Untrusted Word = "untrusted"
	// Mismatch: the certificate is for another key, as in a machine that was cloned.
	Mismatch Word = "mismatch"
	// Vulnerable: the private part of the EK can be computed from the public one.
	Vulnerable Word = "vulnerable"
	// Absent: the chip has no certificate.
	Absent Word = "absent"
	// Unknown: nothing is wrong, and something is missing that would tell.
	Unknown Word = "unknown"
)

// Words lists the verdicts, the best one first.
func Words() []Word { return []Word{Trusted, Unknown, Absent, Untrusted, Mismatch, Vulnerable} }

// Meaning is what a verdict says to those who run the factory, a sentence; "" for what
// is not a verdict.
func (w Word) Meaning() string {
	return map[Word]string{
		Trusted:    "the chip's maker vouches for this endorsement key",
		Untrusted:  "the chip's certificate, or one that it depends on, is wrong or not a known maker's",
		Mismatch:   "the certificate is for another chip's key",
		Vulnerable: "the private endorsement key can be computed from the public one, so anyone can pretend to be this chip",
		Absent:     "the chip has no certificate, so nobody vouches for its endorsement key",
		Unknown:    "nothing is wrong, but a certificate that would tell is missing",
	}[w]
}

// Reason is why a verdict is as it is.
type Reason struct {
	// Code is for scripts, such as "signature"; it does not change between versions.
	Code string `json:"code"`
	// Text is a sentence without a full stop, fit for a terminal.
	Text string `json:"text"`
}

// Codes of reasons beside those of [chain.NoPath].
const (
	// CodePath is the one of [Trusted].
	CodePath          = "path"
	CodeNoCertificate = "no-certificate"
	CodeUnreadable    = "unreadable"
	CodeOtherKey      = "other-key"
	CodeWeakKey       = "weak-key"
	CodeProfile       = "not-an-ek-certificate"
	CodeVendor        = "vendor"
	CodeRevoked       = "revoked"
	CodeSoftwareTPM   = "software-tpm"
	CodePurpose       = "purpose"
	// CodeNotFetched: the maker's server did not give the certificate.
	CodeNotFetched = "not-fetched"
)

// Link is a certificate on the path.
type Link struct {
	// Subject is empty for most endorsement keys.
	Subject string `json:"subject"`
	Issuer  string `json:"issuer"`
	// Fingerprint is the SHA-256 of the certificate, in hex.
	Fingerprint string    `json:"sha256"`
	NotBefore   time.Time `json:"not_before"`
	NotAfter    time.Time `json:"not_after"`
}

// Missing is what would tell more.
type Missing struct {
	// Issuer is the name of the CA whose certificate is missing, and KeyID the
	// identifier of its key in hex, where it is known. Both are empty where the chip's own
	// certificate is missing.
	Issuer string `json:"issuer"`
	KeyID  string `json:"key_id"`
	// URL is where it is to be had, as the certificate or the maker has it; "" where
	// nobody says.
	URL string `json:"url"`
}

// Verdict is what is known of an endorsement key. As JSON it can stand beside a record.
type Verdict struct {
	Verdict Word `json:"verdict"`
	// Reasons are why; for [Trusted] they say what it is based on.
	Reasons []Reason `json:"reasons"`
	// Path is the EK certificate and those above it as far as they were found right, the
	// root last.
	Path []Link `json:"path"`
	// Vendor is the maker whose root the path ends at; "" for another root.
	Vendor string `json:"vendor"`
	// Extra: the root is trusted only since the user named it.
	Extra bool `json:"extra_root"`
	// Missing is set for [Unknown].
	Missing *Missing `json:"missing"`
	// Expired: something on the path has run out by now. It is information: chips are
	// used longer than certificates are valid.
	Expired bool `json:"expired"`
	// Notes are sentences about what does not change the verdict.
	Notes []string `json:"notes"`
	// Weaknesses are what the chip's firmware is known for.
	Weaknesses []Weakness `json:"weaknesses"`
}

// Summary is the verdict in one line.
func (v Verdict) Summary() string {
	if len(v.Reasons) == 0 {
		return string(v.Verdict)
	}
	return string(v.Verdict) + ": " + v.Reasons[0].Text
}

// InRecord is what a record keeps of the verdict.
func (v Verdict) InRecord() *identity.EKVerdict {
	out := &identity.EKVerdict{Verdict: string(v.Verdict), Reasons: []identity.EKReason{}, Vendor: v.Vendor, Weaknesses: []string{}}
	for _, r := range v.Reasons {
		out.Reasons = append(out.Reasons, identity.EKReason(r))
	}
	if v.Missing != nil {
		out.MissingURL = v.Missing.URL
	}
	for _, w := range v.Weaknesses {
		out.Weaknesses = append(out.Weaknesses, w.CVE)
	}
	return out
}

func (v *Verdict) because(word Word, code, text string) {
	v.Verdict = word
	v.Reasons = append(v.Reasons, Reason{code, text})
}

func (v *Verdict) setPath(path chain.Path, now time.Time) {
	for _, c := range path {
		v.Path = append(v.Path, Link{c.Subject.String(), c.Issuer.String(), fingerprint(c), c.NotBefore, c.NotAfter})
		whose := "the EK certificate"
		if len(v.Path) > 1 {
			whose = "the CA " + c.Subject.String()
		}
		switch {
		case c.NotAfter.Before(now):
			v.Expired = true
			v.Notes = append(v.Notes, whose+" ran out on "+c.NotAfter.Format(time.DateOnly)+"; it was valid when the EK certificate was issued")
		case c.NotBefore.After(now):
			v.Notes = append(v.Notes, whose+" is valid from "+c.NotBefore.Format(time.DateOnly)+" only; check the clock of this machine")
		}
		if c.SHA1() && len(v.Path) < len(path) {
			v.Notes = append(v.Notes, whose+" is signed with SHA-1, which counts since the CA is one of the known old ones")
		}
	}
}
