package program

import (
	"slices"
	"strings"
	"testing"
)

func TestLineWriter(t *testing.T) {
	var lines []string
	w := &lineWriter{line: func(s string) { lines = append(lines, s) }}
	for _, part := range []string{"a", "b\nc\r\n", "\n50%\r100%\n", strings.Repeat("x", maxLine), "end"} {
		if n, err := w.Write([]byte(part)); n != len(part) || err != nil {
			t.Fatalf("Write() = %d, %v", n, err)
		}
	}
	w.flush()
	w.flush()
	want := []string{"ab", "c", "", "50%", "100%", strings.Repeat("x", maxLine), "end"}
	if !slices.Equal(lines, want) {
		t.Errorf("lines %q, want %q", lines, want)
	}
}
