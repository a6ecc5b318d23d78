package bundle

import (
	"fmt"
	"slices"
	"strings"

	"tpmdps/internal/text"
)

// Lines are the verdict for people, as the command prints it and README.txt begins.
func (v Verdict) Lines() []string {
	var lines []string
	for i, f := range v.Findings {
		lines = append(lines, f.lines(i == 0)...)
	}
	var seen []string
	for _, layer := range v.Seen {
		// "No fault found" beside a warning would read as if it did not count.
		if !slices.ContainsFunc(v.Findings, func(f Finding) bool { return f.Layer == layer }) {
			seen = append(seen, layer.Title())
		}
	}
	switch {
	case len(v.Findings) == 0 && len(seen) == 0:
		lines = append(lines, "NOTHING WAS LOOKED AT")
	case len(v.Findings) == 0:
		lines = append(lines, "NO FAULT FOUND in: "+strings.Join(seen, ", "))
	case len(seen) > 0:
		lines = append(lines, "no fault found in: "+strings.Join(seen, ", "))
	}
	return append(lines, v.unseenLines()...)
}

// lines are one finding: where and what, what it does to a command, what to do.
func (f Finding) lines(first bool) []string {
	word := "ALSO"
	switch {
	case f.Warning:
		word = "WARNING"
	case first:
		word = "FAULT"
	}
	where := f.Layer.Title()
	if f.Step != "" {
		where += ", at " + f.Step
	}
	lines := []string{fmt.Sprintf("%s  %s: %s", word, where, f.What)}
	if f.Command != "" {
		lines = append(lines, fmt.Sprintf("       %s ends with exit code %d (%s) because of it; see %s", f.Command, f.Code, f.Name, f.Part))
	} else {
		lines = append(lines, "       see "+f.Part)
	}
	if f.Next != "" {
		lines = append(lines, "       next: "+f.Next)
	}
	return lines
}

// unseenLines put together what was not looked at for the same reason.
func (v Verdict) unseenLines() []string {
	var lines []string
	names := map[Unseen][]string{} // by why and flag
	for _, u := range v.Unseen {
		reason := Unseen{Why: u.Why, Flag: u.Flag}
		names[reason] = append(names[reason], u.What)
	}
	for _, u := range v.Unseen {
		reason := Unseen{Why: u.Why, Flag: u.Flag}
		if names[reason] == nil {
			continue
		}
		line := fmt.Sprintf("NOT LOOKED AT  %s: %s", strings.Join(names[reason], ", "), u.Why)
		if u.Flag != "" {
			line += "; to look: " + u.Flag
		}
		lines, names[reason] = append(lines, line), nil
	}
	return lines
}

// redacted is the verdict with every text gone through redact, on one line each.
func (v Verdict) redacted(redact func(string) string) Verdict {
	clean := func(s string) string { return text.OneLine(redact(s), maxReason) }
	out := Verdict{Result: v.Result, Seen: v.Seen, Findings: []Finding{}, Unseen: []Unseen{}}
	if out.Seen == nil {
		out.Seen = []Layer{}
	}
	for _, f := range v.Findings {
		f.What, f.Next = clean(f.What), clean(f.Next)
		out.Findings = append(out.Findings, f)
	}
	for _, u := range v.Unseen {
		u.What, u.Why, u.Flag = clean(u.What), clean(u.Why), clean(u.Flag)
		out.Unseen = append(out.Unseen, u)
	}
	return out
}
