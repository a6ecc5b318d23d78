package batch

import (
	"testing"
	"time"
)

// clock is a time that passes only when it is told to.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time          { return c.now }
func (c *clock) wait(d time.Duration)    { c.now = c.now.Add(d) }
func newClock() *clock                   { return &clock{time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)} }
func (c *clock) since(t time.Time) int64 { return int64(c.now.Sub(t).Seconds()) }

// A pace never sends more than the service allows: a minute's worth, and what comes in
// with the time.
func TestPaceIsAnUpperBound(t *testing.T) {
	for _, rate := range []int{1, 60, 1000, 6000} {
		c := newClock()
		p, began, sent := NewPace(rate, c.Now), c.now, 0
		for range 5000 {
			if d := p.Next(); d > 0 {
				c.wait(d)
				continue
			}
			sent++
			if most := float64(rate) * (1 + c.now.Sub(began).Minutes()); float64(sent) > most+0.01 {
				t.Fatalf("rate %d: %d requests after %s", rate, sent, c.now.Sub(began))
			}
		}
		if least := float64(rate) * c.now.Sub(began).Minutes(); float64(sent) < min(least, 5000)*0.99 {
			t.Errorf("rate %d: only %d requests after %s", rate, sent, c.now.Sub(began))
		}
	}
}

// What the service says goes before the rate: a pause is kept, with a part on top, and
// the rate goes down once for each, and up again with the answers.
func TestPaceFollowsTheService(t *testing.T) {
	for _, tt := range []struct{ after, least time.Duration }{{0, time.Second}, {5 * time.Second, 5 * time.Second}, {2 * time.Minute, 2 * time.Minute}} {
		c := newClock()
		p := NewPace(1000, c.Now)
		if p.Next() != 0 {
			t.Fatal("the first request has to wait")
		}
		p.Throttled(tt.after)
		slower := p.Rate()
		p.Throttled(tt.after) // another one that was under way
		if got := p.Rate(); slower >= 1000 || got != slower {
			t.Errorf("after %s: rate %.0f, then %.0f", tt.after, slower, got)
		}
		if d := p.Next(); d < tt.least || d > tt.least+tt.least/10 {
			t.Errorf("Retry-After %s: waits for %s", tt.after, d)
		}
		c.wait(p.Next())
		for range 100 {
			p.Answered()
		}
		if p.Rate() != 1000 {
			t.Errorf("after 100 answers the rate is %.0f", p.Rate())
		}
		for range 100 {
			c.wait(5 * time.Minute)
			p.Throttled(0)
		}
		if p.Rate() < slowest {
			t.Errorf("the rate is %.1f a minute", p.Rate())
		}
	}
}

// A service that counts the ten of a bulk request is found out, and hardly anything is
// lost by it: all that it allows is used.
func TestPaceFindsTheServicesReading(t *testing.T) {
	const limit, records = 1000, 10_000
	for _, each := range []float64{1, 10} { // what a request counts as
		c := newClock()
		p, began := NewPace(limit, c.Now), c.now
		tokens, filled, refused := float64(limit), c.now, 0
		for done := 0; done < records; {
			if d := p.Next(); d > 0 {
				c.wait(d)
				continue
			}
			tokens = min(limit, tokens+c.now.Sub(filled).Seconds()*limit/60)
			filled = c.now
			if tokens < each {
				refused++
				p.Throttled(time.Second)
				continue
			}
			tokens -= each
			done += 10
			p.Answered()
		}
		allowed := max(0, records/10*each-limit) / limit * 60 // seconds
		if took := c.now.Sub(began).Seconds(); took > 1.15*allowed+2 {
			t.Errorf("a request counts as %.0f: %.0f s, %.0f s are allowed, %d refusals", each, took, allowed, refused)
		}
		t.Logf("a request counts as %.0f: %d s, allowed %.0f s, %d refusals", each, c.since(began), allowed, refused)
	}
}
