package main

import (
	"fmt"
	"io"
	"strconv"

	"tpmdps/internal/check"
	"tpmdps/internal/stick"
	"tpmdps/internal/text"
)

// lineWith is a command line of this program with an argument.
func lineWith(command, argument string) string {
	return "tpmdps " + command + " " + text.ShellWord(argument)
}

// stickInitResult is what became of a stick.
type stickInitResult struct {
	Stick    string          `json:"stick"`
	Archives []stick.Archive `json:"archives"`
	Files    []stick.Change  `json:"files"`
	Next     string          `json:"next"`
}

func (r stickInitResult) lines() []any { return []any{r} }

func (r stickInitResult) fields() [][]string {
	var rows [][]string
	for _, c := range r.Files {
		rows = append(rows, []string{c.File, string(c.Action), strconv.FormatInt(c.Bytes, 10)})
	}
	return rows
}

func (r stickInitResult) show(w io.Writer) error {
	var rows [][]string
	for _, c := range r.Files {
		rows = append(rows, []string{string(c.Action), c.File})
	}
	if err := table(w, nil, rows); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "next: %s\n", r.Next)
	return err
}

// stickCheckResult is what a stick was found to be.
type stickCheckResult struct {
	Outcome string `json:"result"` // pass or fail
	Stick   string `json:"stick"`
	stick.Report
	Next string `json:"next"`
}

func (r stickCheckResult) lines() []any { return []any{r} }

func (r stickCheckResult) fields() [][]string {
	var rows [][]string
	for _, s := range r.Steps {
		rows = append(rows, []string{s.Name, string(s.Status), s.Detail})
	}
	return rows
}

// show leaves what is wrong first, and what to do, to the error at the end.
func (r stickCheckResult) show(w io.Writer) error {
	var rows [][]string
	for _, s := range r.Steps {
		rows = append(rows, []string{string(s.Status), s.Name, s.Detail})
	}
	if err := table(w, nil, rows); err != nil {
		return err
	}
	for _, f := range r.Findings {
		place := f.File
		if f.Line > 0 {
			place += ", line " + strconv.Itoa(f.Line)
		}
		if _, err := fmt.Fprintf(w, "%-8s%s: %s: %s\n", f.Status, place, f.What, f.Detail); err != nil {
			return err
		}
	}
	if r.Outcome != "pass" {
		_, err := fmt.Fprintf(w, "%s%s\n", failed(w), r.Stick)
		return err
	}
	_, err := fmt.Fprintf(w, "%s%s\n", passed(w), r.Stick)
	for _, s := range r.Steps {
		if s.Status == check.Warn && err == nil {
			_, err = fmt.Fprintf(w, "      but %s: %s\n", s.Name, s.Detail)
		}
	}
	if err == nil {
		_, err = fmt.Fprintf(w, "next: %s\n", r.Next)
	}
	return err
}
