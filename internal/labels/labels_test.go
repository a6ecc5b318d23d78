package labels

import (
	"bufio"
	"bytes"
	"encoding/base32"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	"tpmdps/internal/enroll"
	"tpmdps/internal/identity"
	"tpmdps/internal/inventory"
)

const idCharacters = "abcdefghijklmnopqrstuvwxyz0123456789-._:"

// someID is a random ID of a length. Its first and last characters are of those that are
// allowed there.
func someID(r *rand.Rand, n int) string {
	id := make([]byte, n)
	for i := range id {
		id[i] = idCharacters[r.IntN(len(idCharacters))]
	}
	id[0], id[n-1] = idCharacters[r.IntN(36)], idCharacters[r.IntN(37)]
	if n == 1 {
		id[0] = idCharacters[r.IntN(36)]
	}
	return string(id)
}

// manyIDs has an ID of every length, each character, those that scanners and printers
// read otherwise, and derived ones.
func manyIDs(t *testing.T) []string {
	t.Helper()
	r := rand.New(rand.NewPCG(7, 15))
	ids := []string{"a:b", "0-", "00", "123456789012", "0123456789.-:-", "a__b", "a_1b_2", "a_5009", "a-", "d03048f",
		"1" + strings.Repeat("-", 127), strings.Repeat("w", 128), strings.Repeat("0", 127) + "a", strings.Repeat("9", 128), "a" + strings.Repeat("_", 126) + "b"}
	for n := 1; n <= 128; n++ {
		ids = append(ids, someID(r, n))
	}
	for i := range 36 {
		ids = append(ids, idCharacters[i:i+1])
	}
	for _, c := range idCharacters {
		ids = append(ids, fmt.Sprintf("x%c%[1]cy", c))
	}
	for range 20 {
		var sum [32]byte
		for i := range sum {
			sum[i] = byte(r.Uint32())
		}
		ids = append(ids, hex.EncodeToString(sum[:]), strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:])))
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	for _, id := range ids {
		if err := identity.CheckRegistrationID(id); err != nil {
			t.Fatal(err)
		}
	}
	return ids
}

// machine is one of an inventory, with a key of its own.
func machine(id, serial string, labels map[string]string) inventory.Entry {
	return inventory.Entry{Line: 1, Record: identity.Record{RegistrationID: id, EndorsementKey: "key of " + id, Host: identity.Host{Serial: serial}, Labels: labels}}
}

func each(entries ...inventory.Entry) iter.Seq2[inventory.Entry, error] {
	return func(yield func(inventory.Entry, error) bool) {
		for i, e := range entries {
			e.Line = i + 1
			if !yield(e, nil) {
				return
			}
		}
	}
}

