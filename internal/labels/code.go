package labels

import (
	"fmt"
	"image/color"

	"github.com/boombuler/barcode"
	"github.com/boombuler/barcode/datamatrix"
	"github.com/boombuler/barcode/qr"
)

// Codes that can be drawn.
const (
	DataMatrix = "datamatrix" // ISO/IEC 16022, ECC 200
	QR         = "qr"         // ISO/IEC 18004, error correction M
)

// matrix is a code as modules, in a square.
type matrix struct {
	side  int // modules, without the quiet zone
	quiet int // modules that have to stay light on every side
	dark  []bool
}

// at tells whether a module is dark; those around the code are not.
func (m matrix) at(x, y int) bool {
	return x >= 0 && y >= 0 && x < m.side && y < m.side && m.dark[y*m.side+x]
}

// whole is the side with the quiet zone.
func (m matrix) whole() int { return m.side + 2*m.quiet }

// encode makes the code of a text.
func encode(code, content string) (matrix, error) {
	var b barcode.Barcode
	var err error
	quiet := 2 // the standard wants 1; paper is cut askew
	if code == QR {
		quiet = 4
		b, err = qr.Encode(content, qr.M, qr.Auto)
	} else {
		b, err = datamatrix.Encode(content)
	}
	if err != nil {
		return matrix{}, fmt.Errorf("draw a %s code: %w", code, err)
	}
	// All IDs are short enough for the square sizes, which are all that the library has.
	m := matrix{side: b.Bounds().Dx(), quiet: quiet}
	for y := range m.side {
		for x := range m.side {
			m.dark = append(m.dark, color.GrayModel.Convert(b.At(x, y)).(color.Gray).Y < 128)
		}
	}
	return m, nil
}
