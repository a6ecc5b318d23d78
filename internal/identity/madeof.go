package identity

import "strings"

// MadeOf says in which form a registration ID is made of a key, a TPM2B_PUBLIC:
// base32 or hex, "" if it is not. DPS does not tell capital from small letters.
func MadeOf(id string, public []byte) string {
	switch ids := RegistrationIDs(public); {
	case strings.EqualFold(id, ids.Base32):
		return "base32"
	case strings.EqualFold(id, ids.Hex):
		return "hex"
	}
	return ""
}

// IsForeign tells whether an ID is made of another key than this one, or has such
// a part, as those of a template do (line7-{ek32}). It is that of another machine,
// or of this chip before it was cleared. A name is never foreign.
func IsForeign(id string, public []byte) bool {
	for part := range strings.FieldsFuncSeq(strings.ToLower(id), isSeparator) {
		if IsDerived(part) && MadeOf(part, public) == "" {
			return true
		}
	}
	return false
}

// isSeparator tells the characters of an ID that no derived ID has.
func isSeparator(r rune) bool { return strings.ContainsRune("-._:", r) }
