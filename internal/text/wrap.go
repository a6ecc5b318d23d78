package text

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Bound is a blank at which [Wrap] breaks no line.
const Bound = "\u00a0"

// Wrap breaks a text between words into lines of at most width columns. label is
// what stands before it on the first line; the others are indented as far. A word
// that is longer than a line has one of its own. The last line has two words at
// least, where that is possible.
func Wrap(label, s string, width int) string {
	indent := utf8.RuneCountInString(label)
	rows := fill(strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == '\n' || r == '\t' }), width-indent)
	if last := len(rows) - 1; last > 0 && len(rows[last]) == 1 && len(rows[last-1]) > 2 {
		above := rows[last-1]
		end := len(above) - 1
		if words := []string{above[end], rows[last][0]}; columns(words) <= width-indent {
			rows[last-1], rows[last] = above[:end], words
		}
	}
	lines := make([]string, len(rows))
	for i, row := range rows {
		lines[i] = strings.ReplaceAll(strings.Join(row, " "), Bound, " ")
	}
	return label + strings.Join(lines, "\n"+strings.Repeat(" ", indent))
}

// fill puts as many words as there is room for into each row.
func fill(words []string, room int) [][]string {
	var rows [][]string
	for _, word := range words {
		last := len(rows) - 1
		if last < 0 || columns(append(rows[last], word)) > room {
			rows = append(rows, []string{word})
			continue
		}
		rows[last] = append(rows[last], word)
	}
	return rows
}

// columns is how many columns words take, with a blank between each two.
func columns(words []string) int { return utf8.RuneCountInString(strings.Join(words, " ")) }

// Count writes a number of things: "no error", "1 error", "2 errors".
func Count(n int, thing string) string {
	switch n {
	case 0:
		return "no " + thing
	case 1:
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
