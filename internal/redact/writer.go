package redact

import (
	"bytes"
	"io"
	"sync"
)

// Writer passes on what is written to it without the secrets of a set. It keeps a
// line until its end has been written, and one that may end with the first
// characters of a secret until the next has come: its user calls Flush at
// last.
type Writer struct {
	set  *Set
	then func(string) string
	to   io.Writer

	mu sync.Mutex
	// kept is what has been written and not passed on, before the end of what was
	// passed on, in the clear.
	kept, before []byte
}

// What is kept at most of a line without an end, and of what was passed on. The
// second is more than a piece with each character escaped twice.
const (
	maxKept   = 64 << 10
	maxBefore = 256
)

// Writer makes a writer. What it passes on goes through then, if that is not nil, in
// whole lines.
func (s *Set) Writer(to io.Writer, then func(string) string) *Writer {
	return &Writer{set: s, then: then, to: to}
}

// Set is what is taken out.
func (w *Writer) Set() *Set { return w.set }

// Unwrap is the writer below: for questions about it, such as whether it is a
// terminal, and for the one thing that may be written past the set, a secret that
// was asked for.
func (w *Writer) Unwrap() io.Writer { return w.to }

// Write reports all of p as written, however long it has become.
func (w *Writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.kept = append(w.kept, p...)
	if err := w.pass(w.ready()); err != nil {
		return 0, err
	}
	return len(p), nil
}

// ready is how much of what is kept can be passed on.
func (w *Writer) ready() int {
	end := bytes.LastIndexByte(w.kept, '\n') + 1
	if len(w.kept)-end > maxKept {
		return len(w.kept) - maxBefore
	}
	if end > 0 && w.set.begins(w.kept[:end]) {
		end = bytes.LastIndexByte(w.kept[:end-1], '\n') + 1
	}
	return end
}

// begins reports whether a text ends with the beginning of a secret.
func (s *Set) begins(text []byte) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if len(s.heads) == 0 {
		return false
	}
	v := viewOf(string(text[max(0, len(text)-maxBefore):]))
	for range maxLayers {
		tail := normal(string(v.text))
		for n := shortest; n < 2*piece && n <= len(tail); n++ {
			if _, is := s.heads[string(tail[len(tail)-n:])]; is {
				return true
			}
		}
		var found bool
		if v, found = v.unescaped(); !found {
			break
		}
	}
	return false
}

// pass redacts the first n bytes that are kept and passes them on. They are looked
// at together with what went before and what comes after.
func (w *Writer) pass(n int) error {
	if n == 0 {
		return nil
	}
	all := string(w.before) + string(w.kept)
	from, to := len(w.before), len(w.before)+n
	out := all[from:to]
	w.set.mu.RLock()
	if len(w.set.known) > 0 {
		if marked := w.set.find(all); marked != nil {
			out = cover(out, marked[from:to])
		}
	}
	w.set.mu.RUnlock()
	w.before = append(w.before[:0], all[max(0, to-maxBefore):to]...)
	w.kept = append(w.kept[:0], all[to:]...)
	if w.then != nil {
		out = w.then(out)
	}
	_, err := io.WriteString(w.to, out)
	return err
}

// Flush passes on all that is kept.
func (w *Writer) Flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.pass(len(w.kept))
}

// WriteJSON passes on JSON, which stays JSON: see [Set.JSON].
func (w *Writer) WriteJSON(data []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.pass(len(w.kept)); err != nil {
		return err
	}
	w.before = w.before[:0]
	out := string(w.set.JSON(data))
	if w.then != nil {
		out = w.then(out)
	}
	_, err := io.WriteString(w.to, out)
	return err
}
