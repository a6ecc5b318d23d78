package dictionary

import (
	"slices"
	"strconv"
	"testing"
)

// A code of DPS, of six digits, that explain knows is judged by a row of its own: without one a
// refusal with it would have the hint of its HTTP status.
func TestEveryServiceCodeHasAReading(t *testing.T) {
	for _, e := range services {
		code, err := strconv.Atoi(e.Code)
		if e.Kind != kindDPS || err != nil || code < 100000 {
			continue
		}
		if !slices.ContainsFunc(readings, func(r reading) bool { return r.code == code }) {
			t.Errorf("%d has a row in services and none in readings", code)
		}
	}
}
