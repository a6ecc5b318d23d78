package redact

import (
	"bytes"
	"html"
	"strconv"
	"strings"
	"unicode/utf8"
)

// view is a text of which some coding has been undone: its bytes, and for each the
// part of the first text that it was made of.
type view struct {
	text     []byte
	from, to []int
}

func viewOf(text string) view {
	v := view{text: []byte(text), from: make([]int, len(text)), to: make([]int, len(text))}
	for i := range len(text) {
		v.from[i], v.to[i] = i, i+1
	}
	return v
}

// add puts bytes at the end that were made of v.text[at:at+n].
func (v *view) add(means string, of view, at, n int) {
	for i := range len(means) {
		v.text = append(v.text, means[i])
		v.from = append(v.from, of.from[at])
		v.to = append(v.to, of.to[at+n-1])
	}
}

func (v view) whole() view { return v }

// without is the text without a filler.
func (v view) without(filler string) view {
	var out view
	for i := 0; i < len(v.text); {
		if strings.HasPrefix(string(v.text[i:min(len(v.text), i+len(filler))]), filler) {
			i += len(filler)
			continue
		}
		out.add(string(v.text[i:i+1]), v, i, 1)
		i++
	}
	return out
}

// joined is the text as one line and without zero bytes, since a line may end within
// an escape, and UTF-16 has a zero in it.
func (v view) joined() view {
	if bytes.IndexByte(v.text, '\n') < 0 && bytes.IndexByte(v.text, 0) < 0 {
		return v
	}
	var out view
	var line lineStart
	for i, c := range v.text {
		if c != 0 && c != '\n' && c != '\r' && !line.marked(c) {
			out.add(string(v.text[i:i+1]), v, i, 1)
		}
		line.next(c)
	}
	return out
}

// lineStart tells what stands before the text of a line: in a trace, a diff, a
// comment, a quotation.
type lineStart struct {
	within bool
	mark   byte // what the line is marked with
	done   bool // a blank has followed the mark
}

// marked reports whether the next character is not part of the text.
func (l *lineStart) marked(c byte) bool {
	switch {
	case !l.within || l.done:
		return false
	case c == ' ' || c == '\t' || c == '+' && l.mark != 0: // a blank in a URL
		return true
	}
	return c == l.mark || l.mark == 0 && strings.IndexByte("<>|#*", c) >= 0
}

// next goes on after a character.
func (l *lineStart) next(c byte) {
	switch {
	case c == '\n':
		*l = lineStart{within: true}
	case c == 0 || c == '\r':
	case !l.marked(c):
		l.within = false
	case c == ' ' || c == '\t' || c == '+':
		l.done = l.mark != 0
	default:
		l.mark = c
	}
}

// unescaped undoes one layer of escapes. It reports whether there was one.
func (v view) unescaped() (out view, found bool) {
	n := len(v.text)
	out = view{make([]byte, 0, n), make([]int, 0, n), make([]int, 0, n)}
	for i := 0; i < n; {
		means, length := escape(v.text[i:])
		if length == 0 {
			means, length = string(v.text[i:i+1]), 1
		} else {
			found = true
		}
		out.add(means, v, i, length)
		i += length
	}
	return out, found
}

// longestEscape is that of an entity of HTML such as &#x0000002B; or a name.
const longestEscape = 12

// escape reads one escape at the start of a text: what it stands for, and its length,
// 0 if there is none.
func escape(text []byte) (means string, length int) {
	switch text[0] {
	case '%':
		if r, ok := hexRune(text, 1, 2); ok {
			return string([]byte{byte(r)}), 3
		}
		if len(text) > 1 && text[1] == 'u' {
			if r, ok := hexRune(text, 2, 4); ok {
				return string(r), 6
			}
		}
	case '\\':
		return backslash(text)
	case '&':
		return entity(text)
	}
	return "", 0
}

// backslash reads the escapes of JSON, Go, TOML, C and shells.
func backslash(text []byte) (string, int) {
	if len(text) < 2 {
		return "", 0
	}
	switch c := text[1]; c {
	case 'u', 'U', 'x':
		if c == 'u' && len(text) > 2 && text[2] == '{' {
			end := strings.IndexByte(string(text[3:min(len(text), 12)]), '}')
			if r, err := strconv.ParseUint(string(text[3:3+max(end, 0)]), 16, 32); err == nil {
				return string(rune(r)), end + 4
			}
		}
		digits := map[byte]int{'u': 4, 'U': 8, 'x': 2}[c]
		if r, ok := hexRune(text, 2, digits); ok {
			if c == 'x' {
				return string([]byte{byte(r)}), 4
			}
			return string(r), 2 + digits
		}
		return "", 0
	case 'n', 'r', 't', 'b', 'f', 'v', 'a', 'e':
		return map[byte]string{'n': "\n", 'r': "\r", 't': "\t", 'b': "\b", 'f': "\f", 'v': "\v", 'a': "\a", 'e': "\x1b"}[c], 2
	case '\n', '\r':
		return string(text[1:2]), 2 // the line goes on
	default:
		if c >= '0' && c <= '7' {
			return octal(text)
		}
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '8' && c <= '9' || c >= utf8.RuneSelf {
			return "", 0
		}
		return string(text[1:2]), 2
	}
}

func octal(text []byte) (string, int) {
	end := 1
	for end < min(len(text), 4) && text[end] >= '0' && text[end] <= '7' {
		end++
	}
	n, err := strconv.ParseUint(string(text[1:end]), 8, 8)
	if err != nil {
		return "", 0
	}
	return string([]byte{byte(n)}), end
}

// entity reads an escape of HTML.
func entity(text []byte) (string, int) {
	for i := 2; i < min(len(text), longestEscape); i++ {
		switch c := text[i]; {
		case c == ';':
			whole := string(text[:i+1])
			switch means := html.UnescapeString(whole); means {
			case whole:
				return "", 0
			case "\ufffd": // a zero
				return "\x00", i + 1
			default:
				return means, i + 1
			}
		case c != '#' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z'):
			return "", 0
		}
	}
	return "", 0
}

func hexRune(text []byte, at, n int) (rune, bool) {
	if len(text) < at+n {
		return 0, false
	}
	var r rune
	for _, c := range text[at : at+n] {
		d, ok := hexDigit(c)
		if !ok {
			return 0, false
		}
		r = r<<4 | rune(d)
	}
	return r, true
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10, true
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

func isHexAt(text []byte, at int) bool {
	if at >= len(text) {
		return false
	}
	_, ok := hexDigit(text[at])
	return ok
}