func options(t *testing.T, format, code, sheet string) Options {
	t.Helper()
	o := Options{Format: format, Code: code, Dots: 203}
	var err error
	if format == ZPL {
		o.Sheet, err = NewLabel(Grid{})
	} else {
		o.Sheet, err = NewSheet(sheet, Grid{})
	}
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func write(t *testing.T, o Options, entries ...inventory.Entry) (string, Written) {
	t.Helper()
	var b bytes.Buffer
	buffered := bufio.NewWriter(&b) // which bufio.NewWriter returns as it is
	done, err := Write(buffered, each(entries...), o)
	if err := errors.Join(err, buffered.Flush()); err != nil {
		t.Fatal(err)
	}
	return b.String(), done
}

// Every code of a sheet, rasterised, gives the ID of its label, on every sheet; the lines
// beside it are the ID, too.
func TestEveryCodeReadsBack(t *testing.T) {
	ids, tried := manyIDs(t), 0
	for i, name := range Names() {
		for _, code := range []string{DataMatrix, QR} {
			t.Run(name+" "+code, func(t *testing.T) {
				o := options(t, HTML, code, name)
				some := ids
				if i > 0 { // what differs is the size only
					some = nil
					for n := i; n < len(ids); n += 12 {
						some = append(some, ids[n])
					}
					some = append(some, strings.Repeat("w", 127)+"y")
				}
				var entries []inventory.Entry
				for n, id := range some {
					entries = append(entries, machine(id, fmt.Sprintf("SN-%06d", n), map[string]string{"order": "4711", "line": "7"}))
				}
				doc, done := write(t, o, entries...)
				var cells []cell
				for _, sheet := range sheetsOf(t, doc) {
					cells = append(cells, sheet...)
				}
				if len(cells) != len(some) || done.Labels != len(some) {
					t.Fatalf("%d labels of %d, %+v", len(cells), len(some), done)
				}
				quiet := map[string]int{DataMatrix: 2, QR: 4}[code]
				for n, c := range cells {
					c.inside(t, o.Sheet.LabelWidth, o.Sheet.LabelHeight)
					if c.pm < minModule {
						t.Errorf("%q: modules of %v mm", some[n], c.pm)
					}
					if got, err := scan(c.raster(o.Sheet.LabelWidth, o.Sheet.LabelHeight, quiet), code); err != nil || got != some[n] {
						t.Errorf("%q: read %q, %v", some[n], got, err)
					}
					var read string
					for _, l := range c.texts {
						read += l.text
					}
					if !strings.HasPrefix(read, some[n]) {
						t.Errorf("%q: people read %q", some[n], read)
					}
					tried++
				}
			})
		}
	}
	t.Logf("%d codes were read back", tried)
}

// SVG and HTML have the same labels.
func TestSVGIsOneSheet(t *testing.T) {
	var entries []inventory.Entry
	for i := range 27 { // 3 x 9
		entries = append(entries, machine(fmt.Sprint("box-", i), "", nil))
	}
	svg, done := write(t, options(t, SVG, QR, "a4"), entries...)
	page, _ := write(t, options(t, HTML, QR, "a4"), entries...)
	if !strings.HasPrefix(svg, "<?xml") || strings.TrimPrefix(svg, svgHead) != pageSVG.FindString(page)+"\n" || done != (Written{Labels: 27, Sheets: 1}) {
		t.Errorf("SVG differs from HTML, or %+v", done)
	}
	var b bytes.Buffer
	_, err := Write(&b, each(append(entries, machine("box-27", "", nil))...), options(t, SVG, QR, "a4"))
	if !errors.Is(err, ErrSize) || !strings.Contains(err.Error(), "line 28: ") || b.Len() != 0 {
		t.Errorf("28 labels on a sheet of 27: %v, %d bytes", err, b.Len())
	}
	if _, done = write(t, options(t, HTML, QR, "a4"), append(entries, machine("box-27", "", nil))...); done.Sheets != 2 {
		t.Errorf("28 labels: %+v", done)
	}
}

func TestWhichMachinesGetALabel(t *testing.T) {
	moved := machine("box-1", "", nil)
	moved.Record.EndorsementKey = "another key"
	x509 := inventory.Entry{Record: identity.Record{RegistrationID: "cert"}, Other: "x509"}
	damaged := errors.New("damaged")
	for name, test := range map[string]struct {
		machines iter.Seq2[inventory.Entry, error]
		want     Written
		err      error
	}{
		"none":              {each(), Written{}, nil},
		"one":               {each(machine("box-1", "", nil)), Written{Labels: 1, Sheets: 1}, nil},
		"read twice":        {each(machine("box-1", "", nil), machine("box-2", "", nil), machine("box-1", "", nil)), Written{Labels: 2, Sheets: 1, Repeated: 1}, nil},
		"without a TPM":     {each(x509, machine("box-1", "", nil)), Written{Labels: 1, Sheets: 1, Others: 1}, nil},
		"only without":      {each(x509), Written{Others: 1}, nil},
		"one ID, two boxes": {each(machine("box-1", "", nil), moved), Written{}, ErrAlike},
		"duplicate":         {each(machine("box-1", "", nil), moved), Written{}, enroll.ErrDuplicate},
		"one serial":        {each(machine("box-1", "S1", nil), machine("box-2", "s 1", nil)), Written{}, ErrAlike},
		"no serial":         {each(machine("box-1", "Default string", nil), machine("box-2", "Default string", nil)), Written{Labels: 2, Sheets: 1}, nil},
		"a bad ID":          {each(machine("<b>", "", nil)), Written{}, identity.ErrRegistrationID},
		"damaged": {func(yield func(inventory.Entry, error) bool) {
			_ = yield(machine("box-1", "", nil), nil) && yield(inventory.Entry{}, damaged)
		}, Written{}, damaged},
	} {
		for _, format := range []string{HTML, SVG, ZPL} {
			var b bytes.Buffer
			done, err := Write(&b, test.machines, options(t, format, QR, "a4"))
			if test.err == nil && format == ZPL {
				test.want.Sheets = 0
			}
			if !errors.Is(err, test.err) || err == nil && done != test.want {
				t.Errorf("%s, %s: %+v, %v, want %+v, %v", name, format, done, err, test.want, test.err)
			}
			checked, checkErr := Check(test.machines)
			if checked.Sheets = done.Sheets; !errors.Is(checkErr, test.err) || checked != done {
				t.Errorf("%s: Check() = %+v, %v", name, checked, checkErr)
			}
			if done.Labels == 0 && b.Len() != 0 {
				t.Errorf("%s, %s: no label, but %q", name, format, b.String())
			}
			if format == SVG && err != nil && b.Len() != 0 {
				t.Errorf("%s: SVG was written of what cannot be labelled", name)
			}
		}
	}
}

// A placeholder of the maker's is not printed as a serial number.
func TestPlaceholderSerial(t *testing.T) {
	for serial, want := range map[string]string{"": "", "To be filled by O.E.M.": "", "Default string": "", "PF3K-22": "S/N PF3K-22", "  a\t b\n": "S/N a b"} {
		l, err := labelOf(machine("box-1", serial, nil).Record)
		if got := strings.Join(l.texts, "|"); err != nil || got != want {
			t.Errorf("%q: %q, %v, want %q", serial, got, err, want)
		}
	}
}

// Labels of a sheet are on the paper and not over each other; what has no space is refused.
func TestSheets(t *testing.T) {
	nan := math.NaN()
	for _, name := range Names() {
		for _, g := range []Grid{{}, {Columns: 1}, {Columns: 2, Width: 90, Height: 40}, {Columns: 4}, {Width: 38, Height: 21}, {Height: 15.5}, {Columns: 19}} {
			s, err := NewSheet(name, g)
			if err != nil && (strings.HasPrefix(name, "a4") || name == "letter" || g == Grid{}) {
				t.Errorf("%s, %+v: %v", name, g, err)
			}
			if err != nil {
				continue
			}
			for n := range s.count() {
				x, y := s.corner(n)
				if x < 0 || y < 0 || x+s.LabelWidth > s.PaperWidth+1e-6 || y+s.LabelHeight > s.PaperHeight+1e-6 {
					t.Errorf("%s, %+v: label %d is over the edge: %v, %v", name, g, n, x, y)
				}
			}
			if s.ColumnPitch < s.LabelWidth-1e-6 || s.RowPitch < s.LabelHeight-1e-6 || s.count() < 1 {
				t.Errorf("%s, %+v: labels lie over each other: %+v", name, g, s)
			}
		}
		for _, g := range []Grid{{Columns: -1}, {Columns: 4, Width: 60}, {Columns: 20}, {Width: 9}, {Height: -3}, {Width: nan}, {Height: nan}, {Width: math.Inf(1)}, {Width: 1e300, Height: 20}, {Height: 300}, {Columns: math.MaxInt}} {
			if s, err := NewSheet(name, g); !errors.Is(err, ErrSize) {
				t.Errorf("%s, %+v: %+v, %v", name, g, s, err)
			}
		}
	}
	for _, name := range []string{"", "A4", "l7160 "} {
		if _, err := NewSheet(name, Grid{}); !errors.Is(err, ErrSize) {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, g := range []Grid{{Width: 9}, {Height: nan}, {Width: math.Inf(1)}, {Width: -1}} {
		if _, err := NewLabel(g); !errors.Is(err, ErrSize) {
			t.Errorf("%+v: %v", g, err)
		}
	}
}

// A label on which an ID cannot be scanned or read is refused, never cut.
func TestLabelsTooSmall(t *testing.T) {
	fits, refused := 0, 0
	for width := 10.0; width <= 70; width += 5 {
		for height := 10.0; height <= 40; height += 5 {
			for _, id := range []string{"7", "line7-4711", strings.Repeat("ab2x", 13), strings.Repeat("0f", 32), strings.Repeat("w", 128)} {
				for _, code := range []string{DataMatrix, QR} {
					d, err := draw(label{id: id, texts: []string{"S/N 1234567890123456789012345678901234567890", "a=b"}}, code, width, height)
					switch {
					case errors.Is(err, ErrSize):
						refused++
						continue
					case err != nil:
						t.Fatal(err)
					}
					fits++
					var read string
					for _, l := range d.lines {
						if read += l.text; l.size < minFont-1e-6 || l.x+l.width() > width-padding+1e-6 || l.y > height-padding+1e-6 {
							t.Errorf("%s on %v x %v: %+v", id, width, height, l)
						}
					}
					if !strings.HasPrefix(read, id) || d.module < minModule || d.y+d.module*float64(d.code.side) > height {
						t.Errorf("%s on %v x %v: %+v", id, width, height, d)
					}
				}
			}
		}
	}
	if fits < 100 || refused < 100 {
		t.Errorf("%d fit, %d were refused", fits, refused)
	}
}

// Memory does not grow with what is written.
func TestMemory(t *testing.T) {
	var first, last uint64
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	const machines = 6000
	var out counter
	done, err := Write(&out, func(yield func(inventory.Entry, error) bool) {
		for i := range machines {
			if i == 500 {
				first = heap()
			}
			if !yield(machine(fmt.Sprintf("line7-%045d", i), fmt.Sprint("SN", i), nil), nil) {
				return
			}
		}
		last = heap()
	}, options(t, HTML, DataMatrix, "a4"))
	if err != nil || done.Labels != machines {
		t.Fatal(done, err)
	}
	if grown := int64(last) - int64(first); grown > int64(out)/4 || out < 10<<20 {
		t.Errorf("%d bytes were kept of %d", grown, out)
	}
	t.Logf("%d bytes kept of %d", int64(last)-int64(first), out)
}

type counter int64

func (c *counter) Write(p []byte) (int, error) { *c += counter(len(p)); return len(p), nil }

// A writer that fails ends it, in every format.
func TestWriterFails(t *testing.T) {
	full := errors.New("no space")
	for _, format := range []string{HTML, SVG, ZPL} {
		for _, after := range []int{0, 100, 5000} {
			var entries []inventory.Entry
			for i := range 20 {
				entries = append(entries, machine(fmt.Sprint("box-", i), "", nil))
			}
			if _, err := Write(&failing{after, full}, each(entries...), options(t, format, QR, "a4")); !errors.Is(err, full) && !(format == ZPL && after == 5000) {
				t.Errorf("%s, full after %d bytes: %v", format, after, err)
			}
		}
	}
}

type failing struct {
	left int
	err  error
}

func (f *failing) Write(p []byte) (int, error) {
	if f.left -= len(p); f.left < 0 {
		return 0, f.err
	}
	return len(p), nil
}
