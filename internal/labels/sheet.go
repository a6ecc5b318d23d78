package labels

import (
	"fmt"
	"math"
	"strings"
)

// Sheet is a sheet of paper with labels on it. All lengths are in millimetres.
type Sheet struct {
	Name                  string
	PaperWidth            float64
	PaperHeight           float64
	LabelWidth            float64
	LabelHeight           float64
	Columns, Rows         int
	Left, Top             float64 // of the first label
	ColumnPitch, RowPitch float64 // from one label to the next
	Plain                 bool    // paper that is cut: labels have an outline
}

// sheets are the ones that have a name. Those of labels have the maker's numbers, which
// other makers use, too.
var sheets = []Sheet{
	{Name: "a4", PaperWidth: 210, PaperHeight: 297, Plain: true},
	{Name: "letter", PaperWidth: 215.9, PaperHeight: 279.4, Plain: true},
	{"l7160", 210, 297, 63.5, 38.1, 3, 7, 7.2, 15.1, 66.04, 38.1, false},
	{"l7651", 210, 297, 38.1, 21.2, 5, 13, 4.7, 10.7, 40.6, 21.2, false},
	{"5160", 215.9, 279.4, 66.675, 25.4, 3, 10, 4.7625, 12.7, 69.85, 25.4, false},
}

// Size of labels where none was given, and the margin of plain paper: printers do not
// reach its edge.
const (
	defaultWidth  = 60
	defaultHeight = 30
	margin        = 8
)

// Limits of a label's sides.
const (
	minSide = 10
	maxSide = 500
)

// Names are the names of the sheets, in the order in which they are listed.
func Names() []string {
	var names []string
	for _, s := range sheets {
		names = append(names, s.Name)
	}
	return names
}

// Grid says how plain paper is divided; 0 leaves a value to be chosen.
type Grid struct {
	Columns       int
	Width, Height float64 // of a label, in millimetres
}

// NewSheet returns a sheet by its name. Plain paper is divided as the grid says, which has
// to be empty for a sheet of labels. The error wraps [ErrSize].
func NewSheet(name string, g Grid) (Sheet, error) {
	for _, s := range sheets {
		switch {
		case s.Name != name:
		case s.Plain:
			return s.divide(g)
		case g != Grid{}:
			return Sheet{}, fmt.Errorf("%w: the sheet %s has labels of its own size: omit columns, width and height, or choose plain paper: a4 or letter", ErrSize, s.Name)
		default:
			return s, nil
		}
	}
	return Sheet{}, fmt.Errorf("%w: on a sheet of this name, which is not known: choose %s", ErrSize, strings.Join(Names(), ", "))
}

// NewLabel is the sheet of a printer of labels, which has one on it.
func NewLabel(g Grid) (Sheet, error) {
	s := Sheet{LabelWidth: orDefault(g.Width, defaultWidth), LabelHeight: orDefault(g.Height, defaultHeight), Columns: 1, Rows: 1}
	return s, s.checkLabel()
}

// divide puts as many labels on plain paper as there is space for, in its middle.
func (s Sheet) divide(g Grid) (Sheet, error) {
	s.LabelWidth, s.LabelHeight = orDefault(g.Width, defaultWidth), orDefault(g.Height, defaultHeight)
	space := s.PaperWidth - 2*margin
	if g.Columns != 0 && g.Width == 0 {
		s.LabelWidth = math.Min(defaultWidth, space/float64(max(1, g.Columns)))
	}
	if err := s.checkLabel(); err != nil {
		return s, err
	}
	most := int(space/s.LabelWidth + 1e-9)
	s.Columns, s.Rows = most, int((s.PaperHeight-2*margin)/s.LabelHeight)
	if g.Columns != 0 {
		s.Columns = g.Columns
	}
	if s.Columns < 1 || s.Columns > most || s.Rows < 1 {
		return s, fmt.Errorf("%w: there is space for %d columns and %d rows of labels of %s x %s mm on %s", ErrSize, most, s.Rows, number(s.LabelWidth), number(s.LabelHeight), s.Name)
	}
	s.ColumnPitch, s.RowPitch = s.LabelWidth, s.LabelHeight
	s.Left = (s.PaperWidth - float64(s.Columns)*s.LabelWidth) / 2
	s.Top = (s.PaperHeight - float64(s.Rows)*s.LabelHeight) / 2
	return s, nil
}

func (s Sheet) checkLabel() error {
	for _, side := range []float64{s.LabelWidth, s.LabelHeight} {
		if !(side >= minSide && side <= maxSide) { // not a number, too
			return fmt.Errorf("%w: the side of a label is %d to %d mm", ErrSize, minSide, maxSide)
		}
	}
	return nil
}

func orDefault(v, otherwise float64) float64 {
	if v == 0 {
		return otherwise
	}
	return v
}

// corner is where the label with a number, from 0, is on its sheet.
func (s Sheet) corner(n int) (x, y float64) {
	return s.Left + float64(n%s.Columns)*s.ColumnPitch, s.Top + float64(n/s.Columns)*s.RowPitch
}

// count is how many labels are on a sheet.
func (s Sheet) count() int { return s.Columns * s.Rows }
