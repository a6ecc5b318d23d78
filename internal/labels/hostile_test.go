package labels

import (
	"fmt"
	"image"
	"image/color"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"tpmdps/internal/inventory"
	"tpmdps/internal/text"
)

// hostile are texts of firmware and of files that would be something else than text if they
// got onto a sheet or to a printer as they are.
var hostile = []string{
	"<script>alert(1)</script>", "</text></g></svg><script>x</script>", "\"><img src=x onerror=alert(1)>", "' onload='x", "&lt;b&gt;", "&#x3c;b>", "]]>", "<![CDATA[x]]>", "<!-- x", "<?xml?>",
	"<!ENTITY a \"b\">", "</style><style>*{}", "javascript:alert(1)", "<a xlink:href='http://x'>", "<use href='#a'/>", "<foreignObject>", "textLength=\"0\"",
	"^XA^FDx^FS^XZ", "^FS^XZ^XA^JUS^XZ", "~JR", "~DGR:X.GRF,1,1,00", "^FH_^FD_5E", "_5E", "_7E_4A_52", "\\&", "\\\\", "\\(*", "a^b~c\\d_e", "^CC!", "~CT!", "^", "~", "_", "\\", "^XZ",
	"a\x00b", "a\x1b[2Jb", "a\r\nb", "a\tb", "\x02\x03\x10", "\x7f", "a\u0085b", "a\u2028b", "a\u202eb", "\u200bx", "a\ufeffb", "\xff\xfe", "\xc3\x28", "\ufffe\uffff", "\ud7ff\ue000",
	"Süd 北 שלום", "🔧 é́", strings.Repeat("W", 500), strings.Repeat("<", 200), strings.Repeat("^", 300), "=1+1", "%s%d%!", "{serial}", "${x}", "`id`",
}

// What a label shows of a text is that text, without what cannot be printed, and nothing of
// the document comes from it.
func TestHostileTextsOnSheets(t *testing.T) {
	for _, format := range []string{HTML, SVG} {
		for _, h := range hostile {
			for where, m := range hostileMachines(h) {
				o := options(t, format, QR, "a4")
				doc, _ := write(t, o, m)
				clean, _ := write(t, o, machine("box-1", "S1", map[string]string{"a": "b"}))
				if got, want := elements(doc), elements(clean); got != want {
					t.Errorf("%s, %q as %s: the elements are %s, want %s", format, h, where, got, want)
				}
				for _, r := range doc {
					if r != '\n' && !text.Visible(r) {
						t.Errorf("%s, %q as %s: %q is in the document", format, h, where, r)
					}
				}
				cells := sheetsOf(t, doc) // refuses every element that a sheet has not
				if len(cells) != 1 || len(cells[0]) != 1 {
					t.Fatalf("%s, %q as %s: %d sheets", format, h, where, len(cells))
				}
				cells[0][0].inside(t, o.Sheet.LabelWidth, o.Sheet.LabelHeight)
				checkTexts(t, fmt.Sprintf("%s, %q as %s", format, h, where), m, textsOf(cells[0][0]))
			}
		}
	}
	t.Logf("%d texts", len(hostile))
}

// hostileMachines have a text in each place where a text comes from outside.
func hostileMachines(h string) map[string]inventory.Entry {
	return map[string]inventory.Entry{
		"serial":       machine("box-1", h, map[string]string{"a": "b"}),
		"label":        machine("box-1", "S1", map[string]string{"a": h}),
		"label's name": machine("box-1", "S1", map[string]string{h: "b"}),
	}
}

var element = regexp.MustCompile(`<[/!?]?[A-Za-z]+`)

// elements are a document's tags, without those of the texts: how many lines there are
// depends on what is in them.
func elements(doc string) string {
	return strings.ReplaceAll(strings.Join(element.FindAllString(doc, -1), ""), "<text</text", "")
}

func textsOf(c cell) (all []string) {
	for _, t := range c.texts {
		all = append(all, t.text)
	}
	return all
}

// checkTexts compares what people read on a label with what was to be on it.
func checkTexts(t *testing.T, what string, m inventory.Entry, got []string) {
	t.Helper()
	l, err := labelOf(m.Record)
	if err != nil {
		t.Fatal(err)
	}
	want := append([]string{l.id}, l.texts...)
	if len(got) != len(want) {
		t.Fatalf("%s: %q, want %q", what, got, want)
	}
	for i := range want {
		begin, shortened := strings.CutSuffix(got[i], "…")
		if got[i] != want[i] && !(shortened && strings.HasPrefix(want[i], begin)) {
			t.Errorf("%s: %q, want %q", what, got[i], want[i])
		}
	}
}

// zplCommand is a command with its parameters, as a printer reads a job.
type zplCommand struct{ name, rest string }

// parseZPL reads a job as a printer does: ^ and ~ begin commands wherever they stand, ^A
// has one letter and a font, all others two.
func parseZPL(job string) (all []zplCommand) {
	for i := 0; i < len(job); {
		if job[i] != '^' && job[i] != '~' {
			all = append(all, zplCommand{"", job[i : i+1]})
			i++
			continue
		}
		end := i + 1 + strings.IndexAny(job[i+1:]+"^", "^~")
		name := job[i:min(i+3, end)]
		all = append(all, zplCommand{name, strings.TrimSuffix(job[i+len(name):end], "\n")})
		i = end
	}
	return all
}

// fieldText undoes ^FH_.
func fieldText(t *testing.T, s string) string {
	t.Helper()
	return regexp.MustCompile(`_(..)`).ReplaceAllStringFunc(s, func(h string) string {
		n, err := strconv.ParseUint(h[1:], 16, 8)
		if err != nil {
			t.Fatalf("%q in %q", h, s)
		}
		return string([]byte{byte(n)})
	})
}

