package redact

import (
	"bytes"
	"strings"
)

// JSON returns JSON without the secrets. Only what stands in quotes is changed, and of
// that no name in lower case, which is one of the program's own: what was JSON stays
// JSON, with the same members.
func (s *Set) JSON(data []byte) []byte {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if len(s.known) == 0 || s.find(string(data)) == nil {
		return data
	}
	var out bytes.Buffer
	for len(data) > 0 {
		start := bytes.IndexByte(data, '"')
		if start < 0 {
			break
		}
		end := start + 1 + quoted(data[start+1:])
		out.Write(data[:start+1])
		text := string(data[start+1 : end])
		data = data[end:]
		if !isName(data) || strings.ContainsFunc(text, func(r rune) bool { return r != '_' && (r < 'a' || r > 'z') }) {
			text = cover(text, s.find(text))
		}
		out.WriteString(text)
		if len(data) > 0 {
			out.WriteByte('"')
			data = data[1:]
		}
	}
	out.Write(data)
	return out.Bytes()
}

// quoted is the length of a text up to the quote that ends it.
func quoted(data []byte) int {
	for i := 0; i < len(data); i++ {
		switch data[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return len(data)
}

// isName reports whether a string in quotes is a member's name, from what follows: its closing
// quote and the rest.
func isName(data []byte) bool {
	rest := bytes.TrimLeft(bytes.TrimPrefix(data, []byte{'"'}), " \t\r\n")
	return len(rest) > 0 && rest[0] == ':'
}
