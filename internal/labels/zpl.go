package labels

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
)

// Resolutions are the dots per inch of ZPL printers, with the whole number of dots per
// millimetre that they have.
var resolutions = map[int]int{203: 8, 300: 12, 600: 24}

// CheckDots tells whether ZPL printers with that many dots per inch exist.
func CheckDots(dpi int) error {
	if resolutions[dpi] == 0 {
		return errors.New("printers have 203, 300 or 600 dots per inch")
	}
	return nil
}

// printer writes a job for a ZPL printer: one ^XA…^XZ for each label.
type printer struct {
	w *bufio.Writer
	o Options
}

func newPrinter(w io.Writer, o Options) *printer { return &printer{bufio.NewWriter(w), o} }

// dots is a length in the printer's dots.
func (p *printer) dots(mm float64) int { return int(math.Round(mm * float64(resolutions[p.o.Dots]))) }

// add writes a label. The printer makes the code itself, so only its place and the size
// of a module are given; our own code says how many modules there will be at most.
func (p *printer) add(l label) error {
	d, err := draw(l, p.o.Code, p.o.Sheet.LabelWidth, p.o.Sheet.LabelHeight)
	if err != nil {
		return err
	}
	module := int(d.module*float64(resolutions[p.o.Dots]) + 1e-9) // down: it must not grow into the text
	if p.o.Code == QR {
		module = min(module, 10) // of ^BQ
	}
	fmt.Fprintf(p.w, "^XA^CI28^PW%d^LL%d^LH0,0\n", p.dots(p.o.Sheet.LabelWidth), p.dots(p.o.Sheet.LabelHeight))
	x, y := p.dots(d.x), p.dots(d.y)
	if p.o.Code == QR {
		// ^BQ begins 10 dots below its ^FO. M is the error correction, A the choice of the mode.
		fmt.Fprintf(p.w, "^FO%d,%d^BQN,2,%d^FH_^FDMA,%s^FS\n", x, max(0, y-10), module, field(l.id))
	} else {
		// Without the last parameter some firmware reads "_" in the data, some "~", as the begin
		// of a control sequence. No ID has "#".
		fmt.Fprintf(p.w, "^FO%d,%d^BXN,%d,200,,,,#^FH_^FD%s^FS\n", x, y, module, field(l.id))
	}
	for _, line := range d.lines {
		size := p.dots(line.size)
		// No ^FB: it would read a backslash as the begin of a control sequence. Font 0 is made narrow,
		// so that its widest letters are as wide as was counted on.
		fmt.Fprintf(p.w, "^FO%d,%d^A0N,%d,%d^FH_^FD%s^FS\n", p.dots(line.x), p.dots(line.y-line.size*0.8), size, size*7/10, field(line.text))
	}
	_, err = p.w.WriteString("^XZ\n")
	return err
}

func (p *printer) end() (int, error) { return 0, p.w.Flush() }

// field is a text as the data of a field after ^FH_: all bytes that are not plain letters,
// digits and a few signs are in hex. So no text has ^ or ~, which begin commands wherever they
// stand, a backslash, or a line end.
func field(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte(" -.:/=", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "_%02X", c)
		}
	}
	return b.String()
}
