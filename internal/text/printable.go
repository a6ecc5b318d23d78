package text

import (
	"strings"
	"unicode"
)

// Printable returns s fit to be shown on a terminal, cut to max characters with
// "…" after them: text of a chip, a service or a file must pass it first. Every
// character that is not visible becomes "?": controls, those without a width or
// that change the direction, line and paragraph separators, and bytes that are
// not UTF-8.
func Printable(s string, max int) string {
	var b strings.Builder
	n := 0
	for _, r := range s {
		if n == max {
			b.WriteString("…")
			break
		}
		if !Visible(r) {
			r = '?'
		}
		b.WriteRune(r)
		n++
	}
	return b.String()
}

// Visible reports whether a character has a shape or is a blank: a letter, mark,
// digit, sign or space of Unicode that readers do not ignore by default. It is
// false for the replacement character, which stands for bytes that are not UTF-8.
func Visible(r rune) bool {
	return r != unicode.ReplacementChar && unicode.IsGraphic(r) &&
		!unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// OneLine is [Printable] for a text of several lines: each run of blanks, line
// ends and control characters becomes one blank, none at either end.
func OneLine(s string, max int) string {
	words := strings.FieldsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) })
	return Printable(strings.Join(words, " "), max)
}
