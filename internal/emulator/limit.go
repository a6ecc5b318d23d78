package emulator

import (
	"encoding/json"
	"math"
	"strings"
	"sync"
	"time"

	"tpmdps/internal/emulator/rest"
)

// What one operation of the quota is, as Options.LimitCounts says it: nobody documents
// whether a bulk operation is one, or as many as it has enrollments.
const (
	LimitCalls = "calls"
	LimitItems = "items"
)

// limiter counts operations like the service's quota: so many a minute, each
// kind by itself. What is not used adds up to a minute's worth.
type limiter struct {
	perMinute int  // 0 is unlimited
	items     bool // a bulk operation is as many as it has enrollments

	mu      sync.Mutex
	buckets map[string]*bucket
}

// bucket has fewer than no tokens after an operation that was more than the limit.
type bucket struct {
	tokens float64
	filled time.Time
}

// take refuses with 429 when operations of the kind came too fast. One that counts as
// more than a minute's worth is let through when all of that is there.
func (l *limiter) take(kind string, operations int, now time.Time) error {
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
	if need := float64(min(operations, l.perMinute)); b.tokens < need-slack {
		wait := math.Ceil((need - b.tokens) / perSecond)
		return &rest.Error{Code: codeThrottled, Message: "Too many requests.", RetryAfter: int(max(1, wait))}
	}
	b.tokens -= float64(operations)
	return nil
}

// slack forgives the rounding of a bucket that was filled in many steps.
const slack = 1e-6

// operations is how many operations of the quota a request is.
func (l *limiter) operations(r *request) int {
	for _, c := range []*collection{individuals, groups} {
		if l.items && len(r.path) == 1 && strings.EqualFold(r.path[0], c.path) {
			return c.items(r.body)
		}
	}
	return 1
}

// items is how many enrollments a bulk operation has, and 1 for one that will be
// refused anyway.
func (c *collection) items(body []byte) int {
	var op bulkOperation
	if json.Unmarshal(body, &op) != nil {
		return 1
	}
	n := len(op.of(c))
	if n > maxBulk {
		return 1
	}
	return max(1, n)
}
