package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/fatih/color"

	"tpmdps/internal/edge"
	"tpmdps/internal/edge/configfile"
	"tpmdps/internal/text"
)

// configResult says what was written, or would be.
type configResult struct{ configfile.Result }

// printConfig writes the file to stdout, as it would be on disk: with its passwords.
func (u *ui) printConfig(r configfile.Result) error {
	if strings.Contains(string(r.Data), "[tpm.hierarchy_authorization]") {
		u.say("warning: the hierarchies' passwords are in what is printed")
	}
	_, err := unredacted(u.out).Write(r.Data)
	return err
}

// reportNext says what else is wrong with the file, or what comes next.
func (u *ui) reportNext(o configOptions, r configfile.Result, fault string) {
	switch {
	case fault != "":
		u.warn(fault)
	case r.DryRun, o.apply:
	case o.legacy:
		u.say("next: sudo systemctl restart iotedge")
	case r.Action != configfile.Unchanged:
		u.say("next: %s", here().ApplyCommand(r.File))
	}
}

func (r configResult) lines() []any { return []any{r} }

func (r configResult) fields() [][]string {
	return [][]string{{r.File, r.IDScope, r.RegistrationID, string(r.Action), r.Backup}}
}

func (r configResult) show(w io.Writer) error {
	var b strings.Builder
	from := ""
	if r.Template != "" {
		from = ", made of " + r.Template
	}
	if r.DryRun {
		b.WriteString(forPeople(w, r.Diff))
	}
	switch {
	case r.Action == configfile.Unchanged:
		fmt.Fprintf(&b, "unchanged: %s already has these settings for %s\n", r.File, r.RegistrationID)
	case r.DryRun:
		fmt.Fprintf(&b, "nothing was written: this would %s %s for %s%s\n", r.Action, r.File, r.RegistrationID, from)
	case r.Action == configfile.Create:
		fmt.Fprintf(&b, "wrote %s for %s%s\n", r.File, r.RegistrationID, from)
	default:
		fmt.Fprintf(&b, "changed %s for %s: %s\n", r.File, r.RegistrationID, changedKeys(r.Changes))
		fmt.Fprintf(&b, "the old file is %s\n", r.Backup)
		b.WriteString(removedBackups(r.Removed))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// removedBackups says which of the old files are gone, "" for none.
func removedBackups(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return fmt.Sprintf("removed %s: %s\n", text.Count(len(names), "older backup"), strings.Join(names, ", "))
}

// changedKeys lists what was changed.
func changedKeys(changes []edge.Change) string {
	names := make([]string, len(changes))
	for i, c := range changes {
		names[i] = c.Key
	}
	return strings.Join(names, ", ")
}

// forPeople is a diff as it is shown. On a terminal, control characters of the
// file are left out, and lines are coloured unless somebody wants none.
func forPeople(w io.Writer, diff string) string {
	if !isTerminal(w) {
		return diff
	}
	diff = strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && !text.Visible(r) {
			return -1
		}
		return r
	}, diff)
	if !wantsColor(w) {
		return diff
	}
	return paint(diff)
}

// paint colours a unified diff.
func paint(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		c := color.New()
		switch {
		case strings.HasPrefix(line, "+++"), strings.HasPrefix(line, "---"):
			c = color.New(color.Bold)
		case strings.HasPrefix(line, "+"):
			c = color.New(color.FgGreen)
		case strings.HasPrefix(line, "-"):
			c = color.New(color.FgRed)
		case strings.HasPrefix(line, "@@"):
			c = color.New(color.FgCyan)
		}
		c.EnableColor()
		b.WriteString(c.Sprint(strings.TrimSuffix(line, "\n")) + "\n")
	}
	return b.String()
}
