package main

import (
	"fmt"
	"io"
	"sync"
	"time"

	"tpmdps/internal/enroll/batch"
)

// How often progress is reported: on a terminal, and in a log.
const (
	redrawPause = 500 * time.Millisecond
	linePause   = 10 * time.Second
)

// tellProgress tells how far a long run is: on a terminal in one line that is written
// again and again, and otherwise with a new line from time to time. With JSON, where
// stderr is for one error in JSON, and with -q there is neither. stop may be called
// more than once.
func (s *session) tellProgress() (tell func(batch.Progress), tick <-chan time.Time, stop func()) {
	if s.quiet || s.format == "json" || s.format == "jsonl" {
		return nil, nil, func() {}
	}
	if !isTerminal(s.err) {
		ticker := time.NewTicker(linePause)
		return func(p batch.Progress) { s.say("%s", p) }, ticker.C, ticker.Stop
	}
	ticker := time.NewTicker(redrawPause)
	var once sync.Once
	return func(p batch.Progress) { redraw(s.err, p.String()) }, ticker.C, func() {
		once.Do(func() {
			ticker.Stop()
			redraw(s.err, "")
		})
	}
}

// redraw writes a line over the one before, on a terminal. What would not fit on a
// console is cut off: the rest of a broken line could not be written over. A line that
// cannot be drawn is no reason to end.
func redraw(w io.Writer, line string) {
	width := helpWidth - 1
	fmt.Fprintf(w, "\r%-*.*s\r%.*s", width, width, line, width, line)
	_ = flush(w)
}
