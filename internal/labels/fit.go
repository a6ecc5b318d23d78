package labels

import (
	"fmt"
	"math"
	"strconv"
)

// Lengths in millimetres of what is on a label.
const (
	padding   = 1.5  // around everything
	gap       = 1.0  // between code and text
	minModule = 0.25 // what scanners at a bench read, and printers of 203 dpi print
	maxModule = 1.0
	minFont   = 1.4 // about 4 points
	wholeFont = 2.0 // texts are not cut for the sake of larger letters than these
	maxFont   = 4.0
	fontStep  = 0.1
)

// Widths and heights of a line of text, as parts of the font's size.
const (
	advance = 0.6 // of a character: the widest of the usual fonts in which all are as wide
	leading = 1.2
)

// drawing is a label with the place of everything on it, in millimetres.
type drawing struct {
	code   matrix
	x, y   float64 // of the first module
	module float64 // side of a module
	lines  []line
}

// line is a text on one line: its left end and its base line.
type line struct {
	x, y, size float64
	text       string
}

// width is what the characters have.
func (l line) width() float64 { return float64(len([]rune(l.text))) * advance * l.size }

// draw places a label's code on the left and its texts to the right of it. The ID is never
// cut; of the other texts as much is there as fits. The error wraps [ErrSize].
func draw(l label, code string, width, height float64) (drawing, error) {
	m, err := encode(code, l.id)
	if err != nil {
		return drawing{}, err
	}
	side := math.Min(height-2*padding, (width-2*padding)/2)
	d := drawing{code: m, module: math.Min(maxModule, math.Floor(side/float64(m.whole())*1000)/1000)}
	if d.module < minModule {
		return d, tooSmall(l.id, width, height)
	}
	whole := d.module * float64(m.whole())
	d.x = padding + d.module*float64(m.quiet)
	d.y = (height-whole)/2 + d.module*float64(m.quiet)
	left := padding + whole + gap
	if d.lines = place(l, left, width-padding-left, height); d.lines == nil {
		return d, tooSmall(l.id, width, height)
	}
	return d, nil
}

func tooSmall(id string, width, height float64) error {
	return fmt.Errorf("%w: a label of %s x %s mm is too small for the ID %s to be scanned and read: choose a larger one", ErrSize, number(width), number(height), id)
}

// place sets the texts as large as fits, in the middle of the height: whole, or in letters
// of at least wholeFont with the end of what is below the ID cut off, or without the last
// of that. nil if there is no space for the ID.
func place(l label, left, width, height float64) []line {
	for texts := len(l.texts); texts >= 0; texts-- {
		for _, whole := range []bool{true, false} {
			smallest := minFont
			if whole {
				smallest = wholeFont
			}
			for size := maxFont; size > smallest-fontStep/2; size -= fontStep {
				if lines := setLines(l.id, l.texts[:texts], size, width, height-2*padding, whole); lines != nil {
					for i := range lines {
						lines[i].x += left
						lines[i].y += padding
					}
					return lines
				}
			}
		}
	}
	return nil
}

// setLines sets texts in a size in a box, or returns nil if they do not fit.
func setLines(id string, texts []string, size, width, height float64, whole bool) []line {
	perLine := int(width / (advance * size))
	if perLine < 1 {
		return nil
	}
	all := append(wrap(id, perLine), texts...)
	top := (height - float64(len(all))*leading*size) / 2
	if top < 0 {
		return nil
	}
	var lines []line
	for i, s := range all {
		shown := cut(s, perLine)
		if whole && shown != s {
			return nil
		}
		lines = append(lines, line{0, top + (float64(i)+0.95)*leading*size, size, shown})
	}
	return lines
}

// wrap breaks an ID into lines of about the same length, without a sign of it: one more
// character would be typed.
func wrap(id string, perLine int) []string {
	n := (len(id) + perLine - 1) / perLine
	perLine = (len(id) + n - 1) / n
	var lines []string
	for len(id) > perLine {
		lines = append(lines, id[:perLine])
		id = id[perLine:]
	}
	return append(lines, id)
}

// cut shortens a text to a number of characters, and shows it.
func cut(s string, most int) string {
	r := []rune(s)
	if len(r) <= most {
		return s
	}
	return string(r[:most-1]) + "…"
}

// number writes a length without needless digits.
func number(v float64) string {
	return strconv.FormatFloat(math.Round(v*1000)/1000, 'f', -1, 64)
}
