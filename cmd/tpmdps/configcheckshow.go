package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"strings"

	"tpmdps/internal/check"
)

// What stands before a tick: the signs that aziotctl prints, or words.
var (
	signs = map[check.Status]string{check.OK: "√", check.Warn: "‼", check.Fail: "×", check.Skipped: "-"}
	words = map[check.Status]string{check.OK: "ok     ", check.Warn: "warn   ", check.Fail: "fail   ", check.Skipped: "skipped"}
)

// marks are the signs where a terminal can show them, and else the words.
func marks(w io.Writer) map[check.Status]string {
	locale := strings.ToLower(cmp.Or(os.Getenv("LC_ALL"), os.Getenv("LC_CTYPE"), os.Getenv("LANG")))
	if isTerminal(w) && strings.Contains(strings.ReplaceAll(locale, "-", ""), "utf8") {
		return signs
	}
	return words
}

// write prints the findings, the four ticks and the verdict.
func (r checkResult) write(w io.Writer, marks map[check.Status]string) error {
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
	word := failed(w)
	if r.Outcome == "pass" {
		word = passed(w)
	}
	fmt.Fprintf(&b, "%s%s\n", word, r.Verdict)
	_, err := io.WriteString(w, b.String())
	return err
}

func (r checkResult) lines() []any { return []any{r} }

func (r checkResult) fields() [][]string {
	var rows [][]string
	for _, f := range r.Findings {
		rows = append(rows, []string{"finding", string(f.Severity), f.Rule, fmt.Sprint(f.Line), f.Key, f.Message, f.Fix})
	}
	for _, t := range r.Ticks {
		rows = append(rows, []string{"tick", string(t.Status), t.Name, "", "", t.Detail, t.Hint})
	}
	return rows
}

func (r checkResult) show(w io.Writer) error { return r.write(w, marks(w)) }
