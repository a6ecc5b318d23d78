//go:build linux

package bench

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// What the program may cost a machine at most.
const (
	mostSize   = 20e6 // bytes
	mostStart  = 15 * time.Millisecond
	mostMemory = 40e6 // bytes
)

// BenchmarkStart measures how long the program takes to do nothing, in turns
// with the smallest program there is, and how large it is.
func BenchmarkStart(b *testing.B) {
	ours, nothing := job{args: []string{program(b), "version"}}, job{args: []string{"true"}}
	var ourTimes, nothingTimes []time.Duration
	for b.Loop() {
		_, t := ours.run(b)
		ourTimes = append(ourTimes, t)
		_, t = nothing.run(b)
		nothingTimes = append(nothingTimes, t)
	}
	start, floor := median(ourTimes), median(nothingTimes)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(ms(start), "start-ms")
	report.check("version: time", fmt.Sprintf("%.1f ms  (true: %.1f ms, median of %d)", ms(start), ms(floor), len(ourTimes)),
		fmt.Sprintf("below %d ms", mostStart.Milliseconds()), start < mostStart)

	info, err := os.Stat(program(b))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(megabytes(info.Size()), "size-MB")
	report.check(fmt.Sprintf("program: size (%s/%s, static, stripped)", runtime.GOOS, runtime.GOARCH),
		fmt.Sprintf("%.1f MB", megabytes(info.Size())), fmt.Sprintf("below %.0f MB", mostSize/1e6), info.Size() < mostSize)
}

// BenchmarkMemory measures the peak of resident memory of the commands that
// work on one device.
func BenchmarkMemory(b *testing.B) {
	s := newSite(b, ekPersisted)
	for _, j := range []job{
		s.tpmdps(b, s.chip.Address(), "read-ek"),
		s.tpmdps(b, s.chip.Address(), "enroll"), // before verify, which needs it
		s.tpmdps(b, s.chip.Address(), "verify"),
		s.tpmdps(b, s.chip.Address(), "verify", "--offline"),
		s.tpmdps(b, s.chip.Address(), "config", "--file", "-"),
		s.tpmdps(b, s.chip.Address(), "support-bundle", "--list"), // gathers it all
		s.tpmdps(b, s.chip.Address(), "explain", "TPM_RC_LOCKOUT"),
		s.tpmdps(b, "", "demo"),
	} {
		command := strings.Join(j.args[1:], " ")
		b.Run(command, func(b *testing.B) {
			var peak int64
			for b.Loop() {
				peak = max(peak, j.peak(b))
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(megabytes(peak), "peak-MB")
			report.check(command+": peak memory", fmt.Sprintf("%.1f MB", megabytes(peak)),
				fmt.Sprintf("below %.0f MB", mostMemory/1e6), peak < mostMemory)
		})
	}
}

func megabytes(n int64) float64 { return float64(n) / 1e6 }
