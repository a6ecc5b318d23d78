package identity

import (
	"encoding/hex"
	"regexp"
	"strconv"
	"strings"
)

// keyInHex reads a key that is written as hex digits, however they are separated,
// as a dump with addresses and characters beside it, or as a list of numbers. It
// returns nothing for a text that is nothing of it.
func keyInHex(body string, depth int) (ek []byte, first error) {
	for _, read := range []func(string) []byte{fromDump, fromDecimals, fromHexDigits} {
		b := straight(read(body))
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

// straight undoes the order of hexdump and od, which show two bytes as a number
// of a little-endian machine.
func straight(b []byte) []byte {
	if len(b) != ekSize {
		return b
	}
	swapped := make([]byte, len(b))
	for i := range b {
		swapped[i] = b[i^1]
	}
	if isL1(swapped) {
		return swapped
	}
	return b
}

var (
	// hexList is one byte after the other, with a separator.
	hexList = regexp.MustCompile(`(?i)^(?:[0-9a-f]{2}[-:._]){3,}[0-9a-f]{2}$`)
	// separators stand between bytes, and hexPrefix before one or all of them.
	separators = regexp.MustCompile(`[\s,;:._{}()\[\]"'|\\-]+`)
	hexPrefix  = regexp.MustCompile(`(?i)\\x|\\[nrt]|\b0x`)
	// declaration is what xxd -i and people's sources have before a list.
	declaration = regexp.MustCompile(`(?s)^[^={]*=\s*\{(.*?)\}.*$`)
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

// dumpRow is a line of xxd, hexdump -C, od -t x1, Format-Hex: an address, and
// what is there.
var dumpRow = regexp.MustCompile(`^\s*(?:0x)?([0-9a-fA-F]{6,16}):?(?:\s+(.*))?$`)

// row is a line of a dump. One with a * instead of an address stands for rows that
// are the same as the one before it.
type row struct{ address, text string }

const repeatMark = "*"

// fromDump reads a dump. The addresses have to follow each other, which tells a
// dump from anything else, and how many bytes each line has.
func fromDump(body string) []byte {
	var rows []row
	for line := range strings.Lines(body) {
		line = strings.TrimRight(line, "\r\n")
		m := dumpRow.FindStringSubmatch(line)
		switch {
		case m != nil:
			rows = append(rows, row{m[1], m[2]})
		case strings.TrimSpace(line) == repeatMark && len(rows) > 0:
			rows = append(rows, row{address: repeatMark})
		case len(rows) > 0 && strings.TrimSpace(line) != "":
			return nil
		} // above the first row is a heading
	}
	if len(rows) < 2 {
		return nil
	}
	for _, base := range []int{16, 8} {
		if b := readRows(rows, base); b != nil {
			return b
		}
	}
	return nil
}

func readRows(rows []row, base int) []byte {
	var out []byte
	width := 0
	for i, r := range rows {
		if r.address == repeatMark {
			continue
		}
		at, err := strconv.ParseUint(r.address, base, 12)
		if err != nil {
			return nil
		}
		for i > 0 && rows[i-1].address == repeatMark && width > 0 && len(out)+width <= int(at) {
			out = append(out, out[len(out)-width:]...)
		}
		if int(at) != len(out) {
			return nil
		}
		count := -1 // of the last row, and of one that repeats, whatever there is
		if i+1 < len(rows) && rows[i+1].address != repeatMark {
			next, err := strconv.ParseUint(rows[i+1].address, base, 12)
			if err != nil || next <= at || next-at > 64 {
				return nil
			}
			count = int(next - at)
			width = count
		}
		b := rowBytes(r.text, count, width)
		if count >= 0 && len(b) != count {
			return nil
		}
		out = append(out, b...)
	}
	return out
}

// rowBytes reads the bytes of a row up to the column with its characters. That
// column is told from bytes by how many there are, and in the last row by the gap
// before it.
func rowBytes(row string, count, width int) []byte {
	row, _, _ = strings.Cut(row, "|")
	row, _, _ = strings.Cut(row, "  >")
	if count < 0 {
		count = width
		if head, tail, found := strings.Cut(row, "   "); found && strings.TrimSpace(head) != "" && strings.TrimSpace(tail) != "" {
			row = head
		}
	}
	var b []byte
	for token := range strings.FieldsSeq(row) {
		part, err := hex.DecodeString(token)
		if err != nil || len(b)+len(part) > count {
			break
		}
		b = append(b, part...)
	}
	return b
}

// fromDecimals reads a list of numbers from 0 to 255, as PowerShell and JSON
// write bytes.
func fromDecimals(body string) []byte {
	tokens := strings.FieldsFunc(body, func(r rune) bool { return strings.ContainsRune(" \t\r\n,;[](){}", r) })
	const shortest = 64
	if len(tokens) < shortest {
		return nil
	}
	b := make([]byte, len(tokens))
	for i, token := range tokens {
		n, err := strconv.ParseUint(token, 10, 8)
		if err != nil {
			return nil
		}
		b[i] = byte(n)
	}
	return b
}
