package identity

import (
	"encoding/hex"
	"regexp"
	"strconv"
	"strings"
)

// dumpRow is a line of xxd, hexdump -C, od, certutil, Format-Hex: an address, and
// what is there.
var dumpRow = regexp.MustCompile(`^\s*(?:0x)?([0-9a-fA-F]{4,16}):?(?:\s+(.*))?$`)

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
		for _, number := range []func(string) []byte{hexNumber, octalNumber, decimalNumber, binaryNumber} {
			if b := readRows(rows, base, number); b != nil {
				return b
			}
		}
	}
	return nil
}

// hexNumber reads any count of bytes; the others a number of a dump, or nothing.
func hexNumber(token string) []byte {
	b, err := hex.DecodeString(token)
	if err != nil {
		return nil
	}
	return b
}

// octalNumber is od -b, and od alone, which shows two bytes as one number of a
// little-endian machine.
func octalNumber(token string) []byte {
	const byteDigits, wordDigits = 3, 6
	n, err := strconv.ParseUint(token, 8, 16)
	switch {
	case err != nil:
		return nil
	case len(token) == byteDigits && n < 1<<8:
		return []byte{byte(n)}
	case len(token) == wordDigits:
		return []byte{byte(n), byte(n >> 8)}
	}
	return nil
}

func decimalNumber(token string) []byte {
	n, err := strconv.ParseUint(token, 10, 8)
	if err != nil {
		return nil
	}
	return []byte{byte(n)}
}

func binaryNumber(token string) []byte {
	n, err := strconv.ParseUint(token, 2, 8)
	if err != nil || len(token) != 8 {
		return nil
	}
	return []byte{byte(n)}
}

func readRows(rows []row, base int, number func(string) []byte) []byte {
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
		b := rowBytes(r.text, count, width, number)
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
func rowBytes(row string, count, width int, number func(string) []byte) []byte {
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
		part := number(token)
		if part == nil || len(b)+len(part) > count {
			break
		}
		b = append(b, part...)
	}
	return b
}
