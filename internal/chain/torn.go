package chain

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
)

// Rest judges what stands after the last line end of a file of JSON objects, where next
// is how the next line would begin. ours is whether a kill or a power cut can have left it
// of that line: its first bytes, zeros in their place, or the one after the other. Lines
// that somebody joined, or text of another kind, are not. line is the line where nothing
// but its end is missing, and nil where more is.
func Rest(tail, next []byte) (line []byte, ours bool) {
	tail = bytes.TrimRight(tail, "\x00")
	if !bytes.HasPrefix(tail, next) {
		return nil, bytes.HasPrefix(next, tail)
	}
	var object json.RawMessage
	err := json.NewDecoder(bytes.NewReader(tail)).Decode(&object)
	if err == nil && len(object) == len(tail) {
		return tail, true
	}
	return nil, errors.Is(err, io.ErrUnexpectedEOF)
}

// Torn is [Rest] for a line with a sum; one whose sum is wrong was changed, and is not ours.
func Torn(tail, next []byte) (line []byte, ours bool) {
	line, ours = Rest(tail, next)
	if line != nil {
		if _, err := Unseal(line); err != nil {
			return nil, false
		}
	}
	return line, ours
}

// Mend puts the end of a file right of which [Rest] or [Torn] said that it is ours: line,
// as they returned it, stands at end, and gets its end; what is left of another is taken
// away. The caller holds the file's lock.
func Mend(f *os.File, end int64, line []byte) error {
	if err := f.Truncate(end + int64(len(line))); err != nil {
		return err
	}
	if line == nil {
		return f.Sync()
	}
	return Append(f, end, line)
}
