package ektrust

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"tpmdps/internal/ektrust/chain"
	"tpmdps/internal/identity"
	"tpmdps/internal/text"
)

// Mode says what follows from a verdict.
type Mode string

// Modes of a [Policy].
const (
	// Off: verdicts have no consequences.
	Off Mode = "off"
	// Warn: verdicts are shown; only an EK that anyone can compute is refused.
	Warn Mode = "warn"
	// Require: all but trusted chips are refused.
	Require Mode = "require"
)

// ParseMode reads a mode as people type it.
func ParseMode(word string) (Mode, error) {
	for _, m := range []Mode{Off, Warn, Require} {
		if word == string(m) {
			return m, nil
		}
	}
	return "", fmt.Errorf("%q is not one of off, warn, require", text.Printable(word, 40))
}

// ErrRefused is wrapped by [Decision.Err].
var ErrRefused = errors.New("the endorsement key is refused by the policy")

// Policy is what an operator asks of chips.
type Policy struct {
	Mode Mode
	// Vendors are the vendor IDs of the chips that are wanted, such as "IFX"; all if
	// empty.
	Vendors []string
	// Allow is the list of EKs that are wanted; all if nil.
	Allow *AllowList
	// AllowVulnerable accepts, under [Warn], keys that anyone can compute.
	AllowVulnerable bool
}

// Decision is what the policy makes of a verdict.
type Decision struct {
	// Refused: nothing may be enrolled for this chip.
	Refused bool `json:"refused"`
	// Reasons are why it is refused, or what there is to be warned of. With neither
	// there are none.
	Reasons []Reason `json:"reasons"`
}

// Err is nil if the chip may be enrolled, and else says why not. It wraps [ErrRefused].
func (d Decision) Err() error {
	if !d.Refused {
		return nil
	}
	var list []string
	for _, r := range d.Reasons {
		list = append(list, r.Text)
	}
	return fmt.Errorf("%w: %s", ErrRefused, strings.Join(list, "; "))
}

// Codes of a [Decision].
const (
	CodeVerdict   = "verdict"
	CodeNotWanted = "vendor-not-allowed"
	CodeNotListed = "not-on-the-list"
	// CodeOwnCheck: the user's own program did not accept the chip.
	CodeOwnCheck = "own-check"
)

// Judge compares a verdict, and the chip that it is about, with the policy.
func (p Policy) Judge(v Verdict, e Evidence) Decision {
	d := Decision{Reasons: []Reason{}}
	if p.Mode == Off || p.Mode == "" {
		return d
	}
	if v.Verdict != Trusted {
		d.Reasons = append(d.Reasons, Reason{CodeVerdict, v.Summary()})
	}
	if maker := p.maker(v, e); len(p.Vendors) > 0 && !slices.ContainsFunc(p.Vendors, func(id string) bool { return strings.EqualFold(id, maker) }) {
		named := "it is a chip of " + maker
		if maker == "" {
			named = "it is a chip of an unknown maker"
		}
		d.Reasons = append(d.Reasons, Reason{CodeNotWanted, named + ", and only those of " + strings.Join(p.Vendors, ", ") + " are allowed"})
	}
	if p.Allow != nil && !p.Allow.Has(e.EK) {
		d.Reasons = append(d.Reasons, Reason{CodeNotListed, "its EK is not on the list of those that are allowed"})
	}
	switch {
	case p.Mode == Require:
		d.Refused = len(d.Reasons) > 0
	default:
		d.Refused = v.Verdict == Vulnerable && !p.AllowVulnerable
	}
	return d
}

// maker is the vendor ID of the chip: the certificate's, where its word counts, since
// the chip's own can be anything.
func (p Policy) maker(v Verdict, e Evidence) string {
	if v.Verdict == Trusted {
		if stored, err := identity.ParseEKCertificate(e.Certificate); err == nil {
			return stored.Facts(e.EK).TPMManufacturer
		}
	}
	return text.Printable(strings.TrimSpace(e.Manufacturer), 20)
}

// ParseVendors reads a list such as "IFX,STM". An ID that no maker of the table of roots
// has is an error, since it would refuse every chip.
func ParseVendors(list string) ([]string, error) {
	var ids []string
	for word := range strings.SplitSeq(list, ",") {
		id := strings.ToUpper(strings.TrimSpace(word))
		if !slices.Contains(VendorIDs(), id) {
			return nil, fmt.Errorf("%q is not the ID of a maker of TPMs; known are %s", text.Printable(word, 40), strings.Join(VendorIDs(), ", "))
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// VendorIDs lists the IDs of makers that there are roots of, sorted.
func VendorIDs() []string {
	var list []string
	for _, ids := range vendorIDs {
		list = append(list, ids...)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// AllowList is a set of endorsement keys by their hashes.
type AllowList struct{ hashes map[[sha256.Size]byte]bool }

// ParseAllowList reads one hash a line, SHA-256 in hex: of the TPM2B_PUBLIC, which is
// the registration ID in hex that read-ek shows, or of the key in DER (what openssl
// pkey -pubin -outform der writes), which other tools list. What follows the hash on its
// line, empty lines and lines that begin with # are ignored. Any other line is an error
// with its number: a list that was read in part would refuse good chips.
func ParseAllowList(data []byte) (*AllowList, error) {
	decoded, err := text.Decode(data)
	if err != nil {
		return nil, err
	}
	list := &AllowList{map[[sha256.Size]byte]bool{}}
	lines := bufio.NewScanner(bytes.NewReader(decoded.UTF8))
	for number := 1; lines.Scan(); number++ {
		fields := strings.FieldsFunc(lines.Text(), func(r rune) bool { return strings.ContainsRune(" \t,;\r", r) })
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		digits := strings.ReplaceAll(strings.TrimPrefix(strings.ToLower(strings.Trim(fields[0], `"`)), "0x"), ":", "")
		sum, err := hex.DecodeString(digits)
		if err != nil || len(sum) != sha256.Size {
			return nil, fmt.Errorf("line %d: %q is not a SHA-256 in hex (64 digits)", number, text.Printable(fields[0], 80))
		}
		list.hashes[[sha256.Size]byte(sum)] = true
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("a line is too long to hold a hash: %w", err)
	}
	if len(list.hashes) == 0 {
		return nil, errors.New("there is no hash in it, so every chip would be refused")
	}
	return list, nil
}

// Len is the number of hashes in the list.
func (l *AllowList) Len() int { return len(l.hashes) }

// Has tells whether an EK, a marshalled TPM2B_PUBLIC, is in the list.
func (l *AllowList) Has(ek []byte) bool {
	if l.hashes[sha256.Sum256(ek)] {
		return true
	}
	modulus, exponent, ok := identity.RSANumbers(ek)
	return ok && l.hashes[sha256.Sum256(chain.MarshalRSA(modulus, exponent))]
}
