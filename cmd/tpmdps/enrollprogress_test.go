package main

import (
	"bytes"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"tpmdps/internal/enroll/batch"
)

// TestRedraw: a line that is written over another is all that a console of 80 columns
// shows afterwards, and nothing once the run has ended.
func TestRedraw(t *testing.T) {
	long := batch.Progress{Tally: batch.Tally{Machines: 1e6}, PerMinute: 600, Left: 9999 * time.Minute}
	long.Tried, long.Created, long.Unchanged, long.Failed, long.Updated, long.Skipped = 999999, 300000, 300000, 99999, 200000, 100000
	lines := []string{
		batch.Progress{Tally: batch.Tally{Machines: 2000}}.String(),
		long.String(), "", "1 of 2", strings.Repeat("x", 79), strings.Repeat("y", 80), strings.Repeat("ü", 90), "short",
	}
	if len(long.String()) < helpWidth {
		t.Errorf("%q is to be longer than a line", long)
	}
	var b bytes.Buffer
	for _, line := range lines {
		redraw(&b, line)
		want := line[:min(len(line), helpWidth-1)]
		if !utf8.ValidString(want) || utf8.RuneCountInString(line) != len(line) {
			want = string([]rune(line)[:helpWidth-1])
		}
		if got := screen(t, b.String()); strings.TrimRight(got, " ") != want {
			t.Errorf("after %q the console shows %q", line, got)
		}
	}
	redraw(&b, "")
	if got := screen(t, b.String()); strings.TrimSpace(got) != "" {
		t.Errorf("at the end the console shows %q", got)
	}
}

// screen is what a line of a console shows after a text. It must not leave the line.
func screen(t *testing.T, written string) string {
	t.Helper()
	cells, at := []rune(strings.Repeat(" ", helpWidth)), 0
	for _, r := range written {
		if r == '\r' {
			at = 0
			continue
		}
		if at >= helpWidth-1 || r == '\n' {
			t.Fatalf("%q leaves the line", written)
		}
		cells[at] = r
		at++
	}
	return string(cells)
}
