package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"tpmdps/internal/edge"
	"tpmdps/internal/edge/lint"
	"tpmdps/internal/text"
)

// configResult says what was written, or would be.
type configResult struct {
	File           string `json:"file"`
	Action         string `json:"action"` // create, change or unchanged
	DryRun         bool   `json:"dry_run"`
	IDScope        string `json:"id_scope"`
	RegistrationID string `json:"registration_id"`
	FromChip       bool   `json:"registration_id_from_chip"`
	// Template is what a new file was made of, "" for our own.
	Template string        `json:"template"`
	Backup   string        `json:"backup"`          // the old file, "" where there was none
	Removed  []string      `json:"removed_backups"` // older ones
	Changes  []edge.Change `json:"changes"`
	Diff     string        `json:"diff"` // without secrets

	data []byte
}

// printConfig writes the file to stdout, as it would be on disk: with its passwords.
func printConfig(s *session, t target, r configResult) error {
	if strings.Contains(string(r.data), "[tpm.hierarchy_authorization]") {
		s.say("warning: the hierarchies' passwords are in what is printed")
	}
	_, err := unredacted(s.out).Write(r.data)
	return err
}

// report says what was done, or would be, and what comes next.
func (t target) report(s *session, r configResult) error {
	if err := s.print(r); err != nil {
		return err
	}
	switch fault := t.fault(r); {
	case fault != "":
		s.say("warning: %s", fault)
	case r.DryRun, s.flag.Bool("apply"):
	case t.legacy:
		s.say("next: sudo systemctl restart iotedge")
	case r.Action != "unchanged":
		s.say("next: %s", applyCommand(t.path))
	}
	return nil
}

// fault is what else is wrong with the file, besides what was edited: the first of
// the errors that --check finds in it. "" is none.
func (t target) fault(r configResult) string {
	if t.legacy {
		return ""
	}
	var o lint.Options
	if info, err := os.Stat(t.path); err == nil {
		o.File = fileFacts(info, t.path)
	}
	report := lint.Check(r.data, o)
	i := slices.IndexFunc(report.Findings, func(f lint.Finding) bool { return f.Severity == lint.Error })
	if i < 0 {
		return ""
	}
	first := report.Findings[i]
	errors, _ := report.Count()
	return fmt.Sprintf("config --check finds %s in %s, the first%s: %s", text.Count(errors, "error"), t.path, inLine(first.Line), first.Message)
}

// applyCommand puts a file into effect.
func applyCommand(file string) string {
	const usual = "sudo iotedge config apply"
	path, err := filepath.Abs(file)
	switch {
	case file == "-" || err != nil:
		return usual
	case runtime.GOOS != "linux":
		return "copy it to the device as " + configTOML + ", then there: " + usual
	}
	tool, _ := here().Tool(path) // what is not installed here may be elsewhere
	return "sudo " + tool.String()
}

func (r configResult) lines() []any { return []any{r} }

func (r configResult) fields() [][]string {
	return [][]string{{r.File, r.IDScope, r.RegistrationID, r.Action, r.Backup}}
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
	case r.Action == "unchanged":
		fmt.Fprintf(&b, "unchanged: %s says all this already, for %s\n", r.File, r.RegistrationID)
	case r.DryRun:
		fmt.Fprintf(&b, "nothing was written: this would %s %s for %s%s\n", r.Action, r.File, r.RegistrationID, from)
	case r.Action == "create":
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
