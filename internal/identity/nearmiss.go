package identity

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"fmt"
	"strings"
)

// slipLimit is how many characters of a derived ID can be wrong in one that was
// typed or read from a label. Two IDs that have nothing to do with each other
// differ in 30 and more.
const slipLimit = 14

// cutLimit is how much of an ID has to be left for a part of it to be known again:
// 16 characters are 80 bits in base32, 64 in hex.
const cutLimit = 16

// NearMiss tells whether an ID, or one part of it, is almost one that is made of a
// key: characters wrong, missing or swapped, a part cut off, separators put in.
// It returns the ID that is meant, and the slip in words; "" where the ID is the
// key's own in one of its forms, or has nothing to do with it.
func NearMiss(id string, public []byte) (own, slip string) {
	ids := RegistrationIDs(public)
	id = asciiLower(id)
	for _, own := range []string{ids.Base32, ids.Hex} {
		if id == own || hasPart(id, own) {
			return "", ""
		}
	}
	for _, own := range []string{ids.Base32, ids.Hex} {
		if strings.Map(dropSeparator, id) == own {
			return own, "without its separators it is the same"
		}
		if slip := slipOf(id, own); slip != "" {
			return own, slip
		}
		for part := range strings.FieldsFuncSeq(id, isSeparator) {
			if slip := slipOf(part, own); slip != "" && len(part) > len(own)-slipLimit {
				return own, slip
			}
		}
	}
	return "", ""
}

// hasPart tells whether an ID was made with a template that has the derived one.
func hasPart(id, own string) bool {
	for part := range strings.FieldsFuncSeq(id, isSeparator) {
		if part == own {
			return true
		}
	}
	return false
}

func dropSeparator(r rune) rune {
	if isSeparator(r) {
		return -1
	}
	return r
}

// slipOf says in words how a text came from an ID, "" if it did not.
func slipOf(text, own string) string {
	switch missing := len(own) - len(text); {
	case missing > 0 && len(text) >= cutLimit && strings.HasPrefix(own, text):
		return fmt.Sprintf("the last %s missing", characters(missing, "is", "are"))
	case missing > 0 && len(text) >= cutLimit && strings.HasSuffix(own, text):
		return fmt.Sprintf("the first %s missing", characters(missing, "is", "are"))
	case missing > slipLimit || -missing > slipLimit:
		return ""
	}
	n := edits(text, own)
	if n == 0 || n > slipLimit {
		return ""
	}
	at := 0
	for at < min(len(text), len(own)) && text[at] == own[at] {
		at++
	}
	where := fmt.Sprintf("from character %d on", at+1)
	if len(text) == len(own) {
		where = fmt.Sprintf("the first is character %d, %q for %q", at+1, text[at], own[at])
		if n == 1 {
			where = fmt.Sprintf("character %d is %q, not %q", at+1, text[at], own[at])
		}
	}
	return fmt.Sprintf("%s wrong, missing or too many; %s", characters(n, "is", "are"), where)
}

func characters(n int, one, many string) string {
	if n == 1 {
		return "1 character " + one
	}
	return fmt.Sprintf("%d characters %s", n, many)
}

// edits counts the characters that are wrong, missing, too many, or swapped with
// the next one (optimal string alignment).
func edits(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}

// Forms are the registration IDs that are made of a key, other than id. public nil
// stands for the key that id itself is made of, whose other form can be told from
// it; none where id is a name.
func Forms(id string, public []byte) []string {
	var all []string
	add := func(form string) {
		if !strings.EqualFold(form, id) {
			all = append(all, form)
		}
	}
	if public != nil {
		ids := RegistrationIDs(public)
		add(ids.Base32)
		add(ids.Hex)
		return all
	}
	if ids, ok := parseDerived(id); ok {
		add(ids.Base32)
		add(ids.Hex)
	}
	return all
}

// parseDerived reads the hash out of a derived ID.
func parseDerived(id string) (IDs, bool) {
	if !IsDerived(id) {
		return IDs{}, false
	}
	sum, err := hex.DecodeString(strings.ToLower(id))
	if len(id) == 52 {
		sum, err = base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(strings.ToUpper(id))
	}
	if err != nil || len(sum) != sha256.Size {
		return IDs{}, false
	}
	return spell(sum), true
}
