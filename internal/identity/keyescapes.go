package identity

import (
	"strconv"
	"strings"
)

// keyInEscapes reads a string of a programming language, in which the bytes that are
// characters stand for themselves: b'\x01:\x00…', "\001:\000…". It returns nothing for
// another text, and for what such a string has in it if that is not a key.
func keyInEscapes(text string, _ int) ([]byte, error) {
	const fewest = 16
	if strings.Count(text, `\`) < fewest {
		return nil, nil
	}
	if first := strings.IndexAny(text, `'"`); first >= 0 {
		if last := strings.LastIndexByte(text, text[first]); last > first {
			text = text[first+1 : last]
		}
	}
	if ek := unescaped(text); isL1(ek) {
		return ek, CheckEndorsementKey(ek)
	}
	return nil, nil
}

// plainEscapes are the escapes of C with one character.
var plainEscapes = map[byte]byte{'n': '\n', 'r': '\r', 't': '\t', 'a': '\a', 'b': '\b', 'v': '\v', 'f': '\f', 'e': 0x1b, '\\': '\\', '\'': '\'', '"': '"'}

// unescaped returns the bytes of a string with the escapes of C, or nil.
func unescaped(body string) (out []byte) {
	for body != "" {
		c := body[0]
		if c != '\\' || len(body) < 2 {
			out, body = append(out, c), body[1:]
			continue
		}
		size, base := 0, 8
		for size < 3 && 1+size < len(body) && body[1+size] >= '0' && body[1+size] < '8' {
			size++
		}
		digits := body[1 : 1+size]
		if body[1] == 'x' && len(body) >= 4 {
			digits, base, size = body[2:4], 16, 3
		}
		if size == 0 {
			plain, ok := plainEscapes[body[1]]
			if !ok {
				return nil
			}
			out, body = append(out, plain), body[2:]
			continue
		}
		n, err := strconv.ParseUint(digits, base, 8)
		if err != nil {
			return nil
		}
		out, body = append(out, byte(n)), body[1+size:]
	}
	return out
}
