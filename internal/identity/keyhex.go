package identity

import (
	"encoding/base32"
	"encoding/hex"
	"regexp"
	"strconv"
	"strings"
)

// keyInHex reads a key that is written as hex digits, however they are separated,
// as a dump with addresses and characters beside it, or as a list of numbers. It
// returns nothing for a text that is nothing of it.
func keyInHex(body string, depth int) (ek []byte, first error) {
	list := listed(body)
	for _, read := range []func() []byte{
		func() []byte { return fromDump(body) }, func() []byte { return fromDecimals(list) }, func() []byte { return fromHexDigits(list) }, func() []byte { return fromBase32(body) },
	} {
		b := straight(read())
		if b == nil {
			continue
		}
		ek, err := judge(b, 2*len(b), 2*ekSize, depth)
		if ek != nil || isNamed(err) {
			return ek, err
		}
		if first == nil {
			first = err
		}
	}
	return nil, first
}

// straight undoes the order of hexdump and od, which show two or four bytes as
// a number of a little-endian machine.
func straight(b []byte) []byte {
	if len(b) != ekSize {
		return b
	}
	for _, last := range []int{1, 3} { // numbers of two and of four bytes
		swapped := make([]byte, len(b))
		for i := range b {
			swapped[i] = b[i^last]
		}
		if isL1(swapped) {
			return swapped
		}
	}
	return b
}

var (
	// hexList is one byte after the other, with a separator.
	hexList = regexp.MustCompile(`(?i)^(?:[0-9a-f]{2}[-:._]){3,}[0-9a-f]{2}$`)
	// separators stand between bytes, and hexPrefix before one or all of them.
	separators = regexp.MustCompile(`[\s,;:=._{}()\[\]"'|\\-]+`)
	hexPrefix  = regexp.MustCompile(`(?i)\\x|\\[nrt]|\b0x`)
	// declaration is what xxd -i and people's sources have before a list.
	declaration = regexp.MustCompile(`(?s)^[^={]*=\s*\{(.*?)\}.*$`)
)

// listed returns the numbers in a list as a programming language or the registry of
// Windows writes it: new byte[] { 0x01, … }, Uint8Array(316) [ 1, … ], <Buffer 01 …>,
// hex:01,…. It returns any other text as it is.
func listed(body string) string {
	if m := registry.FindStringSubmatch(body); m != nil {
		return m[1]
	}
	body = strings.TrimPrefix(body, "Buffer ") // of Node
	at := strings.LastIndexAny(body, "[{(<")
	if at < 0 {
		return body
	}
	inner := body[at+1:]
	if end := strings.IndexAny(inner, "]})>"); end >= 0 {
		inner = inner[:end]
	}
	if len(inner) < 2*ekSize/3 || !numbersOnly.MatchString(inner) {
		return body
	}
	return inner
}

var (
	registry    = regexp.MustCompile(`(?i)\bhex(?:\([0-9a-f]\))?:([0-9a-f,\\\s]+)`)
	numbersOnly = regexp.MustCompile(`^[0-9a-fA-FxX,;\s-]+$`)
)

// fromHexDigits reads hex with any separators and prefixes. A byte may have lost
// its leading zero where bytes are separated.
func fromHexDigits(body string) []byte {
	if m := declaration.FindStringSubmatch(body + "}"); m != nil {
		body = m[1]
	}
	body = hexPrefix.ReplaceAllString(body, " ")
	var text strings.Builder
	tokens := strings.Fields(separators.ReplaceAllString(body, " "))
	for _, token := range tokens {
		token = strings.TrimSuffix(strings.TrimSuffix(strings.TrimPrefix(token, "$"), "h"), "H")
		if len(token) == 1 && len(tokens) > 16 {
			token = "0" + token
		}
		text.WriteString(token)
	}
	const shortest = 8
	b, err := hex.DecodeString(text.String())
	if err != nil || len(b) < shortest {
		return nil
	}
	return b
}

// fromDecimals reads a list of numbers from 0 to 255, as PowerShell and JSON
// write bytes, or from -128 to 127, as Java does.
func fromDecimals(body string) []byte {
	tokens := strings.FieldsFunc(body, func(r rune) bool { return strings.ContainsRune(" \t\r\n,;[](){}", r) })
	const shortest = 64
	if len(tokens) < shortest {
		return nil
	}
	b := make([]byte, len(tokens))
	for i, token := range tokens {
		n, err := strconv.ParseInt(token, 10, 16)
		if err != nil || n < -1<<7 || n >= 1<<8 {
			return nil
		}
		b[i] = byte(n)
	}
	return b
}

// fromBase32 reads RFC 4648, 6, of a key.
func fromBase32(body string) []byte {
	compact := strings.TrimRight(strings.ToUpper(strings.Join(strings.Fields(body), "")), "=")
	if !strings.HasPrefix(compact, "AE5AAAIABMAAGAFS") {
		return nil
	}
	b, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(compact)
	if err != nil {
		return nil
	}
	return b
}
