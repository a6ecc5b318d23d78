package chain

import (
	"bufio"
	"errors"
	"io"
)

var (
	// ErrCut is for a last line without its end.
	ErrCut = errors.New("it is cut short")
	// ErrLong is for a line that is longer than any that is written.
	ErrLong = errors.New("it is too long")
)

// Lines reads a file line by line, in bounded memory.
type Lines struct {
	r    *bufio.Reader
	long bool // the rest of a long line is still to be skipped
}

// NewLines reads lines of at most max bytes, with their ends.
func NewLines(r io.Reader, max int) *Lines { return &Lines{r: bufio.NewReaderSize(r, max)} }

// Next returns a line without its end, valid until the next call. The error is
// [io.EOF] after the last one; [ErrCut] for what is left after the last line end,
// with its bytes; [ErrLong] with the begin of a line that is too long, after which
// the next call goes on with the line after it; or that of the reader.
func (l *Lines) Next() ([]byte, error) {
	for l.long {
		_, err := l.r.ReadSlice('\n')
		if l.long = errors.Is(err, bufio.ErrBufferFull); err != nil && !l.long {
			return nil, err
		}
	}
	line, err := l.r.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		l.long = true
		return line, ErrLong
	case errors.Is(err, io.EOF) && len(line) > 0:
		return line, ErrCut
	case err != nil:
		return nil, err
	}
	return line[:len(line)-1], nil
}
