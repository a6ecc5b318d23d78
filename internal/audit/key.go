package audit

import (
	"bytes"
	"errors"
	"fmt"
)

// minKey is how many characters a key has to have: its sums stand in the open, so that
// a short one can be found by trying.
const minKey = 16

// ErrWeakKey is for a key that is too short to sign a trail with.
var ErrWeakKey = errors.New("the key is too short")

// ErrBlankKey is for a key of blanks alone.
var ErrBlankKey = errors.New("there are only blanks in it")

// CheckKey refuses a key that nothing should be signed with: [ErrBlankKey], or
// [ErrWeakKey].
func CheckKey(key []byte) error {
	switch {
	case len(bytes.TrimSpace(key)) == 0:
		return ErrBlankKey
	case len(key) < minKey:
		return fmt.Errorf("%w: it has %d characters, at least %d are needed; make one with: openssl rand -hex 32", ErrWeakKey, len(key), minKey)
	}
	return nil
}
