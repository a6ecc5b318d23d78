package main

import (
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"

	"tpmdps/internal/enroll/batch"
)

// How often progress is reported: on a terminal, and in a log.
const (
	barPause  = 500 * time.Millisecond
	linePause = 10 * time.Second
)

// tellProgress tells how far a long run is: with a bar on a terminal, and otherwise with
// a line from time to time. With JSON, where stderr is for one error in JSON, and with
// -q there is neither. stop may be called more than once.
func (s *session) tellProgress(machines int) (tell func(batch.Progress), tick <-chan time.Time, stop func()) {
	if s.quiet || s.format == "json" || s.format == "jsonl" {
		return nil, nil, func() {}
	}
	if !isTerminal(s.err) {
		ticker := time.NewTicker(linePause)
		return func(p batch.Progress) { s.say("%s", p) }, ticker.C, ticker.Stop
	}
	ticker := time.NewTicker(barPause)
	bar := progressbar.NewOptions(machines,
		progressbar.OptionSetWriter(s.err), progressbar.OptionUseANSICodes(false), progressbar.OptionShowCount(),
		progressbar.OptionShowIts(), progressbar.OptionSetItsString("machines"), progressbar.OptionClearOnFinish(),
		progressbar.OptionFullWidth(), progressbar.OptionSetPredictTime(true))
	tell = func(p batch.Progress) {
		bar.Describe(p.Counts())
		_ = bar.Set(p.Tried) // a bar that cannot be drawn is no reason to end
		_ = flush(s.err)
	}
	var once sync.Once
	return tell, ticker.C, func() {
		once.Do(func() {
			ticker.Stop()
			_ = bar.Clear()
			_ = flush(s.err)
		})
	}
}
