//go:build linux

package bench

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tpmdps/internal/emulator"
	"tpmdps/internal/manifest"
)

const (
	// roundTrip is that of the line to the service, as from an office to a region of Azure.
	roundTrip = 40 * time.Millisecond
	// leastOfNode is how many times as fast as Microsoft's Node client a batch is to be enrolled.
	leastOfNode = 20
	// mostBatchMemory is for a batch of manyMachines, in bytes.
	mostBatchMemory = 100e6
	manyMachines    = 100_000
	// mostOpen is how long it may take to open a batch of a day, see BenchmarkBatchOpen.
	mostOpen = 500 * time.Millisecond
)

// BenchmarkBatchRate compares machines a second with those of one PUT after the other by
// Microsoft's Node client, over one line and at one service. Of ours the whole run counts, with its start
// and its looking, of theirs the requests alone.
func BenchmarkBatchRate(b *testing.B) {
	const machines, each = 10_000, 300
	f := newOffice(b, machines, emulator.Options{})
	other := newOffice(b, each, emulator.Options{})
	var ours, theirs float64
	missing := ""
	for b.Loop() {
		line, err := slowLine(b, "127.0.0.1:0", f.server.Addr(), roundTrip)
		if err != nil {
			b.Fatal(err)
		}
		_, port, _ := net.SplitHostPort(line)
		_, wall := f.enroll(b, "localhost:"+port, "--rate", "1000000", "--audit", f.path("trail.jsonl")).run(b)
		ours = machines / wall.Seconds()
		theirs, missing = other.enrollEach(b, each)
	}
	f.check(b)
	f.checkTrail(b)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(ours, "machines/s")
	what := fmt.Sprintf("enroll --from, %d machines, %d ms of round trip / Microsoft's Node client, one PUT a machine: rate", machines, roundTrip.Milliseconds())
	if missing != "" {
		report.fact(what, fmt.Sprintf("%.0f machines a second; %s", ours, missing))
		return
	}
	b.ReportMetric(theirs, "Node-machines/s")
	b.ReportMetric(ours/theirs, "rate-ratio")
	report.check(what, fmt.Sprintf("%.1f  (%.0f / %.1f machines a second)", ours/theirs, ours, theirs), fmt.Sprintf("at least %d", leastOfNode), ours/theirs >= leastOfNode)
}

// enrollEach is how many machines a second Microsoft's Node client enrolls, or what it lacks here.
func (f *office) enrollEach(b *testing.B, n int) (perSecond float64, missing string) {
	b.Helper()
	if missing := nodeLacks(); missing != "" {
		return 0, missing
	}
	if _, err := slowLine(b, "127.0.0.1:443", f.server.Addr(), roundTrip); err != nil { // it speaks to this port only
		return 0, fmt.Sprintf("cannot have port 443: %v", err)
	}
	dir, err := filepath.Abs(nodeDir)
	if err != nil {
		b.Fatal(err)
	}
	out, _ := job{
		env: []string{
			"NODE_EXTRA_CA_CERTS=" + f.path("ca.pem"), "NODE_NO_WARNINGS=1", "BATCH=" + f.path("batch.jsonl"), fmt.Sprint("COUNT=", n),
			"PROVISIONING_CONNECTION_STRING=" + f.connection("localhost"),
		},
		dir: dir, args: []string{"node", "enroll_each.js"},
	}.run(b)
	var took float64
	if _, err := fmt.Sscan(out, &took); err != nil {
		b.Fatalf("it printed %q: %v", out, err)
	}
	if got := len(f.stored(b)); got != n {
		b.Fatalf("Microsoft's Node client enrolled %d machines of %d", got, n)
	}
	return float64(n) / took * 1000, ""
}

// BenchmarkBatchMemory measures the peak of resident memory for a long batch, at a service that
// has none of it, and then all.
func BenchmarkBatchMemory(b *testing.B) {
	f := newOffice(b, manyMachines, emulator.Options{})
	for b.Loop() {
		for _, what := range []string{"to be enrolled", "already there"} {
			peak := f.enroll(b, f.server.Host(), "--rate", "10000000", "--audit", f.path("trail.jsonl")).peak(b)
			b.ReportMetric(megabytes(peak), strings.ReplaceAll(what, " ", "-")+"-MB")
			report.check(fmt.Sprintf("enroll --from, %d machines %s: peak memory", f.machines, what), fmt.Sprintf("%.1f MB", megabytes(peak)),
				fmt.Sprintf("below %.0f MB", mostBatchMemory/1e6), peak < mostBatchMemory)
		}
	}
	b.ReportMetric(0, "ns/op")
	f.check(b)
}

// BenchmarkBatchOpen measures what a box costs at the bench that is appended to a long batch:
// all of it is read before.
func BenchmarkBatchOpen(b *testing.B) {
	const boxes = 10_000
	path := filepath.Join(newOffice(b, 1, emulator.Options{}).dir, "stick.jsonl")
	fillBatch(b, path, boxes)
	var times []time.Duration
	for b.Loop() {
		began := time.Now()
		batch, err := manifest.Open(b.Context(), path, nil)
		times = append(times, time.Since(began))
		if err != nil || batch.Head().Lines != boxes || batch.Close() != nil {
			b.Fatalf("%d lines, %v", batch.Head().Lines, err)
		}
	}
	info, err := os.Stat(path)
	if err != nil {
		b.Fatal(err)
	}
	took := median(times)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(ms(took), "open-ms")
	report.check(fmt.Sprintf("a batch of %d boxes (%.0f MB): time to open", boxes, megabytes(info.Size())),
		fmt.Sprintf("%.0f ms  (median of %d)", ms(took), len(times)), fmt.Sprintf("below %d ms", mostOpen.Milliseconds()), took < mostOpen)
}

// fillBatch makes a batch of the bench.
func fillBatch(t testing.TB, path string, boxes int) {
	t.Helper()
	batch, err := manifest.Open(context.Background(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer batch.Close()
	for r := range machines(boxes) {
		if _, err := batch.Append(context.Background(), r, manifest.AppendOptions{}); err != nil {
			t.Fatal(err)
		}
	}
}
