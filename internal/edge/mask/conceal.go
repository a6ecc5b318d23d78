package mask

import (
	"errors"
	"strings"
	"sync"

	"tpmdps/internal/edge/rawline"
	"tpmdps/internal/edge/schema"
	"tpmdps/internal/tomledit"
)

// Concealer keeps what may be a secret in a file out of every message about the file:
// whatever a broken file makes of a value (a key, a table, the line to type), no
// piece of it is shown. It goes line by line, since that holds for any text, and by
// the names that mean something harmless wherever they may stand.
type Concealer struct{ hidden, shown string }

// pieceLength is how many characters in a row are a piece of something. Below it
// are words.
const pieceLength = 8

// NewConcealer reads the file that messages will be about.
func NewConcealer(data []byte) Concealer {
	var r lineReader
	for line := range strings.Lines(string(data)) {
		r.line(strings.TrimRight(line, "\r\n"))
	}
	if doc, err := tomledit.Parse(data); err == nil {
		r.shown.Write(mask(data, nil))  // here a name is a name
		for _, e := range hidden(doc) { // as they are without quotes and escapes
			if _, ok := lookupPlain(e.Path[:len(e.Path)-1]); !ok || !schema.IsHarmless(e.Path[len(e.Path)-1]) {
				r.hidden.WriteString(e.Text + "\n" + strings.Join(e.Items, "\n") + "\n")
			}
		}
	}
	return Concealer{r.hidden.String(), ownTexts() + r.shown.String()}
}

// lineReader sorts the lines of a file by what can be shown of them.
type lineReader struct {
	passage
	within        string // the quotes of the text that goes over several lines
	hidden, shown strings.Builder
}

func (r *lineReader) line(text string) {
	trimmed := strings.TrimSpace(rawline.PlainBlanks(text))
	inside := r.within != ""
	r.quotes(text)
	m := rawline.Setting.FindStringSubmatch(trimmed)
	if m == nil {
		m = rawline.YAML.FindStringSubmatch(trimmed) // YAML
		if m != nil {
			m = []string{m[0], m[2], m[3]}
		}
	}
	switch {
	case inside:
		r.hidden.WriteString(text + "\n")
	case trimmed == "", trimmed[0] == '#':
	case m != nil && !r.closed && r.within == "" && schema.IsHarmless(m[1]):
		value, comment := rawline.Word(m[2])
		if text := rawline.Quoted.FindStringSubmatch(value); text != nil && rawline.Leftover.MatchString(text[2]) {
			value = text[1]
		}
		if bare := strings.Trim(rawline.PlainQuotes(value), "\"'"); !Plain(bare) || strings.ContainsAny(bare, "\"'=") {
			r.hidden.WriteString(m[2] + "\n")
			return
		}
		r.shown.WriteString(m[1] + " = " + value + "\n")
		r.hidden.WriteString(comment + "\n")
	case m != nil && schema.IsName(m[1]):
		r.hidden.WriteString(m[2] + "\n")
	case m != nil:
		r.closed = true
		r.hidden.WriteString(text + "\n")
	default:
		if _, known := r.passage.line(trimmed); !known || trimmed[0] != '[' {
			r.closed = true // who knows what follows
			r.hidden.WriteString(text + "\n")
		}
	}
}

// quotes follows the texts that go over several lines.
func (r *lineReader) quotes(text string) {
	for at := 0; at+3 <= len(text); at++ {
		switch three := text[at : at+3]; {
		case r.within == "" && (three == `"""` || three == "'''"):
			r.within = three
			at += 2
		case r.within == three && three != "":
			r.within = ""
			at += 2
		}
	}
}

// ownTexts are in messages and in files alike.
var ownTexts = sync.OnceValue(func() string {
	texts := []string{"https://", "file:///", "pkcs11:", "slot-id=", "pin-source", schema.PKCS11Form, "HostPort = ", "device:/dev/tpmrm0", schema.DefaultGlobalEndpoint, "HostName=", "IoT Edge", "provisioning", "device-id"}
	for _, p := range schema.Places(func(schema.Key) bool { return true }) {
		texts = append(append(append(texts, p.Key.Name, p.Key.Alias, p.Key.Stub, p.String()), p.Table...), p.Key.Values...)
	}
	for old, now := range schema.Formerly {
		texts = append(texts, old, now)
	}
	return strings.Join(texts, "\n") + "\n"
})

// Text is a text without pieces of what is hidden.
func (c Concealer) Text(s string) string {
	secret := make([]bool, len(s))
	for i := 0; i+pieceLength <= len(s); i++ {
		if c.piece(s[i : i+pieceLength]) {
			for k := i; k < i+pieceLength; k++ {
				secret[k] = true
			}
		}
	}
	var b strings.Builder
	for i := range len(s) {
		switch {
		case !secret[i]:
			b.WriteByte(s[i])
		case i == 0 || !secret[i-1]:
			b.WriteString(notShown)
		}
	}
	return b.String()
}

func (c Concealer) piece(s string) bool {
	return strings.Contains(c.hidden, s) && !strings.Contains(c.shown, s)
}

// Err conceals in the message of a parser.
func (c Concealer) Err(err error) error {
	var at *tomledit.SyntaxError
	if !errors.As(err, &at) {
		return err
	}
	concealed := *at
	concealed.Message = c.Text(at.Message)
	return &concealed
}
