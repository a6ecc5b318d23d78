package edge

import (
	"errors"
	"strings"
	"sync"

	"tpmdps/internal/tomledit"
)

// concealer keeps what may be a secret in a file out of what is said about the file:
// whatever a broken file makes of a value (a key, a table, the line to type), no
// piece of it is shown. It goes line by line, since that holds for any text, and by
// the names that mean something harmless wherever they may stand.
type concealer struct{ hidden, shown string }

// pieceLength is how many characters in a row are a piece of something. Below it
// are words.
const pieceLength = 8

// concealing reads a file.
func concealing(data []byte) concealer {
	var r lineReader
	for line := range strings.Lines(string(data)) {
		r.line(strings.TrimRight(line, "\r\n"))
	}
	if doc, err := tomledit.Parse(data); err == nil {
		r.shown.Write(mask(data, nil))  // here a name is a name
		for _, e := range hidden(doc) { // as they are without quotes and escapes
			if _, ok := lookupPlain(e.Path[:len(e.Path)-1]); !ok || !harmlessName(e.Path[len(e.Path)-1]) {
				r.hidden.WriteString(e.Text + "\n" + strings.Join(e.Items, "\n") + "\n")
			}
		}
	}
	return concealer{r.hidden.String(), ownTexts + r.shown.String()}
}

// lineReader sorts the lines of a file by what can be shown of them.
type lineReader struct {
	passage
	within        string // the quotes of the text that goes over several lines
	hidden, shown strings.Builder
}

func (r *lineReader) line(text string) {
	trimmed := strings.TrimSpace(nothing.ReplaceAllString(blanks.ReplaceAllString(text, " "), ""))
	inside := r.within != ""
	r.quotes(text)
	m := settingLine.FindStringSubmatch(trimmed)
	if m == nil {
		m = pair.FindStringSubmatch(trimmed) // YAML
		if m != nil {
			m = []string{m[0], m[2], m[3]}
		}
	}
	switch {
	case inside:
		r.hidden.WriteString(text + "\n")
	case trimmed == "", trimmed[0] == '#':
	case m != nil && !r.closed && r.within == "" && harmlessName(m[1]):
		value, comment := word(m[2])
		if text := completeText.FindStringSubmatch(value); text != nil && leftover.MatchString(text[2]) {
			value = text[1]
		}
		if bare := strings.Trim(curly.Replace(value), "\"'"); !plain(bare) || strings.ContainsAny(bare, "\"'=") {
			r.hidden.WriteString(m[2] + "\n")
			return
		}
		r.shown.WriteString(m[1] + " = " + value + "\n")
		r.hidden.WriteString(comment + "\n")
	case m != nil && isName(m[1]):
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

// harmlessName reports whether a name, or the one that it is a slip of, holds no
// secret wherever it stands.
func harmlessName(name string) bool {
	name = strings.Trim(strings.TrimSpace(name), `"'`)
	if now, ok := formerly[name]; ok {
		name = now
	}
	if _, ok := onlyPlace(name); ok {
		return true
	}
	near, ok := nearest(name, allNames())
	if ok {
		_, ok = onlyPlace(near)
	}
	return ok
}

// isName reports whether IoT Edge has a key of that name.
func isName(name string) bool {
	return len(places(func(k key) bool { return k.called(strings.TrimSpace(name)) })) > 0
}

// allNames are those of all keys.
var allNames = sync.OnceValue(func() []string {
	var all []string
	for _, p := range places(func(key) bool { return true }) {
		all = append(all, p.key.name)
	}
	return all
})

// ownTexts are in messages and in files alike.
var ownTexts = func() string {
	texts := []string{"https://", "file:///", "pkcs11:", "slot-id=", "pin-source", pkcs11Form, "HostPort = ", "device:/dev/tpmrm0", DefaultGlobalEndpoint, "HostName=", "IoT Edge", "provisioning", "device-id"}
	for _, p := range places(func(key) bool { return true }) {
		texts = append(append(append(texts, p.key.name, p.key.alias, p.key.stub, p.String()), p.table...), p.key.values...)
	}
	for old, now := range formerly {
		texts = append(texts, old, now)
	}
	return strings.Join(texts, "\n") + "\n"
}()

// text is a text without pieces of what is hidden.
func (c concealer) text(s string) string {
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

func (c concealer) piece(s string) bool {
	return strings.Contains(c.hidden, s) && !strings.Contains(c.shown, s)
}

// error conceals in the message of a parser.
func (c concealer) error(err error) error {
	var at *tomledit.SyntaxError
	if !errors.As(err, &at) {
		return err
	}
	said := *at
	said.Message = c.text(at.Message)
	return &said
}
