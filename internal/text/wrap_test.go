package text

import (
	"strings"
	"testing"
)

func TestWrap(t *testing.T) {
	const label = "  do  "
	long := strings.Repeat("x", 100)
	for _, tt := range []struct{ text, want string }{
		{"", label},
		{"one", label + "one"},
		{long, label + long},
		{strings.Repeat("ab ", 25), label + strings.TrimSpace(strings.Repeat("ab ", 25))},
		{strings.Repeat("ab ", 26), label + strings.TrimSpace(strings.Repeat("ab ", 24)) + "\n      ab ab"},
		{"a b" + Bound + "c", label + "a b c"},
		{"a " + long + " b", label + "a\n      " + long + "\n      b"},
	} {
		if got := Wrap(label, tt.text, 80); got != tt.want {
			t.Errorf("Wrap(%q) = %q, want %q", tt.text, got, tt.want)
		}
	}
}

func TestCount(t *testing.T) {
	for n, want := range []string{"no error", "1 error", "2 errors"} {
		if got := Count(n, "error"); got != want {
			t.Errorf("Count(%d) = %q, want %q", n, got, want)
		}
	}
}
