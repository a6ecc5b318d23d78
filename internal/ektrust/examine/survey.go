package examine

import (
	"context"
	"encoding/hex"

	"tpmdps/internal/ektrust"
	"tpmdps/internal/ektrust/chain"
	"tpmdps/internal/ektrust/rootfile"
	"tpmdps/internal/input"
)

// Survey is what a file or folder of CA certificates has for judging chips.
type Survey struct {
	// CAs are the certificates that are used to find a path, each counted once.
	CAs int
	// Vendors has each maker of the table of roots, in its order, and what of it is
	// there; a maker without a root there is not vouched for.
	Vendors []VendorSurvey
	// Roots counts, of all makers, the pinned roots that are there.
	Roots int
	// Unknown are those that are signed by themselves and not in the table: no path
	// ends at them unless they are given as extra ones.
	Unknown []UnknownRoot
	// Attestation counts the CAs for attestation keys, which are left out.
	Attestation int
	// Ignored are the files that gave nothing, the first hundred of them.
	Ignored []rootfile.Ignored
}

// VendorSurvey is what is there of one maker.
type VendorSurvey struct {
	// Vendor is the maker, as the table of roots has it.
	Vendor string
	// Roots of Known are there; those that are not are mostly of other kinds of chips.
	Roots, Known int
	// OldCAs counts those whose signatures with SHA-1 count.
	OldCAs int
}

// UnknownRoot is a certificate that the program does not know.
type UnknownRoot struct {
	// Subject is its name, and Fingerprint the SHA-256 of its DER in hex.
	Subject, Fingerprint string
}

// Inspect reads a file or folder as [Sources.Open] does, and says what of it would be
// used. Errors are the same.
func Inspect(ctx context.Context, path string) (Survey, error) {
	bundle, err := load(ctx, path)
	if err != nil {
		return Survey{}, err
	}
	s := Survey{CAs: len(bundle.Certificates), Attestation: bundle.Attestation, Ignored: bundle.Ignored}
	at := map[string]int{}
	for _, r := range ektrust.Roots() {
		if _, seen := at[r.Vendor]; !seen {
			at[r.Vendor] = len(s.Vendors)
			s.Vendors = append(s.Vendors, VendorSurvey{Vendor: r.Vendor})
		}
		if r.Anchor {
			s.Vendors[at[r.Vendor]].Known++
		}
	}
	for _, c := range bundle.Certificates {
		known, ok := ektrust.Known(c.Fingerprint)
		switch {
		case ok && known.Anchor:
			s.Roots++
			s.Vendors[at[known.Vendor]].Roots++
		case ok:
			s.Vendors[at[known.Vendor]].OldCAs++
		case selfSigned(c):
			s.Unknown = append(s.Unknown, UnknownRoot{c.Subject.String(), hex.EncodeToString(c.Fingerprint[:])})
		}
	}
	return s, nil
}

func selfSigned(c *chain.Certificate) bool {
	return c.SelfIssued() && !c.Subject.Empty() && c.CheckSignature(c.Key) == nil
}

// load reads a file or folder of CA certificates.
func load(ctx context.Context, path string) (rootfile.Bundle, error) {
	bundle, err := input.Await(ctx, path, "its end did not come", func() (rootfile.Bundle, error) { return rootfile.Load(path) })
	if err != nil {
		return bundle, fault(err)
	}
	return bundle, nil
}
