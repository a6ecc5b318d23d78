package identity

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"tpmdps/internal/text"
)

// ErrRegistrationID is returned, wrapped with the reason, for a registration ID
// that DPS would refuse or that another tool would compare differently.
var ErrRegistrationID = errors.New("invalid registration ID")

// IDs are the two registration IDs that tools derive from an EK. Both are
// SHA-256 over the marshalled TPM2B_PUBLIC, size prefix included; they differ
// in spelling only.
type IDs struct {
	// Base32 is the spelling of the C, Node and Java SDKs: RFC 4648 base32 in
	// lower case without padding, 52 characters.
	Base32 string `json:"base32"`
	// Hex is the spelling of the documented Linux recipe: 64 hex digits.
	Hex string `json:"hex"`
}

// RegistrationIDs derives both IDs from the bytes of a TPM2B_PUBLIC.
func RegistrationIDs(ek []byte) IDs {
	sum := sha256.Sum256(ek)
	return spell(sum[:])
}

func spell(sum []byte) IDs {
	return IDs{
		Base32: strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum)),
		Hex:    hex.EncodeToString(sum),
	}
}

var (
	base32Form = regexp.MustCompile(`^(?i:[a-z2-7]+)$`)
	hexForm    = regexp.MustCompile(`^(?i:[0-9a-f]+)$`)
)

// IsDerived tells whether an ID has the form of one that is made of a key. Any
// other is a name, which only an enrollment can tie to a chip.
func IsDerived(id string) bool {
	return len(id) == 52 && base32Form.MatchString(id) || len(id) == hex.EncodedLen(sha256.Size) && hexForm.MatchString(id)
}

// CheckRegistrationID accepts what every source on the matter accepts: 1 to 128
// characters of a-z, 0-9 and "-", "." , "_" or ":", first one a letter or
// digit, last one a letter, a digit or "-" (DPS service.json and
// concepts-service). Capitals are refused, so that an ID is written in one way
// only: the service compares without case, and some SDKs sign the text as it is
// written. [FoldRegistrationID] accepts them.
func CheckRegistrationID(id string) error {
	if reason := refusal(id); reason != "" {
		return fmt.Errorf("%w %q: %s", ErrRegistrationID, text.Printable(id, 140), reason)
	}
	return nil
}

// FoldRegistrationID returns an ID in small letters, for where somebody else has
// written it: DPS and IoT Edge do not tell capitals from small letters. The error
// is that of [CheckRegistrationID].
func FoldRegistrationID(id string) (string, error) {
	folded := asciiLower(id)
	if reason := refusal(folded); reason != "" {
		return "", fmt.Errorf("%w %q: %s", ErrRegistrationID, text.Printable(id, 140), reason)
	}
	return folded, nil
}

const maxID = 128

// refusal is why an ID is refused, or "".
func refusal(id string) string {
	switch {
	case id == "":
		return "it is empty"
	case len(id) > maxID:
		return fmt.Sprintf("it has %d characters, DPS accepts %d at most", len(id), maxID)
	case strings.ContainsAny(id, "{}"):
		return "it is a template, and the ID itself is needed here"
	case strings.ToLower(id) != id && idChars.MatchString(strings.ToLower(id)):
		return fmt.Sprintf("it has capital letters; write %q", strings.ToLower(id))
	case !idChars.MatchString(id):
		return badCharacter(id)
	case !alphanumeric(id[0]):
		return "it must start with a letter or a digit"
	case !alphanumeric(id[len(id)-1]) && id[len(id)-1] != '-':
		return "it must end with a letter, a digit or -"
	}
	return ""
}

var idChars = regexp.MustCompile(`^[a-z0-9\-._:]+$`)

func alphanumeric(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= '0' && c <= '9'
}

// badCharacter is why a text with characters that DPS does not accept is refused.
func badCharacter(id string) string {
	for _, r := range id {
		if !idChars.MatchString(string(r)) {
			return fmt.Sprintf("%q is not a letter a-z, a digit or one of - . _ :", text.Printable(string(r), 1))
		}
	}
	return ""
}
