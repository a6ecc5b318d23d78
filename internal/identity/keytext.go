package identity

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"html"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"tpmdps/internal/text"
)

// maxEKText bounds what is looked at: a PEM certificate is under 4 KiB. A record
// may be longer, for the certificates in it.
const maxEKText = 16 << 10

// maxDepth bounds texts in texts: a key in a JSON string in a JSON object, in hex
// in base64.
const maxDepth = 4

// ParseEndorsementKey reads an EK that a person or a program has written down: the
// one reader for every place where a key is handed in.
//
// It accepts the marshalled TPM2B_PUBLIC in any spelling that keeps all of it:
// base64 (also URL-safe, wrapped, without its padding), hex (also with separators,
// as a dump or as a list of numbers), in quotes, after a label, in the JSON of a
// record, of IoT Edge's TPM daemon or of DPS.
//
// Everything else is a [*FormatError] that names what it is. It has the right key
// where that follows from what was given: the modulus with the L-1 template.
func ParseEndorsementKey(text string) ([]byte, error) {
	if ek := keyAsWritten(text); ek != nil {
		return ek, nil
	}
	return readKeyText(text, 0)
}

// keyAsWritten reads a key as this program writes it, as nearly all are in a batch,
// without looking for the other spellings, which takes far longer; nil is any other text.
func keyAsWritten(text string) []byte {
	if len(text) != keyCharacters || !strings.HasPrefix(text, "AToA") { // no digits of hex
		return nil
	}
	ek, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || CheckEndorsementKey(ek) != nil {
		return nil
	}
	return ek
}

func readKeyText(text string, depth int) ([]byte, error) {
	text = strings.TrimSpace(visible(text))
	switch {
	case depth > maxDepth:
		return nil, &FormatError{Is: "nested too deep: a text in a text in a text", Advice: readAgain}
	case len(text) > maxEKText && !(strings.HasPrefix(text, "{") && len(text) <= maxRecord):
		return nil, &FormatError{Is: fmt.Sprintf("%d characters long", len(text)), Advice: readAgain}
	case text == "":
		return nil, &FormatError{Is: "empty", Advice: readAgain}
	}
	for _, read := range []func(string, int) ([]byte, error){keyInNumbers, keyInJSON, keyInPEM, keyInReadPublic, keyInEscapes} {
		if ek, err := read(text, depth); ek != nil || err != nil {
			return ek, err
		}
	}
	ek, err := keyInBody(unlabelled(text), depth)
	if ek == nil && !isNamed(err) {
		if lines := keyInLines(text); lines != nil {
			return lines, CheckEndorsementKey(lines)
		}
		if found, judgement := keyAmongOthers(text); found != nil || judgement != nil {
			return found, judgement
		}
	}
	return ek, err
}

// wholeKey is a key in the midst of a text, such as a row of a table or a line of
// a log: what comes before the modulus tells it from everything else. It is that
// only if it has the length of one, in base64 without padding or in hex.
var wholeKey = regexp.MustCompile(`AToAAQALAAMAsgAgg3GXZ0SEs[/_]gakMyNRqXXJP1S124GUgtk8qHaGzMUaaoABgCAAEMAEAgAAAAAAAEA[A-Za-z0-9+/_-]+|(?i:013a0001000b000300b20020[0-9a-f]+)`)

var lengthsOfKeys = []int{base64.RawStdEncoding.EncodedLen(ekSize), hex.EncodedLen(ekSize)}

// keyAmongOthers finds the one key in a text that has other things, too. It
// returns nothing where there is none, or more than one.
func keyAmongOthers(text string) (one []byte, judgement error) {
	for _, at := range wholeKey.FindAllStringIndex(text, -1) {
		switch {
		case at[1]-at[0] < slices.Min(lengthsOfKeys):
			continue // cut off
		case !slices.Contains(lengthsOfKeys, at[1]-at[0]), continuesKey.MatchString(text[at[1]:]):
			return nil, nil
		}
		ek, err := keyInBody(text[at[0]:at[1]], maxDepth)
		if one != nil && !bytes.Equal(one, ek) || judgement != nil {
			return nil, judgement
		}
		one, judgement = ek, err
	}
	return one, judgement
}

var continuesKey = regexp.MustCompile(`^[A-Za-z0-9+/_-]`)

// keyInBody reads a key that is nothing but its digits.
func keyInBody(body string, depth int) ([]byte, error) {
	if err := named(body); err != nil {
		return nil, err
	}
	if ek, err := keyInHex(body, depth); ek != nil || err != nil {
		return ek, err
	}
	compact := fromEscapes(body)
	raw, err := base64.RawStdEncoding.DecodeString(compact)
	if err == nil {
		ek, judgement := judge(raw, len(strings.Join(strings.Fields(body), "")), keyCharacters, depth)
		if ek == nil && strings.Contains(body, " ") {
			return lostPlus(body, judgement)
		}
		return ek, judgement
	}
	return nil, notBase64(body, compact)
}

