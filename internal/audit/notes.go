package audit

import "fmt"

// Notes say what a trail leaves open; keyGiven is whether signatures were checked.
func (r Report) Notes(keyGiven bool) []string {
	notes := []string{}
	add := func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) }
	switch {
	case r.Bad > 0: // the outcomes may stand after it
	case len(r.Open) == 1:
		add("line %d is an intent without an outcome: %s", r.Open[0].Number, howToClose)
	case len(r.Open) > 1:
		add("%d intents have no outcome, the first at line %d: %s", len(r.Open), r.Open[0].Number, howToClose)
	}
	switch unkeyed := r.Lines - r.Keyed; {
	case r.Keyed > 0 && !keyGiven:
		add("%d lines are signed; without --audit-key-file only the chain was checked, not the signatures", r.Keyed)
	case r.Keyed > 0 && unkeyed > 0:
		add("lines 1 to %d are not signed: line %d vouches for what they were when it was written", unkeyed, unkeyed+1)
	}
	if n := r.Lines - r.HeadLine; r.HeadLine > 0 && n > 0 && r.Keyed == 0 {
		add("%d lines were added after the noted head, from line %d on: nothing vouches for them, they are not signed", n, r.HeadLine+1)
	}
	if len(r.Back) > 0 {
		add("line %d has an earlier time than the line before it: a clock was set back, or those of two machines differ", r.Back[0])
	}
	return notes
}

const howToClose = "the run was killed or got no answer; the same command, run again, records what became of it"
