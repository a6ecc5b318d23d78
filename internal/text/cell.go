package text

import (
	"strings"
	"unicode/utf8"
)

// formula are the characters that begin a formula; in full width, too, which East
// Asian spreadsheets accept.
const formula = "=+-@\t\r\uff1d\uff0b\uff0d\uff20"

// separators begin a cell, or a line, in one spreadsheet or another.
const separators = ",;\t\r\n"

// GuardCell keeps a cell of a table from being taken for a formula by Excel,
// LibreOffice and their like: anyone who controls a text in it, such as the serial number
// in a machine's firmware, would otherwise run a formula where the table is opened.
//
// A cell that begins with = + - @, a tab or a carriage return gets an apostrophe in
// front. So does what would begin a cell where the spreadsheet has another separator
// than the file: after a comma, a semicolon or a tab inside a cell. Blanks and quotes
// before it do not count. Where apostrophes stand already it is one more, so that
// [PlainCell] gives back exactly what GuardCell was given.
func GuardCell(value string) string {
	return atStarts(value, func(quotes int) int { return quotes + 1 })
}

// PlainCell returns the text that [GuardCell] was given. One that was not guarded is
// returned as it is, unless it looks as if it were.
func PlainCell(cell string) string {
	return atStarts(cell, func(quotes int) int { return max(quotes-1, 0) })
}

// atStarts changes how many apostrophes stand before what would begin a formula.
func atStarts(s string, change func(int) int) string {
	var out strings.Builder
	for start := true; s != ""; {
		if start {
			rest := strings.TrimLeft(s, ` "`)
			bare := strings.TrimLeft(rest, "'")
			quotes := len(rest) - len(bare)
			if first, size := utf8.DecodeRuneInString(bare); size > 0 && strings.ContainsRune(formula, first) {
				quotes = change(quotes)
			}
			out.WriteString(s[:len(s)-len(rest)] + strings.Repeat("'", quotes))
			s = bare
		}
		r, size := utf8.DecodeRuneInString(s)
		out.WriteString(s[:size])
		s = s[size:]
		start = strings.ContainsRune(separators, r)
	}
	return out.String()
}