// keyCharacters is how long a key is in base64, with the padding that readers
// count as a part of it.
const keyCharacters = (ekSize + 2) / 3 * 4

// shortestKey is less than a key of any kind has, in characters.
const (
	shortestKey = 64
	tooShort    = "something else, such as a serial number: too short for a key"
)

// judge says whether these bytes are a usable key. They may be a text themselves.
// How many characters they were, and how many it should be, tells a person what
// is missing.
func judge(b []byte, have, want, depth int) ([]byte, error) {
	err := CheckEndorsementKey(b)
	if err == nil {
		return b, nil
	}
	if text, ok := readable(b); ok {
		if ek, inner := readKeyText(text, depth+1); ek != nil || isNamed(inner) {
			return ek, inner
		}
	}
	var format *FormatError
	if errors.As(err, &format) && format.unknown && have < shortestKey {
		format.Is = tooShort
	}
	if format != nil && format.cut {
		if len(b) > ekSize {
			format.Is += ": something follows the key"
		} else {
			format.Is += fmt.Sprintf(": %d of %d characters", have, want)
		}
	}
	return nil, err
}

// isNamed tells whether an error has found out which key it is.
func isNamed(err error) bool {
	var format *FormatError
	return errors.As(err, &format) && (format.Convert != "" || format.Differs != "" || format.cause != nil)
}

// readable returns bytes that are a text of ASCII, also one in UTF-16.
func readable(b []byte) (string, bool) {
	const shortest = 16
	var text strings.Builder
	for i, c := range b {
		switch {
		case c == 0 && i%2 == 1 && len(b)%2 == 0:
		case c >= ' ' && c < 0x7f || c == '\n' || c == '\r' || c == '\t':
			text.WriteByte(c)
		default:
			return "", false
		}
	}
	return text.String(), text.Len() >= shortest
}

// visible drops what people cannot see and therefore do not know of, and makes
// plain characters of what word processors and mail put in their place.
func visible(text string) string {
	if strings.Contains(text, "\x1b") || strings.Contains(text, "^[[") {
		text = colour.ReplaceAllString(text, "")
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\u00ad', r == '\ufffd', unicode.Is(unicode.Cf, r), unicode.IsControl(r) && !unicode.IsSpace(r) && r != 0: // zero-width, byte order mark
			return -1
		case unicode.IsSpace(r) && r != '\n' && r != '\r' && r != '\t', r == '\u2800', r == 0:
			return ' '
		case r >= '\u2018' && r <= '\u201b', r == '\u2039', r == '\u203a', r == '\u00b4':
			return '\''
		case r >= '\u201c' && r <= '\u201f', r == '\u00ab', r == '\u00bb', r == '\uff02':
			return '"'
		case r >= '\u2010' && r <= '\u2015', r == '\u2212':
			return '-'
		case r >= '\uff01' && r <= '\uff5e': // full width
			return r - '\uff01' + '!'
		}
		return r
	}, strings.ToValidUTF8(text, ""))
}

// colour is what a terminal acts on (ECMA-48, 5.4), as it is or as cat -v shows it.
var colour = regexp.MustCompile(`(?:\x1b|\^\[)\[[0-?]*[ -/]*[@-~]`)

// wrapping are the characters around a key that are not a part of it.
const wrapping = " \t\r\n\"'`,;<>()[]{}"

var (
	// keyLabel is a label for this very key, at the start of a line.
	keyLabel = regexp.MustCompile(`(?im)^["'\s{-]*(?:tpm[ _-]?)?(?:endorsement[ _-]?(?:public[ _-]?)?key|ek[ _-]?pub(?:lic)?(?:[ _-]?key)?|ek)(?:[ _]?\((?:base64|hex|tpm2b_public)\))?["']?(?:\s*(?:=>|:=|:|=)\s*|\s+)`)
	// anyLabel is any other label that may stand before a key.
	anyLabel = regexp.MustCompile(`(?i)^["']?[a-z][a-z0-9 _./()-]{0,40}["']?\s*(?:=>|:=|:|=)\s*`)
	// labelWord tells a label from digits of a key.
	labelWord = regexp.MustCompile(`(?i)key|pub|base64|hex|tpm|public|value|data|\bek\b|\bid\b`)
	// nextLabel begins what does not belong to the key any more.
	nextLabel = regexp.MustCompile(`(?im)^[ \t]*["']?[a-z][a-z0-9 _-]*[g-z][a-z0-9 _-]*["']?[ \t]*:(?:\s|$)|\n[ \t]*\r?\n`)
)

