// Package text turns the bytes of a file into text, whatever wrote the file.
//
// Windows has several answers to what a text file is. Notepad's "Unicode" and
// PowerShell 5.1's ">" write UTF-16, its "Out-File -Encoding utf8" puts a byte
// order mark first, and its ">>" continues a file in UTF-16 that began in ASCII.
// All of it is read here, in one place. The package is pure.
package text

import (
	"bytes"
	"errors"
	"fmt"
	"unicode/utf16"
	"unicode/utf8"
)

// ErrEncoding is returned, wrapped with the line, for bytes that are not text in
// any encoding that is read here.
var ErrEncoding = errors.New("not text")

// Encoding is how a text was stored.
type Encoding int

// The encodings that [Decode] reads.
const (
	// UTF8 is UTF-8, of which ASCII is a part, with or without a byte order mark.
	UTF8 Encoding = iota
	// UTF16 is UTF-16 of either byte order, which Windows calls Unicode, with a
	// byte order mark.
	UTF16
	// BareUTF16 is UTF-16 without a byte order mark.
	BareUTF16
	// Mixed is a text that changes from one encoding to another.
	Mixed
)

// String names the encoding for people.
func (e Encoding) String() string {
	switch e {
	case UTF8:
		return "UTF-8"
	case Mixed:
		return "UTF-8 in one part and UTF-16, which Windows calls Unicode, in another"
	}
	return "UTF-16, which Windows calls Unicode"
}

// Text is a decoded text.
type Text struct {
	// UTF8 is the text in UTF-8, without byte order marks. Line ends are as they
	// were. It shares memory with the input where nothing had to be changed.
	UTF8 []byte
	// Encoding is how it was stored.
	Encoding Encoding
	// Line is where the encoding changes, counted from 1; 0 unless it is [Mixed].
	Line int
}

// Decode reads a text in UTF-8 or UTF-16, with or without byte order mark, and
// one that changes between them where something was appended. The error wraps
// [ErrEncoding].
//
// UTF-16 without a byte order mark is recognised by its zero bytes, which no
// text in UTF-8 has. An appended part is recognised at the start of a line, or
// where one JSON object ends and the next one begins.
func Decode(data []byte) (Text, error) {
	d := decoder{data: data}
	if rest, ok := bytes.CutPrefix(data, mark8); ok && plain(rest) {
		return Text{UTF8: rest}, nil
	}
	if plain(data) {
		return Text{UTF8: data}, nil
	}
	if err := d.upTo(len(data)); err != nil {
		return Text{}, err
	}
	t := Text{UTF8: d.out, Encoding: d.first, Line: d.changed}
	if d.changed > 0 {
		t.Encoding = Mixed
	}
	return t, nil
}

// mark is the byte order mark.
const mark = '\ufeff'

// Its spellings.
var (
	mark8      = []byte("\xef\xbb\xbf")
	markLittle = []byte("\xff\xfe")
	markBig    = []byte("\xfe\xff")
)

// plain tells whether data is UTF-8 with nothing in it that needs a closer look.
func plain(data []byte) bool {
	return utf8.Valid(data) && bytes.IndexByte(data, 0) < 0 && !bytes.Contains(data, mark8)
}

// form is how the bytes are read at one place of the data.
type form int

const (
	bytewise form = iota // UTF-8
	little               // UTF-16, the lower byte first
	big                  // UTF-16, the upper byte first
)

// decoder walks through the data and changes its form where the data does.
type decoder struct {
	data    []byte
	at      int
	out     []byte
	form    form
	first   Encoding
	changed int // the line of the first change
	started bool
	odd     int // up to here, each character needs a closer look
	before  int // bytes of the text before data
	lines   int // line ends before out
}

// line is the number of the line that comes next.
func (d *decoder) line() int { return 1 + d.lines + bytes.Count(d.out, []byte("\n")) }

