package audit_test

import (
	"slices"
	"strings"
	"testing"

	"tpmdps/internal/audit"
)

// What a trail leaves open is said, each thing once, and nothing of one that is whole.
func TestNotes(t *testing.T) {
	open := func(numbers ...int) (lines []audit.Line) {
		for _, n := range numbers {
			lines = append(lines, audit.Line{Number: n})
		}
		return lines
	}
	for name, row := range map[string]struct {
		report audit.Report
		key    bool
		want   []string // words of each note
	}{
		"nothing":                    {audit.Report{}, false, nil},
		"whole":                      {audit.Report{Lines: 4, Keyed: 4}, true, nil},
		"one intent":                 {audit.Report{Lines: 4, Open: open(3)}, false, []string{"line 3 is an intent without an outcome: the run was killed"}},
		"two intents":                {audit.Report{Lines: 4, Open: open(2, 3)}, false, []string{"2 intents have no outcome, the first at line 2: "}},
		"intents before a bad line":  {audit.Report{Lines: 4, Bad: 5, Open: open(2, 3)}, false, nil},
		"signed, without the key":    {audit.Report{Lines: 4, Keyed: 3}, false, []string{"3 lines are signed; without --audit-key-file"}},
		"partly signed":              {audit.Report{Lines: 4, Keyed: 1}, true, []string{"lines 1 to 3 are not signed: line 4 vouches"}},
		"after the noted head":       {audit.Report{Lines: 4, HeadLine: 2}, false, []string{"2 lines were added after the noted head, from line 3 on"}},
		"the head is the last":       {audit.Report{Lines: 4, HeadLine: 4}, false, nil},
		"after the head, and signed": {audit.Report{Lines: 4, HeadLine: 2, Keyed: 4}, true, nil},
		"a clock":                    {audit.Report{Lines: 4, Back: []int{3, 4}}, false, []string{"line 3 has an earlier time"}},
		"all of it": {audit.Report{Lines: 4, Keyed: 2, HeadLine: 1, Open: open(4), Back: []int{2}}, false,
			[]string{"line 4 is an intent", "2 lines are signed", "line 2 has an earlier time"}},
	} {
		got := row.report.Notes(row.key)
		if got == nil || !slices.EqualFunc(got, row.want, strings.HasPrefix) {
			t.Errorf("%s: %q, want %q", name, got, row.want)
		}
	}
}