// unlabelled returns the key without a label before it, without quotes, and
// without what follows it.
func unlabelled(text string) string {
	if strings.Contains(text, "&") { // HTML; no key has it
		text = html.UnescapeString(text)
	}
	text = strings.ReplaceAll(text, `\"`, `"`)
	found := keyLabel.FindStringIndex(text)
	if found == nil {
		if found = anyLabel.FindStringIndex(text); found != nil && !labelWord.MatchString(text[:found[1]]) {
			found = nil
		}
	}
	if found != nil && len(strings.Trim(text[found[1]:], "= \t\r\n")) >= 4 {
		text = strings.TrimSpace(text[found[1]:])
		if end := nextLabel.FindStringIndex(text); end != nil && end[0] > 0 {
			text = text[:end[0]]
		}
	}
	if m := quoted.FindStringSubmatch(text); m != nil && len(m[1]) >= 100 {
		text = m[1]
	}
	text = strings.Trim(text, wrapping)
	if strings.HasPrefix(text, "b'") || strings.HasPrefix(text, `b"`) { // Python's bytes
		text = strings.Trim(text[1:], wrapping)
	}
	return text
}

// quoted is a key in quotes, and more after it; in a long text only.
var quoted = regexp.MustCompile(`^["']([A-Za-z0-9+/=_-]+)["']\s*[,;}\]]`)

// fromEscapes undoes what JSON, URLs, HTML and mail write for single characters,
// and makes standard base64 without white space and padding of it.
func fromEscapes(body string) string {
	body = joined.ReplaceAllString(body, "")
	for range maxDepth { // each program on the way may have escaped it once more
		plain, err := url.PathUnescape(body)
		if err != nil || !percent.MatchString(body) {
			break
		}
		body = plain
	}
	body = jsonEscape.ReplaceAllStringFunc(body, func(escape string) string {
		return string(rune(int(hexDigit(escape[4])<<4 | hexDigit(escape[5]))))
	})
	return escapes.Replace(body)
}

var (
	percent    = regexp.MustCompile(`(?i)%(?:25)*(?:2b|2f|3d|0a|0d|20)`)
	joined     = regexp.MustCompile(`["']\s*\+\s*["']`) // strings that were put together
	jsonEscape = regexp.MustCompile(`\\u00[0-9a-fA-F]{2}`)
	// Besides escapes: quotes between parts, marks of quoted mail at the start of a
	// line, and the two characters of URL-safe base64.
	escapes = strings.NewReplacer(`\n`, "", `\r`, "", `\t`, "", `\/`, "/", `\`, "", "=3D", "", "=", "", " ", "", "\n", "", "\r", "", "\t", "",
		`"`, "", "'", "", ",", "", ";", "", ">", "", "-", "+", "_", "/")
)

func hexDigit(c byte) byte {
	switch {
	case c >= 'a':
		return c - 'a' + 10
	case c >= 'A':
		return c - 'A' + 10
	}
	return c - '0'
}

// lostPlus is for base64 in which each + became a space, as in the query of a URL.
func lostPlus(body string, otherwise error) ([]byte, error) {
	raw, err := base64.RawStdEncoding.DecodeString(fromEscapes(strings.ReplaceAll(body, " ", "+")))
	if err != nil || !isL1(raw) {
		return nil, otherwise
	}
	return nil, converted(raw, "base64 in which every + became a space", "copy it without going through a URL")
}

var (
	outside    = regexp.MustCompile(`[^A-Za-z0-9+/]`)
	fileEnding = regexp.MustCompile(`(?i)^@|\.(?:pem|der|crt|cer|pub|bin|txt|jsonl?|ctx|b64|key|out|log|tss)$`)
)

// notBase64 says why a text cannot be read.
func notBase64(body, compact string) error {
	const longestName = 128
	switch bad := outside.FindString(compact); {
	case len(body) <= longestName && fileEnding.MatchString(body):
		return &FormatError{Is: fmt.Sprintf("the name of a file (%s), not a key", text.Printable(body, 60)), Advice: `give what is in the file: --ek "$(cat FILE)"`}
	case strings.Contains(body, "..."):
		return &FormatError{Is: `cut short: "..." stands for the rest of it`, Advice: copyWhole}
	case bad != "":
		return &FormatError{Is: fmt.Sprintf("not base64: the character %q cannot be in it", text.Printable(bad, 1)), Advice: copyWhole}
	case strings.HasPrefix(compact, "AToAAQ"):
		return &FormatError{Is: fmt.Sprintf("cut short: %d of %d characters", len(compact), keyCharacters), Advice: copyWhole}
	}
	return &FormatError{Is: "not base64: characters are missing", Advice: copyWhole}
}
