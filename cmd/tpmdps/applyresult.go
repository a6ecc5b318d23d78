package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"tpmdps/internal/aziot"
)

// applyResult says what became of a configuration.
type applyResult struct {
	aziot.Effect
	// Verify is what "verify --until challenge" found; null where it was left
	// out.
	Verify *tripResult `json:"verify"`
}

func (r applyResult) lines() []any { return []any{r} }

func (r applyResult) fields() [][]string {
	rows := [][]string{{"apply", strconv.FormatBool(r.Applied), r.File, r.Command}}
	for _, d := range r.Daemons {
		rows = append(rows, []string{"daemon", string(d.State), d.Name, d.Detail})
	}
	for _, name := range r.Restart {
		rows = append(rows, []string{"restart", "", name, ""})
	}
	for _, h := range r.Holders {
		rows = append(rows, []string{"holder", h.Node, h.Name, strconv.Itoa(h.PID)})
	}
	if r.Verify != nil {
		for _, s := range r.Verify.Steps {
			rows = append(rows, []string{"verify", string(s.Status), s.Name, s.Detail})
		}
	}
	return rows
}

func (r applyResult) show(w io.Writer) error {
	if !r.Applied {
		return nil // the line on stderr says it
	}
	var b strings.Builder
	for _, d := range r.Daemons {
		fmt.Fprintf(&b, "%-8s %s%s\n", d.State, d.Name, inBrackets(d.Detail))
	}
	for _, name := range r.Restart {
		fmt.Fprintf(&b, "restart  %s: it was not restarted and still uses the old configuration\n", name)
	}
	fmt.Fprintf(&b, "applied %s\n", r.File)
	if _, err := io.WriteString(w, b.String()); err != nil || r.Verify == nil {
		return err
	}
	return r.Verify.show(w)
}

func inBrackets(text string) string {
	if text == "" {
		return ""
	}
	return " (" + text + ")"
}
