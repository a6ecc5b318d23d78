package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"tpmdps/internal/bundle"
)

// bundleResult says what went into a bundle, or would.
type bundleResult struct {
	File    string         `json:"file"` // "" for a list
	Bytes   int            `json:"bytes"`
	Verdict bundle.Verdict `json:"verdict"`
	Parts   []bundle.Entry `json:"parts"`
	list    bool
}

func (r bundleResult) lines() []any { return []any{r} }

func (r bundleResult) fields() [][]string {
	var rows [][]string
	for _, p := range r.Parts {
		rows = append(rows, []string{p.Name, string(p.Status), fmt.Sprint(p.Bytes), p.SHA256, fmt.Sprint(p.Identifying), p.About, p.Reason})
	}
	return rows
}

func (r bundleResult) show(w io.Writer) error {
	if r.list {
		return r.showList(w)
	}
	_, err := fmt.Fprintf(w, "wrote %s, %d bytes: %s\n%s\nnext: review it (README.txt lists the contents) and send it to support\n",
		r.File, r.Bytes, r.summary(), strings.Join(r.Verdict.Lines(), "\n"))
	return err
}

func (r bundleResult) showList(w io.Writer) error {
	var rows [][]string
	for _, p := range r.Parts {
		size, identifying, about := fmt.Sprint(p.Bytes), "no", p.About
		if p.Identifying {
			identifying = "yes"
		}
		if p.Status != bundle.OK {
			size, identifying, about = "-", "-", string(p.Status)+": "+p.Reason
		}
		rows = append(rows, []string{p.Name, size, identifying, about})
	}
	if err := table(w, []string{"NAME", "BYTES", "IDENTIFYING", "WHAT IT IS"}, rows); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "nothing was written; %s\n%s\n", r.summary(), strings.Join(r.Verdict.Lines(), "\n"))
	return err
}

// summary is one line: how much there is, what is missing, and why.
func (r bundleResult) summary() string {
	var reasons []string
	names := map[string][]string{}
	there := 0
	for _, p := range r.Parts {
		if p.Status == bundle.OK {
			there++
			continue
		}
		if !slices.Contains(reasons, p.Reason) {
			reasons = append(reasons, p.Reason)
		}
		names[p.Reason] = append(names[p.Reason], p.Name)
	}
	text := fmt.Sprintf("%d of %d parts packed", there, len(r.Parts))
	for i, reason := range reasons {
		before := "; "
		if i == 0 {
			before = "; not there: "
		}
		text += before + strings.Join(names[reason], ", ") + " (" + reason + ")"
	}
	return text
}