// zplLabel is the order in which the commands of a label may come.
var zplLabel = regexp.MustCompile(`^(\^XA\^CI\^PW\^LL\^LH\^FO(\^BX|\^BQ)\^FH\^FD\^FS(\^FO\^A0\^FH\^FD\^FS)+\^XZ)+$`)

// labelOfZPL returns the data of the code and the texts of a job of one label.
func labelOfZPL(t *testing.T, what, job string) (data string, texts []string) {
	t.Helper()
	var names string
	var fields []string
	for _, c := range parseZPL(job) {
		names += c.name
		switch c.name {
		case "":
			t.Fatalf("%s: %q stands outside of commands in %q", what, c.rest, job)
		case "^FD":
			if strings.ContainsFunc(c.rest, func(r rune) bool { return r == '\\' || unicode.IsControl(r) || r > 126 }) {
				t.Errorf("%s: a field has %q", what, c.rest)
			}
			fields = append(fields, fieldText(t, c.rest))
		case "^FH":
			if c.rest != "_" {
				t.Errorf("%s: ^FH%s", what, c.rest)
			}
		}
	}
	if !zplLabel.MatchString(names) || strings.Count(names, "^XA") != 1 {
		t.Fatalf("%s: the commands are %s", what, names)
	}
	return fields[0], fields[1:]
}

func TestHostileTextsForPrinters(t *testing.T) {
	for _, code := range []string{DataMatrix, QR} {
		for _, h := range hostile {
			for where, m := range hostileMachines(h) {
				what := fmt.Sprintf("%s, %q as %s", code, h, where)
				job, _ := write(t, options(t, ZPL, code, ""), m)
				data, texts := labelOfZPL(t, what, job)
				if want := map[string]string{DataMatrix: "box-1", QR: "MA,box-1"}[code]; data != want {
					t.Errorf("%s: the code has %q", what, data)
				}
				checkTexts(t, what, m, texts)
			}
		}
	}
}

var codeCommand = regexp.MustCompile(`\^FO\d+,\d+(?:\^BXN,(\d+),200,,,,#|\^BQN,2,(\d+))\^FH_`)

// Every ID comes to the printer as it is, in a code that fits, and none has the character
// that begins control sequences of ^BX.
func TestEveryIDForPrinters(t *testing.T) {
	for _, dots := range []int{203, 300, 600} {
		if err := CheckDots(dots); err != nil {
			t.Fatal(err)
		}
		for _, code := range []string{DataMatrix, QR} {
			for n, id := range manyIDs(t) {
				if dots > 203 && n%8 > 0 {
					continue
				}
				o := options(t, ZPL, code, "")
				o.Dots = dots
				job, _ := write(t, o, machine(id, "SN", nil))
				data, texts := labelOfZPL(t, id, job)
				if code == QR {
					data = strings.TrimPrefix(data, "MA,")
				}
				if data != id || strings.Contains(id, "#") || !strings.HasPrefix(strings.Join(texts, ""), id) {
					t.Errorf("%s: the code has %q, the texts %q", id, data, texts)
				}
				size := codeCommand.FindStringSubmatch(job)
				if size == nil {
					t.Fatalf("%s: %s", id, job)
				}
				module, _ := strconv.Atoi(size[1] + size[2])
				m, _ := encode(code, id)
				if mm := float64(module) / float64(resolutions[dots]); mm < minModule || mm*float64(m.whole()) > o.Sheet.LabelHeight || code == QR && module > 10 {
					t.Errorf("%s at %d dpi: modules of %v mm", id, dots, mm)
				}
			}
		}
	}
	for _, dots := range []int{0, 200, -203, 1200} {
		if CheckDots(dots) == nil {
			t.Errorf("%d dpi are accepted", dots)
		}
	}
}

// The code on a terminal gives the ID, in the colours that are asked for and with a quiet zone.
func TestTerminalReadsBack(t *testing.T) {
	for _, id := range manyIDs(t) {
		var b strings.Builder
		if err := Terminal(&b, id); err != nil {
			t.Fatal(err)
		}
		rows := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
		var cells [][]rune
		for _, row := range rows {
			row, coloured := strings.CutPrefix(row, blackOnWhite)
			row, ended := strings.CutSuffix(row, ownColours)
			if !coloured || !ended || strings.Contains(row, "\x1b") {
				t.Fatalf("%s: a row is %q", id, row)
			}
			cells = append(cells, []rune(row))
		}
		if w := len(cells[0]); w > 57 || len(cells) > 29 {
			t.Errorf("%s: %d x %d characters", id, w, len(cells))
		}
		if got, err := scan(terminalImage(t, cells), QR); err != nil || got != id {
			t.Errorf("%q: read %q, %v", id, got, err)
		}
	}
}

// terminalImage paints what a terminal shows; the quiet zone has to be there on each side.
func terminalImage(t *testing.T, cells [][]rune) image.Image {
	t.Helper()
	const module = 4
	img := image.NewGray(image.Rect(0, 0, len(cells[0])*module, 2*len(cells)*module))
	for y, row := range cells {
		for x, r := range row {
			upper, lower := r == '█' || r == '▀', r == '█' || r == '▄'
			if !upper && !lower && r != ' ' {
				t.Fatalf("%q on the terminal", r)
			}
			if r != ' ' && (x < 4 || x >= len(row)-4 || y < 2 || y >= len(cells)-2) {
				t.Fatalf("a module at %d, %d in the quiet zone", x, y)
			}
			for i := range module * module * 2 {
				shade := color.Gray{255}
				if i < module*module && upper || i >= module*module && lower {
					shade = color.Gray{0}
				}
				img.SetGray(x*module+i%module, y*module*2+i/module, shade)
			}
		}
	}
	return img
}
