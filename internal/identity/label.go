package identity

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"tpmdps/internal/text"
)

// ErrLabel is returned, wrapped with the reason, for a label that a record
// cannot have.
var ErrLabel = errors.New("invalid label")

var labelChars = regexp.MustCompile(`^[a-z0-9_.-]+$`)

const maxLabelKey = 40 // characters

func isLabelKey(key string) bool { return len(key) <= maxLabelKey && labelChars.MatchString(key) }

const maxLabel = 200 // characters of a value

// CheckLabel accepts a label of a [Record]: a key of 1 to 40 characters of a-z,
// 0-9 and "_", "." or "-", and a value of 1 to 200 printable characters.
func CheckLabel(key, value string) error {
	reason := ""
	switch {
	case !isLabelKey(key):
		reason = "a key has 1 to 40 characters of a-z, 0-9 and _ . -"
	case value == "":
		reason = "its value is empty"
	case utf8.RuneCountInString(value) > maxLabel:
		reason = fmt.Sprintf("its value has %d characters, %d at most are allowed", utf8.RuneCountInString(value), maxLabel)
	case strings.ContainsFunc(value, func(r rune) bool { return !text.Visible(r) }):
		reason = "its value has characters that cannot be printed"
	default:
		return nil
	}
	return fmt.Errorf("%w %q: %s", ErrLabel, text.Printable(key, 40), reason)
}
