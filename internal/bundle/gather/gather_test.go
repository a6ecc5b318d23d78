package gather

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tpmdps/internal/bundle"
	"tpmdps/internal/host"
	"tpmdps/internal/tpm"
)

// A part that hangs, fails or breaks costs that part.
func TestBundlePartsAreApart(t *testing.T) {
	release := make(chan struct{})
	defer close(release)
	told := 0
	g := newGatherer(Options{
		Verdict:  func(error) (int, string) { return 10, "look for the chip" },
		Gathered: func(string, bundle.Status, time.Duration) { told++ },
	})
	for name, gather := range map[string]func(context.Context) (any, error){
		"hangs.json":  func(context.Context) (any, error) { <-release; return 1, nil },
		"slow.json":   func(ctx context.Context) (any, error) { <-ctx.Done(); return nil, ctx.Err() },
		"panics.json": func(context.Context) (any, error) { var p *int; return *p, nil },
		"fails.json":  func(context.Context) (any, error) { return nil, errors.New("refused") },
		"absent.json": func(context.Context) (any, error) { return nil, absentError("none of the kind") },
		"nochip.json": func(context.Context) (any, error) { return nil, fmt.Errorf("look: %w", tpm.ErrNoDevice) },
		"chan.json":   func(context.Context) (any, error) { return make(chan int), nil },
		"good.json":   func(context.Context) (any, error) { return []int{1}, nil },
	} {
		// One part never comes to its end, and one ends with its time: theirs is
		// over at once. What the others, and the end of the slow one, may take is
		// there to end a hang.
		limit := 5 * time.Minute
		g.grace = 5 * time.Minute
		switch name {
		case "hangs.json":
			limit, g.grace = 1, 1
		case "slow.json":
			limit = 1
		}
		g.add(context.Background(), source{name: name, limit: limit, gather: gather})
	}
	slices.SortFunc(g.parts, func(a, b bundle.Part) int { return strings.Compare(a.Name, b.Name) })
	var got []string
	for _, p := range g.parts {
		got = append(got, fmt.Sprintf("%s %s %.30s", p.Name, p.Status, p.Reason))
	}
	want := []string{
		"absent.json absent none of the kind",
		"chan.json failed json: unsupported type: chan i",
		"fails.json failed refused",
		"good.json ok ",
		"hangs.json failed it did not come to an end with",
		"nochip.json absent look: no TPM",
		"panics.json failed a fault of this program: runti",
		"slow.json failed timed out",
	}
	if !slices.Equal(got, want) {
		t.Errorf("parts are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if told != len(want) {
		t.Errorf("of %d parts it is said what became of them", told)
	}
	over, cancel := context.WithTimeout(context.Background(), 0)
	defer cancel()
	if g.add(over, source{name: "late.json", limit: time.Minute, gather: func(context.Context) (any, error) { return 1, nil }}) != nil {
		t.Error("a part is gathered after the end of the run")
	}
}

func TestKernelLines(t *testing.T) {
	for want, log := range map[string]host.KernelLog{
		"# the kernel has said nothing of a TPM\n":                                                               {},
		"# the kernel has overwritten its first messages\n# 3 lines in the middle are left out\n[    0.1] tpm\n": {Lines: []string{"[    0.1] tpm"}, Omitted: 3, Overwritten: true},
	} {
		if got := string(kernelLines(log).text()); got != want {
			t.Errorf("%+v is shown as %q", log, got)
		}
	}
}
