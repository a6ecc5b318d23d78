package main

import (
	"fmt"
	"strings"

	"tpmdps/internal/ektrust"
	"tpmdps/internal/inventory"
	"tpmdps/internal/text"
)

// enrollRows prints what became of each record as soon as it is known, so that
// a run that is killed has printed what it did. JSON is one document, and comes
// at the end.
type enrollRows struct {
	*ui
	idWidth, actionWidth int
	begun                bool
	// verdicts: chips are judged by what somebody gave for it, so the table has a column
	// for it.
	verdicts bool
}

// Columns of the table for people.
const (
	idHeader      = "REGISTRATION ID"
	actionHeader  = "ACTION"
	verdictHeader = "CHIP"
	longestAction = len("ek-conflict")
)

func newEnrollRows(u *ui, entries []inventory.Entry) *enrollRows {
	rows := &enrollRows{ui: u, idWidth: len(idHeader)}
	for _, e := range entries {
		rows.idWidth = max(rows.idWidth, len(e.Record.RegistrationID))
	}
	if len(entries) > 1 {
		rows.actionWidth = longestAction
	}
	return rows
}

// print writes one record's row.
func (e *enrollRows) print(item enrollItem) error {
	switch e.format {
	case "json":
		return nil
	case "table":
		if !e.begun {
			e.begun = true
			e.actionWidth = max(e.actionWidth, len(actionHeader), len(item.Action))
			if err := e.row(idHeader, actionHeader, verdictHeader, "DETAIL"); err != nil {
				return err
			}
		}
		verdict := ""
		if item.EKVerdict != nil {
			verdict = item.EKVerdict.Verdict
		}
		return e.row(item.RegistrationID, string(item.Action), verdict, item.Detail)
	}
	return e.ui.print(enrollResult{Items: []enrollItem{item}})
}

// row writes a line of the table. Only the last column may hold foreign text.
func (e *enrollRows) row(id, action, verdict, detail string) error {
	detail = text.Printable(clean([]string{detail})[0], 4000)
	if e.verdicts {
		detail = fmt.Sprintf("%-*s  %s", len(ektrust.Vulnerable), verdict, detail)
	}
	line := fmt.Sprintf("%-*s  %-*s  %s", e.idWidth, id, e.actionWidth, action, detail)
	if _, err := fmt.Fprintln(e.out, strings.TrimRight(line, " ")); err != nil {
		return err
	}
	return flush(e.out)
}

// end writes what comes after the last row.
func (e *enrollRows) end(out enrollResult) error {
	switch {
	case e.format == "json":
		return e.ui.print(out)
	case e.format == "table" && out.DryRun:
		_, err := fmt.Fprintln(e.out, "dry run: nothing was changed")
		return err
	}
	return nil
}
