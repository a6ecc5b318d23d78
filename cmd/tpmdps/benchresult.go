package main

import (
	"fmt"
	"io"
	"strconv"

	"tpmdps/internal/check"
	"tpmdps/internal/edge/configfile"
	"tpmdps/internal/station"
	"tpmdps/internal/verdict"
)

// benchResult is what became of a box at the bench.
type benchResult struct {
	Outcome        string         `json:"result"` // pass or fail
	RegistrationID string         `json:"registration_id"`
	Serial         string         `json:"serial"`
	Steps          []station.Step `json:"steps"`
	Batch          *appended      `json:"batch"`
	ConfigFile     string         `json:"config_file"`
	Next           string         `json:"next"`
}

// result is made of the steps, and of how the run ended.
func (b *bench) result(steps []station.Step, err error) benchResult {
	out := benchResult{
		Outcome: "pass", RegistrationID: b.record.RegistrationID, Serial: b.record.Host.Serial, Steps: steps, Batch: b.added, Next: b.next(),
	}
	if b.written != nil {
		out.ConfigFile = b.written.File
	}
	if err != nil {
		out.Outcome, out.Next = "fail", lineIn(b.ctx).Fit(verdict.Of(err).Hint)
		for i := range steps {
			if steps[i].Status == check.Fail {
				steps[i].Hint = out.Next
			}
		}
	}
	return out
}

// next is what comes after a box that passed.
func (b *bench) next() string {
	switch {
	case b.written != nil && b.written.Action != configfile.Unchanged:
		return here().ApplyCommand(b.written.File)
	case b.added != nil:
		return "the next box; after the last one: " + lineWith("batch verify", b.added.File)
	}
	return "the box is in no batch: --append FILE adds it"
}

func (r benchResult) lines() []any { return []any{r} }

func (r benchResult) fields() [][]string {
	var rows [][]string
	for _, s := range r.Steps {
		rows = append(rows, []string{s.Name, string(s.Status), strconv.FormatInt(s.MS, 10), s.Detail, s.Hint})
	}
	return rows
}

// show leaves why a box failed, and what to do, to the error at the end.
func (r benchResult) show(w io.Writer) error {
	box := r.RegistrationID
	if r.Serial != "" {
		box += ", serial " + r.Serial
	}
	for _, s := range r.Steps {
		if s.Status != check.Fail {
			continue
		}
		if _, err := fmt.Fprintf(w, "%s%s\n", failed(w), s.Name); err != nil || box == "" {
			return err
		}
		_, err := fmt.Fprintf(w, "      %s\n", box)
		return err
	}
	if _, err := fmt.Fprintf(w, "%s%s\n", passed(w), box); err != nil {
		return err
	}
	for _, s := range r.Steps {
		if s.Status == check.Warn {
			if _, err := fmt.Fprintf(w, "      but %s: %s\n", s.Name, s.Detail); err != nil {
				return err
			}
		}
	}
	if r.Batch != nil {
		if err := r.Batch.show(w); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "next: %s\n", r.Next)
	return err
}
