package chain

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Noted is the hash of a line that has to come, as somebody noted it elsewhere.
type Noted struct {
	hash string
	line int // 0: not noted
	at   int // where it came
}

// Note reads what was noted: the hash of a line, or the line's number, a colon and
// the hash; then it can be told where a file was rewritten. "" asks for nothing.
func Note(text string) *Noted {
	h := &Noted{hash: strings.TrimSpace(text)}
	if number, hash, ok := strings.Cut(h.hash, ":"); ok {
		if n, err := strconv.Atoi(number); err == nil && n >= 0 {
			h.line, h.hash = n, hash
		}
	}
	return h
}

// Look compares a line, given by its number and its hash, when it has been read.
func (h *Noted) Look(line int, hash string) error {
	same := strings.EqualFold(h.hash, hash)
	switch {
	case same && (h.line == 0 || h.line == line):
		h.at = line
	case h.line == line:
		return fmt.Errorf("it does not have the hash that was noted for it, %.64s: it, or what is before it, was rewritten", h.hash)
	}
	return nil
}

// At is the number of the line that was noted, 0 if it has not come, or nothing was
// noted.
func (h *Noted) At() int { return h.at }

// Missing is the fault of the end of a file in which the line did not come; nil if
// there is none.
func (h *Noted) Missing() error {
	switch {
	case h.hash == "" || h.at > 0 || h.line == 0 && strings.EqualFold(h.hash, Sum(nil)):
		return nil
	case h.line > 0:
		return fmt.Errorf("it and all up to line %d, whose hash was noted, are missing: the end was cut off", h.line)
	}
	return errors.New("the line with the hash " + fmt.Sprintf("%.64s", h.hash) + " is missing: the end was cut off, or the file rewritten")
}
