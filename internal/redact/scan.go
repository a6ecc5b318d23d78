package redact

import (
	"strconv"
	"strings"
)

// scanner looks for pieces in the characters that it is fed.
type scanner struct {
	*marker
	v    view
	key  uint64
	last []part // of the piece, and of what is known before it
	run  int    // how many pieces, one a character, are known up to here
}

// part is where in a view a character comes from.
type part struct{ start, end int }

// feed adds a character that was made of v.text[start:end].
func (s *scanner) feed(c byte, start, end int) {
	s.key = s.key<<8 | uint64(normalByte[c])
	s.last = append(s.last, part{start, end})
	if len(s.last) < piece {
		return
	}
	long := piece
	switch {
	case s.set.pieces.has(s.key):
	case s.set.coded.has(s.key):
		long = needed(s.key)
	case s.run > 0 && dull(s.key): // it was left out, wherever it stands in a secret
		return
	default:
		s.run = 0
		s.keep()
		return
	}
	if s.run++; s.run+piece-1 >= long {
		s.found()
		s.padding(s.v, end)
	}
}

// found marks all that is known.
func (s *scanner) found() {
	for k, at := range s.last {
		s.mark(s.v.from[at.start], s.v.to[at.end-1])
		if k > 0 {
			s.join(s.v.to[s.last[k-1].end-1], s.v.from[at.start])
		}
	}
	s.keep()
}

// keep forgets all but what the next character makes a piece of.
func (s *scanner) keep() {
	s.last = append(s.last[:0], s.last[len(s.last)-piece+1:]...)
}

// reset is for what no secret has in it.
func (s *scanner) reset() { s.last, s.key, s.run = s.last[:0], 0, 0 }

// scan looks at the text itself. Between two characters of a piece may stand what is
// skipped, and at the start of a line what marks it.
func (m *marker) scan(v view) {
	s := scanner{marker: m, v: v}
	var line lineStart
	for i, c := range v.text {
		if line.within || c == '\n' {
			mark := line.marked(c)
			line.next(c)
			if mark {
				continue
			}
		}
		if !skipped(c) {
			s.feed(c, i, i+1)
		}
	}
}

// scanHex looks at the hex digits alone, with whatever programs put between bytes.
func (m *marker) scanHex(v view) {
	s := scanner{marker: m, v: v}
	for i := 0; i < len(v.text); i++ {
		c := v.text[i]
		prefix := i+1 < len(v.text) && (v.text[i+1] == 'x' || v.text[i+1] == 'X') && (c == '0' || c == '\\')
		switch {
		case prefix:
			i++
			if isHexAt(v.text, i+1) && !isHexAt(v.text, i+2) {
				s.feed('0', i, i+1) // Go prints 0x5
			}
		case isHexAt(v.text, i):
			s.feed(c, i, i+1)
		case strings.IndexByte(" ,:;-._+=\t\r\n|", c) < 0:
			s.reset()
		}
	}
}

// scanNumbers looks at lists such as [99 97 110], which Go prints for bytes. Java's
// have a sign: -1 is 255.
func (m *marker) scanNumbers(v view) {
	s := scanner{marker: m, v: v}
	for i := 0; i < len(v.text); {
		end := i
		for end < len(v.text) && v.text[end] >= '0' && v.text[end] <= '9' {
			end++
		}
		if end == i {
			sign := v.text[i] == '-' && i > 0 && !isDigitAt(v.text, i-1) && isDigitAt(v.text, i+1)
			if !sign && strings.IndexByte(" ,;+\t\r\n", v.text[i]) < 0 {
				s.reset()
			}
			i++
			continue
		}
		n, err := strconv.ParseUint(string(v.text[i:min(end, i+4)]), 10, 8)
		if i > 1 && v.text[i-1] == '-' && !isDigitAt(v.text, i-2) {
			n = -n
		}
		switch {
		case err != nil || end-i > 3:
			s.reset()
		case !skipped(byte(n)):
			s.feed(byte(n), i, end)
		}
		i = end
	}
}

func isDigitAt(text []byte, at int) bool {
	return at >= 0 && at < len(text) && text[at] >= '0' && text[at] <= '9'
}

// scanWords looks for the secrets that are too short for pieces, where they stand
// alone.
func (m *marker) scanWords(v view) {
	if len(m.set.words) == 0 {
		return
	}
	text := string(v.text)
	for word := range m.set.words {
		for at := 0; ; {
			i := strings.Index(text[at:], word)
			if i < 0 {
				break
			}
			i += at
			at = i + len(word)
			if !inWord(text, i-1) && !inWord(text, at) {
				m.mark(v.from[i], v.to[at-1])
			}
		}
	}
}

func inWord(text string, at int) bool {
	if at < 0 || at >= len(text) {
		return false
	}
	c := text[at]
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}
