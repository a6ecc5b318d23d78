package provision

import (
	"testing"

	"tpmdps/internal/dictionary"
)

// TestStepsAreExplained: explain knows each step by its name, in the line that an
// error prints, and in the order of the trip.
func TestStepsAreExplained(t *testing.T) {
	for _, s := range itinerary {
		for _, text := range []string{s.name, "tpmdps: " + s.name + ": something new"} {
			found := dictionary.Explain(text)
			if len(found) != 1 || found[0].Kind != "verify step" || found[0].Code != s.name {
				t.Errorf("Explain(%q) = %+v, want the step", text, found)
			}
		}
	}
	for _, name := range []string{"hub.ttls", "tpm.", "net", "dps.assign", ""} {
		if found := dictionary.Explain(name); len(found) > 0 {
			t.Errorf("Explain(%q) = %+v, want nothing", name, found)
		}
	}
}
