package manifest

import (
	"fmt"
	"strings"
	"unicode"

	"tpmdps/internal/identity"
	"tpmdps/internal/text"
)

// bare is a name without blanks and control characters, which scanners add at the
// ends and people in between, and without case.
func bare(name string) string {
	return strings.ToLower(strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.IsControl(r) || !text.Visible(r) {
			return -1
		}
		return r
	}, name))
}

// CheckLabel compares a code that was scanned from a box with what was read from it:
// it has to be the registration ID or the serial number, whatever the blanks and the
// case. The error wraps [ErrLabelMismatch].
func CheckLabel(scanned string, r identity.Record) error {
	code := bare(scanned)
	if code != "" && (code == bare(r.RegistrationID) || code == bare(r.Host.Serial)) {
		return nil
	}
	own := "registration ID " + text.Printable(r.RegistrationID, 128)
	if r.Host.Serial != "" {
		own += " and serial number " + text.Printable(r.Host.Serial, 80)
	}
	return fmt.Errorf("%w: %q was scanned, and this box has the %s", ErrLabelMismatch, text.Printable(scanned, 140), own)
}
