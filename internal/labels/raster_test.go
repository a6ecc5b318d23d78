package labels

import (
	"encoding/xml"
	"fmt"
	"image"
	"image/color"
	"io"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/makiuchi-d/gozxing"
	dmreader "github.com/makiuchi-d/gozxing/datamatrix"
	qrreader "github.com/makiuchi-d/gozxing/qrcode"
)

// cell is a label as it stands in the SVG, in millimetres from the sheet's corner.
type cell struct {
	x, y       float64
	px, py, pm float64 // of the path: its place and its scale
	dark       map[image.Point]bool
	texts      []textBox
}

type textBox struct {
	x, y, size, length float64
	text               string
}

// allowedXML are the elements of a sheet with their attributes; anything else got in.
var allowedXML = map[string]string{
	"svg": " width height viewBox font-family xmlns ", "g": " transform ", "rect": " width height fill stroke stroke-width ",
	"path": " transform shape-rendering d ", "text": " x y font-size textLength lengthAdjust ",
}

var (
	numbers = regexp.MustCompile(`-?[0-9.]+`)
	runs    = regexp.MustCompile(`M(\d+) (\d+)h(\d+)v1h-(\d+)z`)
	pageSVG = regexp.MustCompile(`(?s)<svg .*?</svg>`)
)

func floats(t *testing.T, s string) []float64 {
	t.Helper()
	var out []float64
	for _, n := range numbers.FindAllString(s, -1) {
		v, err := strconv.ParseFloat(n, 64)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, v)
	}
	return out
}

// sheetsOf reads the sheets of HTML or SVG as a strict reader of XML does.
func sheetsOf(t *testing.T, doc string) [][]cell {
	t.Helper()
	var all [][]cell
	for _, page := range pageSVG.FindAllString(doc, -1) {
		all = append(all, cellsOf(t, page))
	}
	return all
}

func cellsOf(t *testing.T, page string) (cells []cell) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(page))
	var text *textBox
	for {
		token, err := d.Token()
		if err == io.EOF {
			return cells
		}
		if err != nil {
			t.Fatalf("not XML: %v in %.3000s", err, page)
		}
		switch e := token.(type) {
		case xml.StartElement:
			at := map[string]string{}
			for _, a := range e.Attr {
				if !strings.Contains(allowedXML[e.Name.Local], " "+a.Name.Local+" ") {
					t.Fatalf("<%s %s=%q> has no place on a sheet", e.Name.Local, a.Name.Local, a.Value)
				}
				at[a.Name.Local] = a.Value
			}
			switch e.Name.Local {
			case "svg", "rect":
			case "g":
				n := floats(t, at["transform"])
				cells = append(cells, cell{x: n[0], y: n[1], dark: map[image.Point]bool{}})
			case "path":
				c, n := &cells[len(cells)-1], floats(t, at["transform"])
				c.px, c.py, c.pm = n[0], n[1], n[2]
				if rest := runs.ReplaceAllString(at["d"], ""); rest != "" {
					t.Fatalf("the path has %q", rest)
				}
				for _, m := range runs.FindAllStringSubmatch(at["d"], -1) {
					n := floats(t, strings.Join(m[1:], " "))
					if n[2] != n[3] {
						t.Fatalf("%s is not a rectangle", m[0])
					}
					for i := range int(n[2]) {
						c.dark[image.Pt(int(n[0])+i, int(n[1]))] = true
					}
				}
			case "text":
				n := floats(t, strings.Join([]string{at["x"], at["y"], at["font-size"], at["textLength"]}, " "))
				text = &textBox{n[0], n[1], n[2], n[3], ""}
			default:
				t.Fatalf("<%s> has no place on a sheet", e.Name.Local)
			}
		case xml.CharData:
			if text != nil {
				text.text += string(e)
			} else if strings.TrimSpace(string(e)) != "" {
				t.Fatalf("text outside of its element: %q", e)
			}
		case xml.EndElement:
			if e.Name.Local == "text" {
				cells[len(cells)-1].texts = append(cells[len(cells)-1].texts, *text)
				text = nil
			}
		default:
			t.Fatalf("%T %v has no place on a sheet", token, token)
		}
	}
}

// perModule is how many pixels a module gets on each side: a whole number, since gozxing
// counts in whole ones where nothing is around the code.
const perModule = 4

// raster paints the code of a label with its quiet zone, and what else of the label gets
// into that: texts are black boxes there, and beyond the label all is black.
func (c cell) raster(width, height float64, quiet int) image.Image {
	side := 0
	for p := range c.dark {
		side = max(side, p.X+1, p.Y+1)
	}
	img := image.NewGray(image.Rect(0, 0, (side+2*quiet)*perModule, (side+2*quiet)*perModule))
	for y := range img.Rect.Dy() {
		for x := range img.Rect.Dx() {
			mx := c.px + ((float64(x)+0.5)/perModule-float64(quiet))*c.pm
			my := c.py + ((float64(y)+0.5)/perModule-float64(quiet))*c.pm
			dark := mx < 0 || my < 0 || mx > width || my > height ||
				mx >= c.px && my >= c.py && c.dark[image.Pt(int((mx-c.px)/c.pm), int((my-c.py)/c.pm))]
			for _, t := range c.texts {
				dark = dark || mx >= t.x && mx < t.x+t.length && my >= t.y-t.size && my < t.y+t.size*0.25
			}
			if !dark {
				img.SetGray(x, y, color.Gray{255})
			}
		}
	}
	return img
}

// scan reads a code as a scanner does.
func scan(img image.Image, code string) (string, error) {
	bits, err := gozxing.NewBinaryBitmapFromImage(img)
	if err != nil {
		return "", err
	}
	var reader gozxing.Reader = dmreader.NewDataMatrixReader()
	if code == QR {
		reader = qrreader.NewQRCodeReader()
	}
	got, err := reader.Decode(bits, map[gozxing.DecodeHintType]any{gozxing.DecodeHintType_PURE_BARCODE: true})
	if err != nil {
		return "", fmt.Errorf("scan: %w", err)
	}
	return got.GetText(), nil
}

// inside checks that all that is on a label is on it, with a margin of half of its padding.
func (c cell) inside(t *testing.T, width, height float64) {
	t.Helper()
	for _, b := range c.texts {
		if b.x < padding/2 || b.x+b.length > width-padding/2 || b.y-b.size < padding/2 || b.y+0.25*b.size > height-padding/2 {
			t.Errorf("%q of size %v is over the edge of the label of %v x %v: %+v", b.text, b.size, width, height, b)
		}
	}
}
