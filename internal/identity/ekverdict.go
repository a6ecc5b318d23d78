package identity

import (
	"errors"
	"slices"
	"unicode/utf8"

	"tpmdps/internal/text"
)

// EKVerdict is what a record keeps of the verdict on its EK (docs/ek-trust.md).
type EKVerdict struct {
	// Verdict is one word: "trusted", "unknown", "absent", "untrusted", "mismatch" or
	// "vulnerable".
	Verdict string `json:"verdict"`
	// Reasons are why.
	Reasons []EKReason `json:"reasons"`
	// Vendor is the maker whose root vouches for the EK, "" where none of the known does.
	Vendor string `json:"vendor"`
	// MissingURL is where a certificate that would tell more is to be had, or "".
	MissingURL string `json:"missing_url"`
	// Weaknesses are the CVE numbers that the chip's firmware is known for.
	Weaknesses []string `json:"weaknesses"`
}

// EKReason is why a verdict is as it is.
type EKReason struct {
	Code string `json:"code"` // for scripts, such as "signature"
	Text string `json:"text"` // for people
}

// Bounds of a verdict in a file: the longest that is written has three reasons.
const (
	maxVerdictTexts = 20
	maxVerdictText  = 2000 // bytes
)

// check refuses a verdict that no version of the program writes: what it says is shown
// on terminals.
func (v *EKVerdict) check() error {
	if v == nil {
		return nil
	}
	texts := append([]string{v.Verdict, v.Vendor, v.MissingURL}, v.Weaknesses...)
	for _, r := range v.Reasons {
		texts = append(texts, r.Code, r.Text)
	}
	if len(texts) > 3+2*maxVerdictTexts || slices.ContainsFunc(texts, func(s string) bool {
		return len(s) > maxVerdictText || !utf8.ValidString(s) || text.Printable(s, maxVerdictText) != s
	}) {
		return errors.New("ek_verdict is not one that read-ek writes")
	}
	return nil
}
