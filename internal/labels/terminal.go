package labels

import (
	"io"
	"strings"
)

// Colours of a code on a terminal: black on white of the fixed colours, which no theme
// changes. A code in the terminal's own colours would be inverted where they are light on dark.
const (
	blackOnWhite = "\x1b[38;5;16;48;5;231m"
	ownColours   = "\x1b[0m"
)

// halves are the characters for two modules, one above the other: which of them are dark.
var halves = map[[2]bool]string{{false, false}: " ", {true, false}: "▀", {false, true}: "▄", {true, true}: "█"}

// Terminal draws the QR code of an ID with its quiet zone, in half blocks: two modules to
// a character, so that they are about square. The longest ID has 57 columns.
func Terminal(w io.Writer, id string) error {
	m, err := encode(QR, id)
	if err != nil {
		return err
	}
	var b strings.Builder
	for y := -m.quiet; y < m.side+m.quiet; y += 2 {
		b.WriteString(blackOnWhite)
		for x := -m.quiet; x < m.side+m.quiet; x++ {
			b.WriteString(halves[[2]bool{m.at(x, y), m.at(x, y+1)}])
		}
		b.WriteString(ownColours + "\n")
	}
	_, err = io.WriteString(w, b.String())
	return err
}
