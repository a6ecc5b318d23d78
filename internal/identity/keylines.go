package identity

import (
	"encoding/base64"
	"regexp"
	"strings"
)

// keyStart is how the base64 of every L-1 key begins.
const keyStart = "AToAAQALAAMAsgAg"

var (
	// markup is what web pages have between lines.
	markup = regexp.MustCompile(`<[^<>\n]*>|\^M`)
	// keyLine is a line with a piece of a key: with its number before it, in a frame,
	// in quotes, or with what puts two strings together.
	keyLine = regexp.MustCompile(`^(?:\s*\d{1,4}[\t :|.)]\s*)?[^A-Za-z0-9+/_-]*([A-Za-z0-9+/_-]+)(={0,2})[^A-Za-z0-9+/=]*$`)
	// emptyLine has a frame at most.
	emptyLine = regexp.MustCompile(`^[^A-Za-z0-9+/]*$`)
)

// keyInLines puts a key together from its lines, where something else stands before
// them, beside them and after them. That the pieces are all there, and nothing else,
// is told by the length, which has to be that of a key exactly.
func keyInLines(text string) []byte {
	at := strings.Index(text, keyStart)
	if at < 0 {
		return nil
	}
	added := at > 0 && text[at-1] == '+' // a line of a patch
	var pieces strings.Builder
	for line := range strings.Lines(markup.ReplaceAllString(text[at:], "\n")) {
		line = strings.TrimRight(line, "\r\n")
		if added {
			line = strings.TrimPrefix(line, "+")
		}
		if emptyLine.MatchString(line) {
			continue
		}
		m := keyLine.FindStringSubmatch(line)
		if m == nil {
			return nil
		}
		pieces.WriteString(m[1])
		if m[2] != "" || pieces.Len() >= base64.RawStdEncoding.EncodedLen(ekSize) {
			break
		}
	}
	ek, err := base64.RawStdEncoding.DecodeString(escapes.Replace(pieces.String()))
	if err != nil || !isL1(ek) {
		return nil
	}
	return ek
}
