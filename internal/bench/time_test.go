//go:build linux

package bench

import (
	"fmt"
	"testing"
	"time"
)

// rounds are how many runs a median is of, at least.
const rounds = 9

// mostOfNode is how much of the Node client's time a registration may take.
const mostOfNode = 0.5

// BenchmarkRegistrationTime compares how long a registration takes with
// Microsoft's Node client, on one chip and one service, in turns, and then on
// the next chip: the Node client leaves keys, and what deriving a key takes is
// luck, for each seed and template. What the service made either of them wait is
// left out. The Node client stops where --until assigned does; the way on to the
// twin is for information.
func BenchmarkRegistrationTime(b *testing.B) {
	for _, chip := range []state{ekPersisted, ekSRKPersisted} {
		b.Run(chip.name, func(b *testing.B) {
			s := newSite(b, chip)
			node, missing := s.nodeEnv(b)
			var assigned, twin, theirs []time.Duration
			for b.Loop() {
				for range rounds {
					s.plug(b, chip)
					s.tpmdps(b, s.chip.Address(), "enroll").run(b)
					assigned = append(assigned, s.busy(b, s.tpmdps(b, s.chip.Address(), "verify", "--until", "assigned")))
					twin = append(twin, s.busy(b, s.tpmdps(b, s.chip.Address(), "verify")))
					if missing == "" {
						theirs = append(theirs, s.busy(b, nodeJob(node, s.chip.Address())))
					}
				}
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(ms(median(assigned)), "to-assigned-ms")
			b.ReportMetric(ms(median(twin)), "to-twin-ms")
			reportTimes(b, chip.what, assigned, twin, theirs, missing)
		})
	}
}

func reportTimes(b *testing.B, chip string, assigned, twin, theirs []time.Duration, missing string) {
	what := "verify --until assigned, " + chip + " / Microsoft's Node client: time without waiting"
	toTwin := "verify, " + chip + ": time without waiting"
	if missing != "" {
		report.fact(what, missing)
		report.fact(toTwin, fmt.Sprintf("%.0f ms", ms(median(twin))))
		return
	}
	node := median(theirs)
	share := func(ours []time.Duration) float64 { return float64(median(ours)) / float64(node) }
	b.ReportMetric(ms(node), "Node-ms")
	b.ReportMetric(share(assigned), "time-ratio")
	report.check(what, fmt.Sprintf("%.2f  (%.0f / %.0f ms, median of %d)", share(assigned), ms(median(assigned)), ms(node), len(theirs)),
		fmt.Sprintf("at most %.1f", mostOfNode), share(assigned) <= mostOfNode)
	report.fact(toTwin, fmt.Sprintf("%.0f ms  (%.2f of the Node client's, which stops before the hub)", ms(median(twin)), share(twin)))
}

// busy runs a registration and returns how long it took without what the
// service made it wait.
func (s *site) busy(b *testing.B, j job) time.Duration {
	b.Helper()
	s.journal.reset()
	_, wall := j.run(b)
	return wall - waited(s.journal.requests(b))
}

// waited is what went by between an answer that asks to come again and the
// request that did. The client's own work in that time counts as waiting, for
// whichever client.
func waited(requests []request) (sum time.Duration) {
	for i, r := range requests[1:] {
		if before := requests[i]; r.name == "poll" && before.asksBack {
			sum += r.began.Sub(before.ended)
		}
	}
	return sum
}

func TestWaited(t *testing.T) {
	at := func(ms int) time.Time { return time.UnixMilli(int64(ms)) }
	got := waited([]request{
		{"challenge", at(0), at(10), false},
		{"register", at(20), at(30), true},
		{"poll", at(1030), at(1040), true},
		{"poll", at(2050), at(2060), false},
	})
	if want := 2010 * time.Millisecond; got != want {
		t.Errorf("waited() = %v, want %v", got, want)
	}
}
