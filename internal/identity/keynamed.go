package identity

import (
	"fmt"
	"regexp"
	"strings"

	"tpmdps/internal/text"
)

// named recognises texts that are not a key, but something that people have beside
// one.
func named(body string) error {
	compact := strings.ToLower(strings.Join(strings.Fields(body), ""))
	hexed := strings.TrimPrefix(compact, "0x")
	e := &FormatError{Advice: readAgain}
	switch {
	case compact == "14963e8f3ba5b3984110b3c1ca8e8b89":
		e.Is = "the placeholder from the az command's help"
	case IsDerived(hexed):
		e.Is, e.Advice = "a registration ID, not a key", "it is the SHA-256 of a key, from which no key can be made; "+readAgain
	case objectName.MatchString(hexed):
		e.Is, e.Advice = "the name of a TPM's key, not the key", "it is the SHA-256 of a key, from which no key can be made; "+readAgain
	case isSecret(compact):
		e.Is = "a connection string or a token, which must be kept secret, not a key"
	case keyHandle.MatchString(compact):
		e.Is = "the handle of a key in a TPM, not the key"
	case fingerprint.MatchString(hexed):
		e.Is = "a hash, a fingerprint or the like, not a key"
	case strings.HasPrefix(compact, "https://"), strings.HasPrefix(compact, "http://"):
		e.Is = "the address of a web page, not a key"
	case oddHex.MatchString(hexed) && len(hexed) < 2*ekSize && len(hexed)%2 == 1:
		e.Is, e.Advice = fmt.Sprintf("cut short: %d of %d characters", len(hexed), 2*ekSize), copyWhole
	case strings.HasPrefix(compact, strings.ToLower(keyStart)) && !strings.Contains(body, keyStart[:8]):
		e.Is, e.Advice = "base64 that lost the difference between capital and small letters", copyWhole
	case strings.HasPrefix(compact, "aaaab3nzac1"), strings.HasPrefix(compact, "ssh-"):
		e.Is = "an SSH public key"
	case compact == "null" || compact == "none" || compact == "undefined" || compact == "<nil>":
		e.Is = "empty: the text says " + compact
	case strings.Contains(compact, "asnencodeddata"):
		e.Is, e.Advice = "the name of a .NET type, not a key", "in PowerShell: (Get-TpmEndorsementKeyInfo).PublicKey.Format($true); or "+readAgain
	case scopeForm.MatchString(strings.TrimSpace(body)):
		e.Is = "an ID scope, not a key"
	case len(body) <= maxID && strings.ContainsAny(body, "-._:") && CheckRegistrationID(strings.ToLower(body)) == nil && !fileEnding.MatchString(body) && !hexList.MatchString(body):
		e.Is = fmt.Sprintf("a name such as a registration ID (%s), not a key", text.Printable(body, 60))
	default:
		return nil
	}
	return e
}

// objectName is TPM 2.0 Part 1, 16: the name algorithm and the digest.
var objectName = regexp.MustCompile(`^000b[0-9a-f]{64}$`)

var (
	keyHandle   = regexp.MustCompile(`^(?:0x)?8[01][0-9a-f]{6}$`) // TPM 2.0 Part 2, 7.2
	fingerprint = regexp.MustCompile(`^(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{96}|[0-9a-f]{128})$`)
	oddHex      = regexp.MustCompile(`^013a0001000b[0-9a-f]+$`)
)

// isSecret recognises what the service's API is called with, without white space and
// in small letters.
func isSecret(compact string) bool {
	return strings.Contains(compact, "sharedaccesskey=") || strings.HasPrefix(compact, "sharedaccesssignature")
}
