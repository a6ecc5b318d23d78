package batch

import (
	"math/rand/v2"
	"sync"
	"time"
)

// DefaultRate is what a DPS allows unless its owner asked for more: operations a minute.
const DefaultRate = 1000

// What a pace does when the service throttles: it becomes slower by slowDown, once for
// each pause, and with each answer faster by speedUp, up to what was given at most.
const (
	slowDown    = 0.7
	speedUp     = 1.05
	slowest     = 6.0 // a minute
	shortPause  = time.Second
	pauseJitter = 0.1 // of a pause, at random on top of it
)

// Pace says when the next request may be sent. It counts as the service does: what is
// not used adds up to a minute's worth. Nobody documents whether a bulk request counts
// as one operation or as ten, so the rate is an upper bound, and what the service
// answers is what counts. It may be used by several goroutines.
type Pace struct {
	most   float64 // a minute
	now    func() time.Time
	random func() float64

	mu     sync.Mutex
	rate   float64 // a minute, now
	tokens float64
	filled time.Time
	paused time.Time // until then nothing is sent
}

// NewPace is a pace of at most perMinute requests a minute, by a clock; nil is the
// machine's.
func NewPace(perMinute int, now func() time.Time) *Pace {
	if now == nil {
		now = time.Now
	}
	most := float64(max(perMinute, 1))
	return &Pace{most: most, now: now, random: rand.Float64, rate: most, tokens: most, filled: now()}
}

// Next is 0 when a request may be sent, which is counted then, and otherwise how long to
// wait before asking again.
func (p *Pace) Next() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	p.tokens = min(p.most, p.tokens+p.rate*now.Sub(p.filled).Minutes())
	p.filled = now
	switch {
	case now.Before(p.paused):
		return p.paused.Sub(now)
	case p.tokens < 1:
		return max(time.Millisecond, time.Duration((1-p.tokens)/p.rate*float64(time.Minute)))
	}
	p.tokens--
	return 0
}

// Throttled says that the service answered 429, and asked to come back after a time; 0
// if it did not say when.
func (p *Pace) Throttled(after time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	if !now.Before(p.paused) { // one of several requests that were refused at once
		p.rate = max(slowest, p.rate*slowDown)
	}
	pause := max(after, shortPause)
	pause += time.Duration(pauseJitter * p.random() * float64(pause))
	if until := now.Add(pause); until.After(p.paused) {
		p.paused = until
	}
	p.tokens, p.filled = 0, now
}

// Answered says that a request was answered otherwise.
func (p *Pace) Answered() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.rate < p.most && !p.now().Before(p.paused) {
		p.rate = min(p.most, p.rate*speedUp)
	}
}

// Rate is how many requests a minute it allows now.
func (p *Pace) Rate() float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.rate
}