// upTo decodes the characters that begin before an index of data.
func (d *decoder) upTo(until int) error {
	if !d.started {
		d.begin()
		d.started = true
	}
	for d.at < until {
		if d.form == bytewise && d.at >= d.odd {
			d.copyPlain(until)
			continue
		}
		if d.marked() {
			continue
		}
		if to := d.next(); to != d.form {
			d.change(to)
		}
		if err := d.step(); err != nil {
			return err
		}
	}
	return nil
}

// copyPlain takes the characters as they are that no other form and no mark begins at;
// UTF-16 begins a byte before its zero. The ones after that need a closer look.
func (d *decoder) copyPlain(until int) {
	rest := d.data[d.at:min(until+1, len(d.data))]
	odd := bytes.IndexFunc(rest, func(r rune) bool { return r == 0 || r == mark || r == utf8.RuneError })
	taken := until - d.at
	if odd < 0 {
		odd = len(rest)
	} else {
		taken = min(taken, max(odd-1, 0))
	}
	for taken > 0 && taken < len(rest) && !utf8.RuneStart(rest[taken]) {
		taken--
	}
	d.out = append(d.out, rest[:taken]...)
	d.odd = d.at + odd + 1
	d.at += taken
}

// begin finds the form of the start. A mark alone, with JSON in ASCII after it,
// is an empty file of PowerShell's that another program has appended to.
func (d *decoder) begin() {
	switch {
	case bytes.HasPrefix(d.data, markLittle):
		d.form, d.first, d.at = little, UTF16, 2
	case bytes.HasPrefix(d.data, markBig):
		d.form, d.first, d.at = big, UTF16, 2
	default:
		d.form = d.utf16At(0)
		if d.form != bytewise {
			d.first = BareUTF16
		}
		return
	}
	if d.narrowLine() && opensJSON(d.data[d.at:]) {
		d.form, d.first = bytewise, UTF8
	}
}

// marked skips a byte order mark, which tells what follows it. In the middle it
// comes from files that were put together.
func (d *decoder) marked() bool {
	rest := d.data[d.at:]
	to, size := bytewise, 2
	switch {
	case d.form == bytewise && bytes.HasPrefix(rest, mark8):
		size = 3
	case d.form == bytewise && bytes.HasPrefix(rest, markLittle), d.form == little && bytes.HasPrefix(rest, markLittle):
		to = little
	case d.form == bytewise && bytes.HasPrefix(rest, markBig), d.form == big && bytes.HasPrefix(rest, markBig):
		to = big
	case d.form != bytewise && (bytes.HasSuffix(d.out, []byte("\n")) || d.objectEnd()) && bytes.HasPrefix(rest, mark8):
		size = 3
	case d.form == little && bytes.HasPrefix(rest, markBig):
		to = big
	case d.form == big && bytes.HasPrefix(rest, markLittle):
		to = little
	default:
		return false
	}
	if to != d.form {
		d.change(to)
	}
	d.at += size
	return true
}

// change goes on in another form from here.
func (d *decoder) change(to form) {
	d.form = to
	if d.changed == 0 && d.before+d.at > 0 {
		d.changed = d.line()
	}
}

// next is the form of the next character. UTF-16 ends where a line does, or a
// JSON object.
func (d *decoder) next() form {
	if d.form == bytewise {
		if d.before+d.at == 0 {
			return bytewise // begin has looked at it
		}
		return d.utf16At(d.at)
	}
	rest := d.data[d.at:]
	line := bytes.HasSuffix(d.out, []byte("\n"))
	switch {
	case len(rest) < 2 || !line && !d.objectEnd():
		return d.form
	case d.form == little && rest[0] == 0 && ascii(rest[1]):
		return big
	case d.form == big && rest[1] == 0 && ascii(rest[0]):
		return little
	case line && d.narrowLine(), opensJSON(rest) && (opensText(rest) || d.narrowLine()), rest[0] == '\n' && d.narrowLine():
		return bytewise
	}
	return d.form
}

