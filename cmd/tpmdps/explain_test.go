package main

import (
	"strconv"
	"strings"
	"testing"

	"tpmdps/internal/dictionary"
)

// TestExplainKnowsExitCodes holds the dictionary to the program.
func TestExplainKnowsExitCodes(t *testing.T) {
	for code, name := range names {
		found := dictionary.Explain("exit code " + strconv.Itoa(code))
		if len(found) != 1 || found[0].Name != name {
			t.Errorf("exit code %d: %+v, want %s", code, found, name)
		}
	}
	for code := range 256 {
		if found := dictionary.Explain("exit code " + strconv.Itoa(code)); len(found) > 0 && names[code] == "" {
			t.Errorf("exit code %d: %+v, the program has none such", code, found)
		}
	}
}

func TestParagraph(t *testing.T) {
	const label = "  do  "
	long := strings.Repeat("x", 100)
	for _, tt := range []struct{ text, want string }{
		{"", label},
		{"one", label + "one"},
		{long, label + long},
		{strings.Repeat("ab ", 25), label + strings.TrimSpace(strings.Repeat("ab ", 25))},
		{strings.Repeat("ab ", 26), label + strings.TrimSpace(strings.Repeat("ab ", 25)) + "\n      ab"},
		{"a " + long + " b", label + "a\n      " + long + "\n      b"},
	} {
		if got := paragraph(label, tt.text); got != tt.want {
			t.Errorf("paragraph(%q) = %q, want %q", tt.text, got, tt.want)
		}
	}
}
