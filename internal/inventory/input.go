package inventory

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"

	"tpmdps/internal/identity"
	"tpmdps/internal/text"
)

const (
	// maxValue bounds one JSON value: a list in an object is read at once. Everything
	// else that is read is far below it.
	maxValue = 16 << 20
	// maxBlanks bounds how many blanks there may be between two values.
	maxBlanks = 1 << 20
	// pieceSize is how much is read at once.
	pieceSize = 64 << 10
)

// errLong is for a value that does not end within maxValue.
var errLong = errors.New("it is too long")

// input is the decoded text of a file, of which a part is in memory.
type input struct {
	from io.Reader
	base []byte // what is in memory
	buf  []byte // the part of it from the next byte on
	line int    // of the next byte, from 1
	end  error  // of from
}

func newInput(r io.Reader) *input {
	return &input{from: &uncoloured{from: text.NewReader(r)}, line: 1}
}

// fill reads a piece more. It returns false at the end.
func (in *input) fill() bool {
	if in.end != nil {
		return false
	}
	if cap(in.buf)-len(in.buf) < pieceSize {
		if len(in.buf)+2*pieceSize > cap(in.base) {
			in.base = make([]byte, 2*len(in.buf)+4*pieceSize)
		}
		in.buf = in.base[:copy(in.base, in.buf)]
	}
	n, err := in.from.Read(in.buf[len(in.buf) : len(in.buf)+pieceSize])
	in.buf, in.end = in.buf[:len(in.buf)+n], err
	return true
}

// ahead returns what comes next, n bytes of it if there are so many.
func (in *input) ahead(n int) []byte {
	for len(in.buf) < n && in.fill() {
	}
	return in.buf
}

// skip leaves the next bytes behind.
func (in *input) skip(n int) {
	in.line += bytes.Count(in.buf[:n], []byte("\n"))
	in.buf = in.buf[n:]
}

// skipBlanks leaves white space behind. At the end of the text it returns what ended
// it, which is [io.EOF] if nothing is wrong.
func (in *input) skipBlanks() error {
	first, skipped := 0, 0
	for {
		n := len(in.buf) - len(bytes.TrimLeft(in.buf, " \t\r\n"))
		if first == 0 && n > 0 {
			first = in.line
			if bytes.HasPrefix(bytes.TrimLeft(in.buf, " \t\r"), []byte("\n")) { // the end of the line before
				first++
			}
		}
		in.skip(n)
		if skipped += n; skipped > maxBlanks {
			return &placedError{fmt.Errorf("line %d: %w: more than %d blanks and empty lines", first, identity.ErrRecord, maxBlanks)}
		}
		if len(in.buf) > 0 {
			return nil
		}
		if !in.fill() {
			return in.end
		}
	}
}

// value is a reader of what comes next, which stays there.
type value struct {
	in *input
	at int
}

func (v *value) Read(p []byte) (int, error) {
	for v.at == len(v.in.buf) {
		if v.at > maxValue {
			return 0, errLong
		}
		if !v.in.fill() {
			return 0, v.in.end
		}
	}
	n := copy(p, v.in.buf[v.at:])
	v.at += n
	return n, nil
}

// Read reads on, for those who read something other than JSON.
func (in *input) Read(p []byte) (int, error) {
	if len(in.buf) == 0 && !in.fill() {
		return 0, in.end
	}
	n := copy(p, in.buf)
	in.skip(n)
	return n, nil
}

// colours are what az puts around names and values for a terminal. JSON has no
// such character, in texts neither.
var colours = regexp.MustCompile("\x1b\\[[0-9;]*m")

// maxColour bounds one of them.
const maxColour = 64

// uncoloured is a text without them.
type uncoloured struct {
	from io.Reader
	held []byte // the begin of a colour, perhaps, at the end of a piece
}

func (u *uncoloured) Read(p []byte) (int, error) {
	if len(p) <= maxColour {
		return 0, io.ErrShortBuffer
	}
	n := copy(p, u.held)
	more, err := u.from.Read(p[n:])
	n += more
	u.held = u.held[:0]
	at := bytes.LastIndexByte(p[:n], 0x1b)
	if at < 0 && bytes.IndexByte(p[:n], 0x1b) < 0 {
		return n, err
	}
	if err == nil && n-at < maxColour && !bytes.ContainsRune(p[at:n], 'm') {
		u.held = append(u.held, p[at:n]...)
		n = at
	}
	return copy(p, colours.ReplaceAll(p[:n], nil)), err
}
