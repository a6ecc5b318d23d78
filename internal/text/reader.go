package text

import (
	"bytes"
	"errors"
	"io"
	"unicode/utf8"
)

// Reader reads a text as [Decode] does, in pieces: memory does not grow with it.
type Reader struct {
	from io.Reader
	d    decoder
	raw  []byte // read, and not decoded; d.data is a part of it
	end  error  // of from
	err  error  // of the text
	done int    // of d.out, handed out
	size int    // how much is read at once
}

// readerSize is how much is read at once: a good deal more than what is looked ahead.
const readerSize = 64 << 10

// utf8Margin is the longest character, and what is looked at beside it.
const utf8Margin = 2 * utf8.UTFMax

// NewReader returns a reader of the UTF-8 of what another one reads. Its errors wrap
// [ErrEncoding], or are the other reader's.
func NewReader(from io.Reader) *Reader {
	return &Reader{from: from, size: readerSize}
}

// Read implements io.Reader.
func (r *Reader) Read(p []byte) (int, error) {
	for r.done == len(r.d.out) {
		if r.err != nil {
			return 0, r.err
		}
		r.more()
	}
	n := copy(p, r.d.out[r.done:])
	r.done += n
	return n, nil
}

// more reads a piece and decodes it, but for the end that has to be looked at with the
// piece after it.
func (r *Reader) more() {
	r.d.forget()
	r.done = len(r.d.out)
	r.raw = append(r.raw[:0], r.d.data[r.d.at:]...)
	for r.end == nil && len(r.raw) < r.size {
		at := len(r.raw)
		r.raw = append(r.raw, make([]byte, r.size-at)...)
		var n int
		n, r.end = r.from.Read(r.raw[at:])
		r.raw = r.raw[:at+n]
	}
	r.d.before += r.d.at
	r.d.data, r.d.at, r.d.odd = r.raw, 0, 0
	until := len(r.raw)
	whole := errors.Is(r.end, io.EOF)
	if !whole { // what broke off is not judged
		until -= window + utf8Margin
	}
	if err := r.d.upTo(until); err != nil {
		r.err = err
		return
	}
	r.err = r.end
}

// forget drops what was decoded, but for its last byte, which says what the next one
// is.
func (d *decoder) forget() {
	if len(d.out) == 0 {
		return
	}
	last := d.out[len(d.out)-1]
	d.lines += bytes.Count(d.out[:len(d.out)-1], []byte("\n"))
	d.out = append(d.out[:0], last)
}
