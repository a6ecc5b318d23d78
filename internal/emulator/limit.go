package emulator

import (
	"math"
	"sync"
	"time"

	"tpmdps/internal/emulator/rest"
)

// limiter counts operations like the service's quota: so many a minute, each
// kind by itself. What is not used adds up to a minute's worth.
type limiter struct {
	perMinute int // 0 is unlimited

	mu      sync.Mutex
	buckets map[string]*bucket
}

type bucket struct {
	tokens float64
	filled time.Time
}

// take refuses with 429 when operations of the kind came too fast.
func (l *limiter) take(kind string, now time.Time) error {
	if l.perMinute == 0 {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.buckets == nil {
		l.buckets = map[string]*bucket{}
	}
	perSecond := float64(l.perMinute) / 60
	b := l.buckets[kind]
	if b == nil {
		b = &bucket{tokens: float64(l.perMinute), filled: now}
		l.buckets[kind] = b
	}
	b.tokens = min(float64(l.perMinute), b.tokens+perSecond*now.Sub(b.filled).Seconds())
	b.filled = now
	if b.tokens < 1 {
		wait := math.Ceil((1 - b.tokens) / perSecond)
		return &rest.Error{Code: codeThrottled, Message: "Too many requests.", RetryAfter: int(max(1, wait))}
	}
	b.tokens--
	return nil
}
