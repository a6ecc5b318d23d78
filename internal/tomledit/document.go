// Package tomledit reads a TOML file with the place of everything in it, and
// changes single values so that the rest of the file stays byte for byte as its
// owner wrote it: comments, order, quoting, indentation, line ends.
//
// The rule for its users: a Document is never changed. Set and Disable return
// another one, which was parsed again and is known to be valid TOML. What a key
// means is not known here; that is internal/edge's.
package tomledit

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"

	"tpmdps/internal/text"
)

// SyntaxError says where a file stops being TOML.
type SyntaxError struct {
	Line, Column int // from 1; the column counts characters
	Message      string
}

// Error says where it is and what is wrong.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.Message)
}

// Document is a TOML file and where everything in it stands.
type Document struct {
	data    []byte
	lines   []int // where each line begins
	entries []Entry
}

// bom may stand before a document (TOML 1.1, and IoT Edge's parser); editors on
// Windows write it.
var bom = []byte("\xef\xbb\xbf")

// Parse reads a whole document, TOML 1.0 or 1.1. Besides the syntax it checks
// that nothing is defined twice. A file that no person and no generator would
// write, of ten thousand keys or a hundred tables in each other, is refused. The
// error is a *SyntaxError.
func Parse(data []byte) (*Document, error) {
	d := &Document{data: bytes.Clone(data)}
	skip := 0
	if bytes.HasPrefix(d.data, bom) {
		skip = len(bom)
	}
	d.lines = append(d.lines, skip)
	for i, c := range d.data {
		if c == '\n' {
			d.lines = append(d.lines, i+1)
		}
	}
	if err := d.checkEncoding(); err != nil {
		return nil, err
	}
	w := walker{d: d, base: skip}
	w.parser.Reset(d.data[skip:])
	if err := w.run(); err != nil {
		return nil, err
	}
	var values map[string]any
	if err := toml.Unmarshal(d.data[skip:], &values); err != nil {
		return nil, d.redefined(err, skip)
	}
	return d, nil
}

// Bytes returns the file's text. It must not be changed.
func (d *Document) Bytes() []byte { return d.data }

// Values returns the whole document as maps, decoded again at each call.
func (d *Document) Values() map[string]any {
	values := map[string]any{}
	if err := toml.Unmarshal(bytes.TrimPrefix(d.data, bom), &values); err != nil {
		return nil // not possible: Parse has done it once
	}
	return values
}

// Entries returns every header, every key with its value, and every member of
// an inline table, in the order of the file.
func (d *Document) Entries() []Entry { return slices.Clone(d.entries) }

// Lookup finds the key or the [table] header of that path. What stands in
// arrays of tables is not found, since its path is not unique.
func (d *Document) Lookup(path ...string) (Entry, bool) {
	for _, e := range d.entries {
		if !e.InArray && slices.Equal(e.Path, path) {
			return e, true
		}
	}
	return Entry{}, false
}

// position says in which line and column a byte stands.
func (d *Document) position(offset int) (line, column int) {
	line, exact := slices.BinarySearch(d.lines, offset)
	if !exact {
		line--
	}
	return line + 1, utf8.RuneCount(d.data[d.lines[line]:offset]) + 1
}

// checkEncoding names a text that is not UTF-8, which is all that IoT Edge reads.
// One that changes to UTF-16 half-way was continued by PowerShell's >>.
func (d *Document) checkEncoding() error {
	decoded, err := text.Decode(d.data)
	switch {
	case err == nil && decoded.Encoding == text.Mixed:
		return &SyntaxError{decoded.Line, 1, otherEncoding + decoded.Encoding.String()}
	case err == nil && decoded.Encoding != text.UTF8:
		return &SyntaxError{1, 1, otherEncoding + decoded.Encoding.String()}
	case !utf8.Valid(d.data):
		return d.notUTF8()
	}
	return nil
}

const otherEncoding = "this is not UTF-8, but "

func (d *Document) notUTF8() error {
	offset := 0
	for offset < len(d.data) {
		r, size := utf8.DecodeRune(d.data[offset:])
		if r == utf8.RuneError && size == 1 {
			break
		}
		offset += size
	}
	line, column := d.position(offset)
	return &SyntaxError{line, column, "this is not UTF-8"}
}

// redefined translates what the decoder finds after the syntax was found good:
// keys and tables that are defined twice, and impossible dates.
func (d *Document) redefined(err error, skip int) error {
	var decode *toml.DecodeError
	if !errors.As(err, &decode) {
		return &SyntaxError{1, 1, message(err.Error())}
	}
	line, column := decode.Position()
	if line == 1 && skip > 0 {
		column++
	}
	return &SyntaxError{line, column, message(decode.Error())}
}

// message strips the library's name from its errors, and the character at which it
// stopped, which may be one of a secret.
func message(text string) string {
	return character.ReplaceAllString(strings.TrimPrefix(text, "toml: "), "")
}

var character = regexp.MustCompile(`:? ?(but got )?U\+[0-9A-F]{4,6}( '.*')?`)

// parserError places an error of the parser.
func (d *Document) parserError(err error, base int, data []byte) error {
	var at *unstable.ParserError
	if !errors.As(err, &at) {
		return &SyntaxError{1, 1, message(err.Error())}
	}
	// The highlight is a part of the input: its capacity tells where.
	offset := min(max(base+cap(data)-cap(at.Highlight), 0), len(d.data))
	line, column := d.position(offset)
	return &SyntaxError{line, column, message(at.Message)}
}

// Comments returns every comment, from its # to the end of its line, in the
// order of the file.
func (d *Document) Comments() []string {
	var comments []string
	p := unstable.Parser{KeepComments: true}
	p.Reset(bytes.TrimPrefix(d.data, bom))
	for p.NextExpression() {
		comments = appendComments(comments, p.Expression())
	}
	return comments
}

// appendComments adds the comments of a node, which hang on it as children and
// as the next ones.
func appendComments(comments []string, n *unstable.Node) []string {
	for ; n.Valid(); n = n.Next() {
		if n.Kind == unstable.Comment {
			comments = append(comments, string(n.Data))
		}
		comments = appendComments(comments, n.Child())
	}
	return comments
}
