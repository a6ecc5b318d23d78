package schema

import (
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"tpmdps/internal/spelling"
)

// pkcs11URI is where a key is on a token, as iot-identity-service reads it
// (pkcs11/src/lib.rs): of RFC 7512 it knows object, slot-id, token and pin-value,
// each by its very name, and ignores all other attributes.
type pkcs11URI struct {
	token, object, pin           string
	hasToken, hasSlot, hasObject bool
	// ignored are the attributes that IoT Edge does not read, in small letters and
	// with the place where they stand, such as ";pin-value" or "?pin-source".
	ignored []string
}

// PKCS11Form is what a PKCS #11 URI has to be, for those who write one.
const PKCS11Form = "it must have the form pkcs11:token=NAME;object=NAME?pin-value=PIN"

var slotForm = regexp.MustCompile(`^\+?[0-9]+$`)

// parsePKCS11 reads a URI. Its errors do not contain it, as it may hold a PIN.
func parsePKCS11(text string) (pkcs11URI, error) {
	var u pkcs11URI
	rest, ok := strings.CutPrefix(text, "pkcs11:")
	if !ok {
		return u, errors.New(PKCS11Form)
	}
	components, query, _ := strings.Cut(rest, "?")
	for c := range strings.SplitSeq(components, ";") {
		if err := u.component(c); err != nil {
			return u, err
		}
	}
	for c := range strings.SplitSeq(query, "&") {
		name, value, err := attribute(c, "pin-value")
		switch {
		case err != nil:
			return u, err
		case name == "pin-value":
			u.pin = value
		case name != "":
			u.ignored = append(u.ignored, "?"+strings.ToLower(name))
		}
	}
	if !u.hasSlot && !u.hasToken {
		return u, u.noToken()
	}
	return u, nil
}

// component reads one attribute of the path.
func (u *pkcs11URI) component(text string) error {
	name, value, err := attribute(text, "object", "slot-id", "token")
	if err != nil {
		return err
	}
	switch name {
	case "object":
		u.object, u.hasObject = value, true
	case "token":
		u.token, u.hasToken = value, true
	case "slot-id":
		if _, err := strconv.ParseUint(strings.TrimPrefix(value, "+"), 10, 64); err != nil || !slotForm.MatchString(value) {
			return errors.New("its slot-id is not a decimal number")
		}
		u.hasSlot = true
	case "":
	default:
		u.ignored = append(u.ignored, ";"+strings.ToLower(name))
	}
	return nil
}

// attribute splits NAME=VALUE. The value of one that IoT Edge reads has to be
// UTF-8.
func attribute(text string, known ...string) (name, value string, err error) {
	name, value, _ = strings.Cut(text, "=")
	name, value = percentDecode(name), percentDecode(value)
	if slices.Contains(known, name) && !utf8.ValidString(value) {
		return "", "", errors.New("its " + name + " is not UTF-8")
	}
	return name, value, nil
}

// noToken is the error of a URI that names neither a token nor a slot, with the
// name that was perhaps meant.
func (u pkcs11URI) noToken() error {
	for _, name := range u.ignored {
		near := spelling.Slip(name[1:], []string{"token", "slot-id"})
		if name == ";slot" {
			near = "slot-id"
		}
		if near != "" {
			return errors.New("it names neither a token nor a slot: IoT Edge reads " + near + "=, in this spelling and before the ?, alone")
		}
	}
	return errors.New("it names neither a token nor a slot; " + PKCS11Form)
}

// checkPKCS11 accepts a URI that IoT Edge reads, with the PIN that is in it.
func checkPKCS11(s string) error {
	u, err := parsePKCS11(s)
	switch {
	case err != nil:
		return err
	case slices.Contains(u.ignored, ";pin-value"), slices.Contains(u.ignored, "?pin-value"):
		return errors.New("IoT Edge drops the PIN: it is written pin-value=, in lower case, after a ?")
	case u.pin == "" && (slices.Contains(u.ignored, "?pin-source") || slices.Contains(u.ignored, ";pin-source")):
		return errors.New("IoT Edge does not read pin-source and does not log in; it reads pin-value= after a ?")
	}
	return nil
}

// doubtPKCS11 is what is odd in a URI that IoT Edge reads, "" if nothing is.
func doubtPKCS11(s string) string {
	u, err := parsePKCS11(s)
	switch {
	case err != nil:
		return ""
	case u.hasSlot && u.hasToken:
		return "with both a slot-id and a token, IoT Edge ignores the token"
	case strings.Contains(u.token+u.object, "&"), strings.Contains(u.token+u.object, "pin-value="):
		return "attributes before the ? are separated by ; and not by &, so that a name goes on after it"
	case strings.Contains(u.pin, ";") && strings.Contains(u.pin, "="):
		return "attributes after the ? are separated by & and not by ;, so that the PIN goes on after it"
	}
	return ""
}

// doubtKeyURL is the same for a key, which has a name on its token.
func doubtKeyURL(s string) string {
	if why := doubtPKCS11(s); why != "" {
		return why
	}
	if u, err := parsePKCS11(s); err == nil && !u.hasObject {
		return "it names no object=, so that IoT Edge uses the first key that it finds on the token"
	}
	return ""
}

// checkKeyURL accepts where a key may be: PreloadedKeyLocation of
// aziot-keys-common, which wants the scheme in small letters.
func checkKeyURL(s string) error {
	switch scheme, _, _ := strings.Cut(s, ":"); {
	case scheme == "pkcs11":
		return checkPKCS11(s)
	case scheme == "file":
		return checkFileURL(s)
	case strings.EqualFold(strings.TrimSpace(scheme), "file"), strings.EqualFold(strings.TrimSpace(scheme), "pkcs11"):
		return errors.New("its scheme must be in lower case, with no blank before it: for a key, IoT Edge compares it as it is written")
	}
	return errors.New("it must start with file:/// or with the scheme pkcs11")
}

// checkCAKeyURL accepts where the key of the edge CA may be. IoT Edge reads that as
// a URL first, which makes the scheme small.
func checkCAKeyURL(s string) error { return checkKeyURL(smallScheme(s)) }

func doubtCAKeyURL(s string) string { return doubtKeyURL(smallScheme(s)) }

func smallScheme(s string) string {
	s = strings.TrimFunc(s, func(r rune) bool { return r <= ' ' })
	if scheme, rest, ok := strings.Cut(s, ":"); ok {
		return strings.ToLower(scheme) + ":" + rest
	}
	return s
}
