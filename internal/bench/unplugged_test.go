//go:build linux

package bench

import (
	"encoding/json"
	"fmt"
	"net"
	"testing"
	"time"
)

// mostUnplugged is how long verify may take to say that there is no network,
// once the resolver has answered.
const mostUnplugged = time.Second

// exitNetwork is the exit code for it.
const exitNetwork = 20

// BenchmarkUnplugged measures how long verify takes to find that it cannot get
// to DPS.
func BenchmarkUnplugged(b *testing.B) {
	for _, bb := range []struct{ name, what, host, step string }{
		{"Name", "name does not resolve", "dps.tpmdps.invalid", "net.dns"}, // RFC 2606
		{"Connection", "connection refused", closedAddress(b), "net.tcp"},
	} {
		b.Run(bb.name, func(b *testing.B) {
			s := newSite(b, ekPersisted)
			verify := s.tpmdps(b, s.chip.Address(), "verify", "--global-endpoint", "https://"+bb.host, "-o", "json")
			var after, resolver []time.Duration
			for b.Loop() {
				out, wall := verify.ends(b, exitNetwork)
				looked := resolved(b, out, bb.step)
				after, resolver = append(after, wall-looked), append(resolver, looked)
			}
			took := median(after)
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(ms(took), "to-failure-ms")
			report.check("verify without a network ("+bb.what+"): time to "+bb.step,
				fmt.Sprintf("%.0f ms, and the resolver's %.0f  (median of %d)", ms(took), ms(median(resolver)), len(after)),
				fmt.Sprintf("below %.0f s", mostUnplugged.Seconds()), took < mostUnplugged)
		})
	}
}

// resolved is what the resolver took. The run has to have failed at the step.
func resolved(b *testing.B, out, failed string) (took time.Duration) {
	b.Helper()
	var result struct {
		Steps []struct {
			Name, Status string
			MS           int64
		}
	}
	if err := json.Unmarshal([]byte(out), &result); err != nil {
		b.Fatalf("%v in %s", err, out)
	}
	at := ""
	for _, s := range result.Steps {
		if s.Name == "net.dns" {
			took = time.Duration(s.MS) * time.Millisecond
		}
		if s.Status == "fail" {
			at = s.Name
		}
	}
	if at != failed {
		b.Fatalf("verify failed at %q, want %s", at, failed)
	}
	return took
}

// closedAddress is one where nothing listens.
func closedAddress(b *testing.B) string {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.2:0") // where nobody else looks for a port
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
