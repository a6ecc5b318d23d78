package labels

import (
	"bufio"
	"bytes"
	"fmt"
	"html"
	"io"
	"strings"
)

// pages writes sheets as SVG: one alone, or each as a page of HTML.
type pages struct {
	w      *bufio.Writer
	o      Options
	on     int // labels on the sheet that was begun
	sheets int
	to     io.Writer
	kept   bytes.Buffer // a sheet of SVG, until all labels are known to fit on it
}

func newPages(w io.Writer, o Options) *pages {
	p := &pages{o: o, to: w}
	if o.Format == SVG {
		w = &p.kept
	}
	p.w = bufio.NewWriter(w)
	return p
}

// The page. Nothing in it may load or run anything: if a text ever got through the
// escaping, the browser would still refuse it.
const (
	htmlHead = `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Labels</title>
<style>
@page { size: %smm %smm; margin: 0 }
body { margin: 0 }
svg { display: block; overflow: hidden; break-inside: avoid }
svg + svg { break-before: page }
</style>
</head>
<body>
`
	htmlFoot = "</body>\n</html>\n"
	svgHead  = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
)

func (p *pages) add(l label) error {
	d, err := draw(l, p.o.Code, p.o.Sheet.LabelWidth, p.o.Sheet.LabelHeight)
	if err != nil {
		return err
	}
	if p.on == p.o.Sheet.count() {
		if p.o.Format == SVG {
			return fmt.Errorf("%w: %d of them are on a sheet, and SVG has one sheet only: choose html, which has a page for each", ErrSize, p.on)
		}
		p.w.WriteString("</svg>\n")
		p.on = 0
	}
	if p.on == 0 {
		p.begin()
	}
	x, y := p.o.Sheet.corner(p.on)
	p.on++
	p.label(d, x, y)
	_, err = p.w.WriteString("") // the first error of the writer
	return err
}

// begin begins a sheet, and before the first one the document.
func (p *pages) begin() {
	s := p.o.Sheet
	width, height := number(s.PaperWidth), number(s.PaperHeight)
	switch {
	case p.o.Format == SVG:
		p.w.WriteString(svgHead)
	case p.sheets == 0:
		fmt.Fprintf(p.w, htmlHead, width, height)
	}
	p.sheets++
	fmt.Fprintf(p.w, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%smm\" height=\"%smm\" viewBox=\"0 0 %[1]s %[2]s\" font-family=\"'DejaVu Sans Mono', Consolas, 'Courier New', monospace\">\n", width, height)
	fmt.Fprintf(p.w, "<rect width=\"%s\" height=\"%s\" fill=\"#fff\"/>\n", width, height)
}

// label writes one label: its outline on plain paper, the code as rows of modules, the texts.
func (p *pages) label(d drawing, x, y float64) {
	fmt.Fprintf(p.w, "<g transform=\"translate(%s %s)\">\n", number(x), number(y))
	if p.o.Sheet.Plain {
		fmt.Fprintf(p.w, "<rect width=\"%s\" height=\"%s\" fill=\"none\" stroke=\"#bbb\" stroke-width=\"0.1\"/>\n", number(p.o.Sheet.LabelWidth), number(p.o.Sheet.LabelHeight))
	}
	fmt.Fprintf(p.w, "<path transform=\"translate(%s %s) scale(%s)\" shape-rendering=\"crispEdges\" d=\"%s\"/>\n", number(d.x), number(d.y), number(d.module), path(d.code))
	for _, l := range d.lines {
		// With a length of its own a text stays on the label, whatever the font.
		fmt.Fprintf(p.w, "<text x=\"%s\" y=\"%s\" font-size=\"%s\" textLength=\"%s\" lengthAdjust=\"spacingAndGlyphs\">%s</text>\n",
			number(l.x), number(l.y), number(l.size), number(l.width()), html.EscapeString(l.text))
	}
	p.w.WriteString("</g>\n")
}

// path draws the dark modules, each run of a row as a rectangle.
func path(m matrix) string {
	var b strings.Builder
	for y := range m.side {
		for x := 0; x < m.side; x++ {
			n := 0
			for m.at(x+n, y) {
				n++
			}
			if n > 0 {
				fmt.Fprintf(&b, "M%d %dh%dv1h-%[3]dz", x, y, n)
				x += n
			}
		}
	}
	return b.String()
}

func (p *pages) end() (int, error) {
	p.w.WriteString("</svg>\n")
	if p.o.Format != SVG {
		p.w.WriteString(htmlFoot)
	}
	if err := p.w.Flush(); err != nil {
		return p.sheets, err
	}
	_, err := p.kept.WriteTo(p.to)
	return p.sheets, err
}
