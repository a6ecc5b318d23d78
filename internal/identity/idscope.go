package identity

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"tpmdps/internal/text"
)

// ErrIDScope is returned, wrapped with the reason, for a text that cannot be an ID
// scope.
var ErrIDScope = errors.New("invalid ID scope")

// CheckIDScope refuses what cannot be an ID scope: an empty text, one with a blank
// or another character that is not to be seen, and a host name or URL. No document
// says what form one has, so a form that has never been seen is left to
// [UnusualIDScope]. The error wraps [ErrIDScope].
func CheckIDScope(scope string) error {
	reason := ""
	switch {
	case scope == "":
		reason = "it is empty"
	case strings.TrimSpace(scope) != scope:
		reason = "there is a space at its start or end"
	case strings.ContainsFunc(scope, invisible):
		reason = "there is a blank or an invisible character in it"
	case strings.Contains(scope, "://"), hostForm.MatchString(scope), strings.Contains(strings.ToLower(scope), "azure-devices"):
		reason = "that is a host name; the ID scope is next to it on the overview page of the service, as 0ne and eight more characters"
	default:
		return nil
	}
	return fmt.Errorf("%w %q: %s", ErrIDScope, text.Printable(scope, 60), reason)
}

// hostForm is a name in several parts, or one with a port.
var hostForm = regexp.MustCompile(`^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)+\.?(:[0-9]+)?/?$|^[A-Za-z0-9_-]+:[0-9]+$`)

// invisible is true for blanks, control characters and those without a width.
func invisible(r rune) bool {
	return unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Cf, r)
}

var scopeForm = regexp.MustCompile(`^0[0-9a-z]{2}[0-9A-Fa-f]{8}$`)

// UnusualIDScope says what is unusual in an ID scope that [CheckIDScope] accepts,
// "" if it looks like those that are known: eleven characters, such as 0ne0012AB34
// (the digit 0, two that name the cloud, eight hex digits). It names the usual
// slips: a letter O for the zero, a part lost in copying, the name of the service
// instead. It is a reason to warn, never to refuse.
func UnusualIDScope(scope string) string {
	switch {
	case scopeForm.MatchString(scope):
		return ""
	case strings.ContainsAny(scope, "\"'“”„‘’«»"):
		return "it has quotes around it or in it"
	case len(scope) == 11 && strings.HasPrefix(strings.ToLower(scope), "one"):
		return fmt.Sprintf("it starts with the letter O and not with the digit 0; did you mean %q?", "0ne"+scope[3:])
	case len(scope) == 11 && strings.ContainsAny(scope[3:], "oO"):
		return "it has a letter O where the digit 0 is usual"
	case utf8.RuneCountInString(scope) != 11:
		return fmt.Sprintf("it has %d characters, and an ID scope usually 11, such as 0ne0012AB34", utf8.RuneCountInString(scope))
	}
	return "an ID scope is usually 0, two lower-case letters, and eight hex digits, such as 0ne0012AB34"
}
