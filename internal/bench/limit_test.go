//go:build linux

package bench

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"tpmdps/internal/emulator"
)

// mostOfLimit is how much longer than the service's limit makes it a batch may take.
const mostOfLimit = 1.15

// wholeVariable has the limit be that of a DPS, with which the benchmark of the limit takes ten
// minutes; otherwise it is one with which it takes two.
const wholeVariable = "TPMDPS_BENCH_WHOLE"

// limited is a batch at a service with a limit.
type limited struct {
	counts           string // emulator.LimitCalls or LimitItems
	machines, limit  int
	operations, span int // of the whole batch, as the service counts; and beyond the first minute's worth
}

func newLimited(counts string, machines, limit int) limited {
	l := limited{counts: counts, machines: machines, limit: limit, operations: machines}
	if counts == emulator.LimitCalls {
		l.operations = (machines + 9) / 10
	}
	l.span = max(0, l.operations-limit)
	return l
}

// allowed is the shortest time that the limit leaves: it lets a minute's worth through at once.
func (l limited) allowed() time.Duration {
	return time.Duration(float64(l.span) / float64(l.limit) * float64(time.Minute))
}

// run enrolls the batch, and returns how long that took.
func (l limited) run(t testing.TB) time.Duration {
	t.Helper()
	f := newOffice(t, l.machines, emulator.Options{Limit: l.limit, LimitCounts: l.counts})
	_, wall := f.enroll(t, f.server.Host(), "--rate", strconv.Itoa(l.limit), "--audit", f.path("trail.jsonl")).run(t)
	f.check(t)
	f.checkTrail(t)
	return wall
}

// BenchmarkBatchLimit enrolls 10,000 machines at a service with a limit, in both readings of it.
func BenchmarkBatchLimit(b *testing.B) {
	const machines = 10_000
	calls, items := 500, 5000
	if os.Getenv(wholeVariable) != "" {
		calls, items = 1000, 1000
	}
	for _, l := range []limited{newLimited(emulator.LimitCalls, machines, calls), newLimited(emulator.LimitItems, machines, items)} {
		b.Run(l.counts, func(b *testing.B) {
			var wall time.Duration
			for b.Loop() {
				wall = l.run(b)
			}
			what := fmt.Sprintf("enroll --from, %d machines, a limit of %d a minute that counts %s", l.machines, l.limit, l.counts)
			if l.span == 0 {
				report.fact(what, fmt.Sprintf("%.1f s; the limit would not have delayed it", wall.Seconds()))
				return
			}
			ratio := float64(wall) / float64(l.allowed())
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(ratio, "limit-ratio")
			report.check(what, fmt.Sprintf("%.2f of what it allows  (%.1f / %.1f s)", ratio, wall.Seconds(), l.allowed().Seconds()),
				fmt.Sprintf("at most %.2f", mostOfLimit), ratio <= mostOfLimit)
		})
	}
}

// A service with a limit is met in both readings, and everything is enrolled, once.
func TestBatchLimit(t *testing.T) {
	for _, l := range []limited{newLimited(emulator.LimitCalls, 200, 200), newLimited(emulator.LimitItems, 200, 180)} {
		t.Run(l.counts, func(t *testing.T) { l.run(t) })
	}
}
