package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"strings"

	"tpmdps/internal/edge"
)

// What stands before a tick: the signs that aziotctl prints, or words.
var (
	signs = map[edge.Status]string{edge.OK: "√", edge.Warn: "‼", edge.Fail: "×", edge.Skipped: "-"}
	words = map[edge.Status]string{edge.OK: "ok     ", edge.Warn: "warn   ", edge.Fail: "fail   ", edge.Skipped: "skipped"}
)

// marks are the signs where a terminal can show them, and else the words.
func marks(w io.Writer) map[edge.Status]string {
	locale := strings.ToLower(cmp.Or(os.Getenv("LC_ALL"), os.Getenv("LC_CTYPE"), os.Getenv("LANG")))
	if isTerminal(w) && strings.Contains(strings.ReplaceAll(locale, "-", ""), "utf8") {
		return signs
	}
	return words
}

// write prints the findings, the four ticks and the verdict.
func (r checkResult) write(w io.Writer, marks map[edge.Status]string) error {
	var b strings.Builder
	for _, f := range r.Findings {
		where := "file"
		if f.Line > 0 {
			where = fmt.Sprintf("line %d", f.Line)
		}
		fmt.Fprintf(&b, "%-7s %-9s %-15s %s\n", f.Severity, where, f.Rule, f.Message)
		if f.Fix != "" {
			fmt.Fprintf(&b, "        fix: %s\n", f.Fix)
		}
	}
	for _, t := range r.Ticks {
		fmt.Fprintf(&b, "%s %-10s  %s\n", marks[t.Status], t.Name, t.Detail)
		if t.Hint != "" {
			fmt.Fprintf(&b, "        hint: %s\n", t.Hint)
		}
	}
	verdict := failed(w)
	if r.Result == "pass" {
		verdict = passed(w)
	}
	fmt.Fprintf(&b, "%s%s: %s, %s; %s\n", verdict, r.File, count(r.failures, "error"), count(r.warnings, "warning"), r.next)
	_, err := io.WriteString(w, b.String())
	return err
}

// count writes a number of things.
func count(n int, thing string) string {
	switch n {
	case 0:
		return "no " + thing
	case 1:
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

func inLine(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(" in line %d", n)
}
