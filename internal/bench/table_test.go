//go:build linux

package bench

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// table is what the benchmarks found out, for people.
type table struct{ rows [][4]string }

// report is printed when all benchmarks are over.
var report table

// fact adds a value that has no target.
func (t *table) fact(what, value string) {
	t.rows = append(t.rows, [4]string{what, value})
}

// check adds a value and whether it is as good as was wanted.
func (t *table) check(what, value, target string, met bool) {
	verdict := "met"
	if !met {
		verdict = "NOT met"
	}
	t.rows = append(t.rows, [4]string{what, value, target, verdict})
}

// count adds a number of things of which there should be few.
func (t *table) count(what string, n, most int) {
	target := fmt.Sprintf("at most %d", most)
	if most == 0 {
		target = "none"
	}
	t.check(what, fmt.Sprint(n), target, n <= most)
}

func (t *table) print(w io.Writer) error {
	if len(t.rows) == 0 {
		return nil
	}
	fmt.Fprintln(w)
	aligned := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprintln(aligned, "WHAT\tVALUE\tTARGET\t")
	for _, r := range t.rows {
		fmt.Fprintf(aligned, "%s\t%s\t%s\t%s\n", r[0], r[1], r[2], r[3])
	}
	return aligned.Flush()
}