// utf16At tells whether UTF-16 begins here. In text, which is ASCII at its begin,
// a character's other byte is zero. Programs that append without a mark do so
// with the lower byte first; a whole text may have the upper byte first.
func (d *decoder) utf16At(i int) form {
	rest := d.data[i:]
	switch {
	case len(rest) < 2 || (rest[0] == 0) == (rest[1] == 0):
		return bytewise
	case d.before+i > 0 && (len(rest) < 4 || (rest[2] == 0) != (rest[0] == 0) || (rest[3] == 0) != (rest[1] == 0)):
		return bytewise // a single zero byte is a fault, not another encoding
	case rest[0] == 0:
		return big
	}
	return little
}

// window bounds how far is looked ahead.
const window = 1 << 10

// narrowLine tells whether the rest of this line is UTF-8: there is a zero byte
// in every line of UTF-16 that has ASCII in it, and in its line end.
func (d *decoder) narrowLine() bool {
	rest := d.data[d.at:]
	line, after, ended := bytes.Cut(rest[:min(len(rest), window)], []byte("\n"))
	switch {
	case len(line) == 0 && !ended, bytes.IndexByte(line, 0) >= 0:
		return false
	case ended && d.form == little && len(after) > 0 && after[0] == 0:
		return false
	}
	for cut := 0; cut < utf8.UTFMax && cut <= len(line); cut++ { // the window may end in a character
		if utf8.Valid(line[:len(line)-cut]) {
			return ended && cut == 0 || !ended
		}
	}
	return false
}

func ascii(c byte) bool { return c >= ' ' && c < 0x7f || c == '\n' || c == '\r' || c == '\t' }

func (d *decoder) objectEnd() bool {
	return bytes.HasSuffix(d.out, []byte("}")) || bytes.HasSuffix(d.out, []byte("]"))
}

func opensJSON(b []byte) bool { return len(b) > 1 && (b[0] == '{' || b[0] == '[') && b[1] != 0 }

// opensText tells whether these are the first characters of an object in ASCII.
func opensText(b []byte) bool { return len(b) > 3 && b[1] == '"' && ascii(b[2]) && ascii(b[3]) }

// step decodes one character.
func (d *decoder) step() error {
	rest := d.data[d.at:]
	if d.form == bytewise {
		r, size := utf8.DecodeRune(rest)
		switch {
		case r == 0:
			return d.fail("there is a zero byte")
		case r == utf8.RuneError && size == 1:
			return d.fail("a character is neither UTF-8 nor UTF-16, but of an older encoding such as Windows-1252")
		}
		d.out = append(d.out, rest[:size]...)
		d.at += size
		return nil
	}
	r, size := d.utf16Rune(rest)
	switch {
	case size == 0:
		return d.fail("it is UTF-16 that breaks off in the middle of a character")
	case r == 0:
		return d.fail("there is a zero character")
	case r == utf8.RuneError && size == 1:
		return d.fail("it is UTF-16 with half a character")
	}
	d.out = utf8.AppendRune(d.out, r)
	d.at += size
	return nil
}

// utf16Rune decodes one character of UTF-16: its size is 0 where the data ends in
// it, and 1 where it is half of a pair.
func (d *decoder) utf16Rune(b []byte) (rune, int) {
	if len(b) < 2 {
		return 0, 0
	}
	r := d.unit(b)
	if !utf16.IsSurrogate(r) {
		return r, 2
	}
	if len(b) < 4 {
		return utf8.RuneError, 1
	}
	if r = utf16.DecodeRune(r, d.unit(b[2:])); r == utf8.RuneError {
		return r, 1
	}
	return r, 4
}

func (d *decoder) unit(b []byte) rune {
	if d.form == little {
		return rune(b[0]) | rune(b[1])<<8
	}
	return rune(b[0])<<8 | rune(b[1])
}

func (d *decoder) fail(reason string) error {
	return fmt.Errorf("%w: line %d: %s", ErrEncoding, d.line(), reason)
}

// Lenient is a text in any encoding that Windows writes; what cannot be decoded
// stays as it is, for a reader that says itself what is wrong with it.
func Lenient(data []byte) []byte {
	if decoded, err := Decode(data); err == nil {
		return decoded.UTF8
	}
	return data
}
