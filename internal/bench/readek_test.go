//go:build linux

package bench

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tpmdps/internal/softtpm"
	"tpmdps/internal/softtpm/softtpmtest"
)

// readers are the two ways to read the registration ID of one chip, both of
// which find it in the same variable.
func readers(b *testing.B, chip string) (ours, recipe job) {
	b.Helper()
	script, err := filepath.Abs(filepath.Join("testdata", "recipe.sh"))
	if err != nil {
		b.Fatal(err)
	}
	env := []string{"TPM2TOOLS_TCTI=" + chip}
	dir := b.TempDir()
	return job{env, dir, []string{program(b), "read-ek"}}, job{env, dir, []string{"sh", script}}
}

// BenchmarkReadEK compares read-ek with the documented recipe on one chip, in
// turns, so that what else the machine does hits both alike.
func BenchmarkReadEK(b *testing.B) {
	chip := softtpmtest.StartWith(b, "persisted", softtpm.Options{TCP: true})
	ourCommands, recipeCommands := countCommands(b, chip)

	ours, recipe := readers(b, chip.Address())
	var ourTimes, recipeTimes []time.Duration
	for b.Loop() {
		_, t := ours.run(b)
		ourTimes = append(ourTimes, t)
		_, t = recipe.run(b)
		recipeTimes = append(recipeTimes, t)
	}
	our, theirs := median(ourTimes), median(recipeTimes)
	ratio := float64(our) / float64(theirs)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(ms(our), "read-ek-ms")
	b.ReportMetric(ms(theirs), "recipe-ms")
	b.ReportMetric(ratio, "wall-ratio")
	b.ReportMetric(float64(ourCommands), "read-ek-commands")
	b.ReportMetric(float64(recipeCommands), "recipe-commands")
	report.check("read-ek / documented recipe: time",
		fmt.Sprintf("%.2f  (%.1f / %.1f ms, median of %d)", ratio, ms(our), ms(theirs), len(ourTimes)), "at most 1.5", ratio <= 1.5)
	report.count("read-ek: TPM commands", ourCommands, 10)
	report.fact("documented recipe: TPM commands", fmt.Sprint(recipeCommands))
}

// countCommands runs both once on a tapped bus, and sees to it that both do the
// work: the ID and the EK of the one are among what the other prints.
func countCommands(b *testing.B, chip *softtpm.Process) (ourCommands, recipeCommands int) {
	b.Helper()
	bus := softtpmtest.TapTCP(b, chip)
	ours, recipe := readers(b, bus.Address())
	our, _ := ours.run(b)
	ourCommands = len(bus.Commands())
	bus.Reset()
	theirs, _ := recipe.run(b)
	recipeCommands = len(bus.Commands())

	lines := strings.Split(theirs, "\n")
	if len(lines) < 5 || len(lines[1]) != 64 || !strings.Contains(our, lines[1]) || !strings.Contains(our, lines[4]) {
		b.Fatalf("read-ek and the recipe read different things:\n%s\n%s", our, theirs)
	}
	return ourCommands, recipeCommands
}
