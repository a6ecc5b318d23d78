package tomledit

import (
	"fmt"
	"slices"

	"github.com/pelletier/go-toml/v2/unstable"
)

// Kind says what an entry is.
type Kind int

// The kinds: two sorts of header, then those of values.
const (
	Table      Kind = iota + 1 // [a.b]
	ArrayTable                 // [[a.b]]
	String
	Integer
	Float
	Bool
	DateTime
	Array
	InlineTable
)

var kindNames = [...]string{"nothing", "table", "array of tables", "string", "integer", "float", "boolean", "date or time", "array", "inline table"}

// String names the kind in the words of the TOML specification.
func (k Kind) String() string { return kindNames[k] }

// Span is a part of the file: from byte Start up to and without byte End.
type Span struct{ Start, End int }

// Entry is a header, a key with its value, or a member of an inline table.
type Entry struct {
	// Path names it from the top of the document, without quotes.
	Path []string
	Kind Kind
	// Line and Column are where the key or the header's bracket begins, from 1.
	Line, Column int
	// Text is the decoded text of a String, and any other scalar as it stands.
	Text string
	// Items are the strings in an Array; what else is in it is left out.
	Items []string
	// Header is the path of the [table] under which it stands; nil at the top.
	Header []string
	// InArray: it is in a [[table]], or in an inline table in an array.
	InArray bool
	// Inline: it is a member of an inline table.
	Inline bool
	// TOML11: its inline table spans lines or ends in a comma, which TOML 1.0
	// does not allow. IoT Edge reads TOML 1.1 since 1.6.
	TOML11 bool
	// Key and Value are where they stand. A header has only a Key, from the
	// first bracket to the last.
	Key, Value Span
}

// walker reads the expressions of a document, one after the other.
type walker struct {
	d      *Document
	base   int // bytes before the parser's input
	parser unstable.Parser

	header  []string
	inArray bool
	arrays  [][]string // the paths of all [[tables]] so far
	refused *SyntaxError
}

// What a file may have: the work on it grows with the square of either. A
// config.toml has some hundred entries, five deep.
const (
	maxEntries = 10_000
	maxDepth   = 100
)

// add takes an entry, if the file has not too much already.
func (w *walker) add(e Entry) bool {
	switch {
	case w.refused != nil:
	case len(w.d.entries) == maxEntries:
		w.refused = &SyntaxError{e.Line, e.Column, fmt.Sprintf("the file has more than %d keys", maxEntries)}
	case len(e.Path) > maxDepth:
		w.refused = &SyntaxError{e.Line, e.Column, fmt.Sprintf("the key is more than %d tables deep", maxDepth)}
	default:
		w.d.entries = append(w.d.entries, e)
	}
	return w.refused == nil
}

func (w *walker) run() error {
	for w.refused == nil && w.parser.NextExpression() {
		switch e := w.parser.Expression(); e.Kind {
		case unstable.Table, unstable.ArrayTable:
			w.table(e)
		case unstable.KeyValue:
			w.keyValue(e, Entry{Path: w.header, Header: w.header, InArray: w.inArray})
		}
	}
	if w.refused != nil {
		return w.refused
	}
	if err := w.parser.Error(); err != nil {
		return w.d.parserError(err, w.base, w.parser.Data())
	}
	return nil
}

// table notes a header, and that what follows stands under it.
func (w *walker) table(e *unstable.Node) {
	path, first, last := w.key(e)
	entry := Entry{Path: path, Header: path, Kind: Table}
	if e.Kind == unstable.ArrayTable {
		entry.Kind = ArrayTable
		w.arrays = append(w.arrays, path)
	}
	data := w.d.data
	start, end := first, last
	for data[start] != '[' {
		start--
	}
	for data[end] != ']' {
		end++
	}
	end++
	if entry.Kind == ArrayTable {
		start, end = start-1, end+1
	}
	entry.Key = Span{start, end}
	entry.Line, entry.Column = w.d.position(start)
	entry.InArray = slices.ContainsFunc(w.arrays, func(a []string) bool { return hasPrefix(path, a) })
	w.header, w.inArray = path, entry.InArray
	w.add(entry)
}

