package inventory

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"tpmdps/internal/identity"
	"tpmdps/internal/spelling"
	"tpmdps/internal/text"
)

const (
	// maxHeader bounds the first lines of a table, with its header.
	maxHeader = 16 << 10
	// maxEmpty bounds how many bytes of empty rows may follow each other: as many rows
	// as Excel has.
	maxEmpty = 16 << 20
	// maxRow bounds a row of a table, with the blank lines before it.
	maxRow = 256 << 10
)

// table is a table that is being read: CSV, or what spreadsheets and PowerShell write
// for it.
type table struct {
	separator rune
	before    int // bytes before the header
	line      int // of the header
	columns   []column
	csv       *csv.Reader
	budget    *budget
}

// newTable looks for a header at the begin of a text: a row with a column
// endorsement_key, with any of the separators, after Excel's line "sep=;" or the line
// "#TYPE …" of PowerShell's Export-Csv. nil is for any other text.
func newTable(begin []byte, line int) *table {
	t := &table{line: line}
	rest := begin
	for {
		first, after, _ := bytes.Cut(rest, []byte("\n"))
		first = bytes.Trim(first, " \r\"")
		sep, isSep := bytes.CutPrefix(bytes.ToLower(first), []byte("sep="))
		switch {
		case isSep && len(sep) == 1:
			t.separator = rune(sep[0])
		case bytes.HasPrefix(first, []byte("#TYPE ")), len(first) == 0 && len(after) > 0:
		default:
			t.before = len(begin) - len(rest)
			return t.header(rest)
		}
		rest, t.line = after, t.line+1
	}
}

// header finds the separator with which a row has the column of the key.
func (t *table) header(rest []byte) *table {
	separators := []rune{';', ',', '\t'}
	if t.separator != 0 {
		separators = []rune{t.separator}
	}
	for _, separator := range separators {
		r := csv.NewReader(bytes.NewReader(rest))
		r.Comma, r.FieldsPerRecord, r.LazyQuotes = separator, -1, true
		cells, err := r.Read()
		if err != nil {
			continue
		}
		for _, cell := range cells {
			if fold(strings.Join(strings.Fields(cell), "")) == "endorsementkey" {
				t.separator = separator
				return t
			}
		}
	}
	return nil
}

// read reads the rows.
func (t *table) read(b *reader) error {
	b.in.skip(t.before)
	t.budget = &budget{from: b.in}
	t.csv = csv.NewReader(t.budget)
	t.csv.Comma, t.csv.FieldsPerRecord, t.csv.ReuseRecord = t.separator, -1, true
	cells, at, err := t.row(t.line)
	if err != nil {
		return t.fault(b, t.line, err)
	}
	if err := t.name(cells, b.inv); err != nil {
		return fmt.Errorf("line %d: %w: %w", at, identity.ErrRecord, err)
	}
	filled, after := t.budget.read, at
	for last := at; ; last = at {
		cells, at, err = t.row(last + 1)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return t.fault(b, at, err)
		case !slices.ContainsFunc(cells, func(cell string) bool { return strings.TrimSpace(cell) != "" }):
			if t.budget.read-filled > maxEmpty {
				return fmt.Errorf("line %d: %w: more than %d bytes of empty rows", after+1, identity.ErrRecord, maxEmpty)
			}
			continue // what a spreadsheet writes below a table
		}
		filled, after = t.budget.read, at
		e, err := t.entry(cells)
		if err == nil {
			err = e.Settings.Validate()
		}
		if err != nil {
			if !errors.Is(err, identity.ErrRecord) {
				err = fmt.Errorf("%w: %w", identity.ErrRecord, err)
			}
			if err = fmt.Errorf("line %d: %w", at, err); b.skips(err) {
				continue
			}
			return err
		}
		e.Line = at
		if err := b.emit(e); err != nil {
			return err
		}
	}
}

// row reads the next row. next is a line that it cannot be before.
func (t *table) row(next int) (cells []string, line int, err error) {
	t.budget.until = t.budget.read + maxRow
	cells, err = t.csv.Read()
	var parse *csv.ParseError
	known := err == nil || errors.As(err, &parse) // after another error a row is made up
	if known && len(cells) > 0 {
		at, _ := t.csv.FieldPos(0)
		return cells, t.line + at - 1, err
	}
	if parse != nil {
		next = t.line + parse.StartLine - 1
	}
	return nil, next, err
}

// fault says what is wrong with a row, in words of the table.
func (t *table) fault(b *reader, line int, err error) error {
	var parse *csv.ParseError
	switch {
	case errors.Is(err, errLong):
		return fmt.Errorf("line %d: %w: the row is longer than %d bytes, or there are as many empty lines", line, identity.ErrRecord, maxRow)
	case errors.As(err, &parse) && errors.Is(parse.Err, csv.ErrQuote):
		return fmt.Errorf("line %d: %w: a cell has a quote that is not closed, or text after the closing one", line, identity.ErrRecord)
	case errors.As(err, &parse):
		return fmt.Errorf("line %d: %w: a quote stands in a cell that does not begin with one; quotes in a cell are doubled, and the cell is put in quotes", line, identity.ErrRecord)
	case errors.Is(err, io.EOF):
		return nil
	}
	return b.readFault(err)
}

// name finds out what the columns are. One that is nearly a known one is refused: it
// would be left out without a word. Others are noted.
func (t *table) name(cells []string, inv *Inventory) error {
	seen := map[string]bool{}
	var unused []string
	for _, cell := range cells {
		name := strings.TrimSpace(cell)
		c, known := columnOf(name)
		if known && seen[c.id] {
			return fmt.Errorf("the column %s stands twice", c.id)
		}
		seen[c.id] = known
		t.columns = append(t.columns, c)
		if known || name == "" {
			continue
		}
		if meant := spelling.Nearest(strings.ToLower(name), columnNames); meant != "" {
			return fmt.Errorf("unknown column %q; is it %s? Otherwise rename it", text.Printable(name, 40), meant)
		}
		unused = append(unused, text.Printable(name, 40))
	}
	if len(unused) > maxNamed {
		unused = append(unused[:maxNamed:maxNamed], fmt.Sprintf("and %d more", len(unused)-maxNamed))
	}
	if len(unused) > 0 {
		inv.note("columns that are not used: " + strings.Join(unused, ", "))
	}
	return nil
}

// entry is the machine of a row.
func (t *table) entry(cells []string) (Entry, error) {
	row := rowValues{labels: map[string]string{}}
	for i, cell := range cells {
		cell = strings.TrimSpace(text.PlainCell(cell))
		switch {
		case cell == "":
			continue
		case i >= len(t.columns):
			return Entry{}, fmt.Errorf("it has %d cells, and the header %d: a separator in a cell that is not in quotes?", len(cells), len(t.columns))
		case t.columns[i].set == nil:
			continue
		}
		c := t.columns[i]
		if c.id != "endorsement_key" && strings.ContainsFunc(cell, func(r rune) bool { return !text.Visible(r) }) {
			return Entry{}, fmt.Errorf("%s has a character that cannot be printed", c.id)
		}
		if err := c.set(&row, cell); err != nil {
			return Entry{}, fmt.Errorf("%s: %w", c.id, err)
		}
	}
	return row.entry()
}

// budget is a reader that ends where it was allowed to read.
type budget struct {
	from        io.Reader
	read, until int64
}

func (b *budget) Read(p []byte) (int, error) {
	if b.read >= b.until {
		return 0, errLong
	}
	n, err := b.from.Read(p[:min(int64(len(p)), b.until-b.read)])
	b.read += int64(n)
	return n, err
}