// keyValue notes a key, and the members of its value. around says where it
// stands; its path is that of the table around it.
func (w *walker) keyValue(e *unstable.Node, around Entry) {
	path, first, last := w.key(e)
	entry := around
	entry.Path = slices.Concat(around.Path, path)
	entry.Key = Span{first, last}
	entry.Line, entry.Column = w.d.position(first)
	end := w.base + int(e.Raw.Offset+e.Raw.Length)
	start := last
	for start < end && w.d.data[start] != '=' {
		start++
	}
	start++
	for start < end && (w.d.data[start] == ' ' || w.d.data[start] == '\t') {
		start++
	}
	entry.Value = Span{start, end}
	value := e.Value()
	entry.Kind = kinds[value.Kind]
	switch value.Kind {
	case unstable.String:
		entry.Text = string(value.Data)
	case unstable.Array:
		entry.Items = items(value)
	case unstable.InlineTable:
		entry.TOML11 = w.isTOML11(value, entry.Value)
	default:
		entry.Text = string(w.d.data[start:end])
	}
	if w.add(entry) {
		w.members(value, entry)
	}
}

// members notes what is in inline tables, those in arrays too.
func (w *walker) members(value *unstable.Node, around Entry) {
	switch value.Kind {
	case unstable.InlineTable:
		around.Inline = true
		for it := value.Children(); it.Next(); {
			if it.Node().Kind == unstable.KeyValue {
				w.keyValue(it.Node(), Entry{Path: around.Path, Header: around.Header, InArray: around.InArray, Inline: true})
			}
		}
	case unstable.Array:
		around.InArray = true
		for it := value.Children(); it.Next(); {
			w.members(it.Node(), around)
		}
	}
}

// key returns the path of a key or header, and where it begins and ends.
func (w *walker) key(e *unstable.Node) (path []string, start, end int) {
	for it := e.Key(); it.Next(); {
		raw := it.Node().Raw
		if len(path) == 0 {
			start = w.base + int(raw.Offset)
		}
		end = w.base + int(raw.Offset+raw.Length)
		path = append(path, string(it.Node().Data))
	}
	return path, start, end
}

var kinds = map[unstable.Kind]Kind{
	unstable.String: String, unstable.Integer: Integer, unstable.Float: Float, unstable.Bool: Bool,
	unstable.LocalDate: DateTime, unstable.LocalTime: DateTime, unstable.LocalDateTime: DateTime, unstable.DateTime: DateTime,
	unstable.Array: Array, unstable.InlineTable: InlineTable,
}

func items(array *unstable.Node) []string {
	var texts []string
	for it := array.Children(); it.Next(); {
		if it.Node().Kind == unstable.String {
			texts = append(texts, string(it.Node().Data))
		}
	}
	return texts
}

// isTOML11 looks between the members of an inline table for what TOML 1.0 has
// not.
func (w *walker) isTOML11(table *unstable.Node, span Span) bool {
	at, comma := span.Start+1, false
	between := func(end int) bool {
		text := w.d.data[at:end]
		comma = slices.Contains(text, ',')
		return slices.Contains(text, '\n')
	}
	for it := table.Children(); it.Next(); {
		if it.Node().Kind != unstable.KeyValue {
			return true // a comment, which needs a line of its own
		}
		raw := it.Node().Raw
		if between(w.base + int(raw.Offset)) {
			return true
		}
		at = w.base + int(raw.Offset+raw.Length)
	}
	return between(span.End-1) || comma
}

func hasPrefix(path, prefix []string) bool {
	return len(path) >= len(prefix) && slices.Equal(path[:len(prefix)], prefix)
}
