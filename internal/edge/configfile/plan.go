package configfile

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/diff"

	"tpmdps/internal/edge"
	"tpmdps/internal/edge/lint"
	"tpmdps/internal/edge/mask"
	"tpmdps/internal/identity"
	"tpmdps/internal/text"
)

// Action is what happens to the file.
type Action string

// The actions.
const (
	Create    Action = "create"
	Change    Action = "change"
	Unchanged Action = "unchanged"
)

// Result says what is to be written, or was.
type Result struct {
	File           string `json:"file"`
	Action         Action `json:"action"`
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

	// Data is the whole file, with its secrets.
	Data []byte `json:"-"`
}

// Plan makes the file as it will be. The error is an *[edge.FileError] for a file
// that cannot be edited; a *[RequestError]; or wraps [ErrOtherID].
func (t *Target) Plan() (Result, error) {
	r := Result{File: t.request.Path, Template: t.from, DryRun: t.request.DryRun, Changes: []edge.Change{}, Removed: []string{}}
	settings := t.settings()
	// What is wrong with the file is reported before the chip is asked.
	if _, err := t.edit(t.withID(settings)); err != nil {
		return r, err
	}
	var err error
	if settings.RegistrationID, r.FromChip, err = t.chosenID(); err != nil {
		return r, err
	}
	e, err := t.edit(settings)
	if err != nil {
		return r, err
	}
	r.IDScope, r.RegistrationID, r.Data = e.Config.IDScope, e.Config.RegistrationID, e.Data
	r.Changes = append(r.Changes, e.Changes...)
	switch {
	case !t.exists:
		r.Action = Create
	case bytes.Equal(e.Data, t.text):
		r.Action = Unchanged
	default:
		r.Action = Change
	}
	r.Diff = t.diff(e.Data)
	return r, nil
}

// withID stands in for an ID that is not known yet.
func (t *Target) withID(c edge.Config) edge.Config {
	c.RegistrationID = unknownID
	if id := t.registrationID().Text; id != "" && !isTemplate(id) {
		c.RegistrationID = id
	}
	return c
}

// edit makes the new text from the old one, or from a template.
func (t *Target) edit(c edge.Config) (edge.Edit, error) {
	if t.text == nil {
		return t.render(c)
	}
	if t.from != "" && c.AutoReprovisioningMode == "" {
		c.AutoReprovisioningMode = "Dynamic"
	}
	e, err := c.ApplyTo(t.text, edge.EditOptions{ReplaceProvisioning: t.request.ReplaceProvisioning})
	if err == nil {
		return e, nil
	}
	if t.from != "" {
		return e, fmt.Errorf("%s: %w: %w", t.from, edge.ErrUnusable, err)
	}
	if errors.Is(err, identity.ErrIDScope) && c.IDScope == "" {
		if file, err := edge.Parse(t.text); err != nil || file.IDScope == "" {
			return e, errNoScope
		}
	}
	return e, &edge.FileError{Path: t.request.Path, Err: err}
}

// render makes a file that is made of nothing else.
func (t *Target) render(c edge.Config) (e edge.Edit, err error) {
	if c.IDScope == "" {
		return e, errNoScope
	}
	e.Config = c
	if !t.request.Legacy {
		e.Data, err = edge.Render(c)
		return e, err
	}
	if e.Config.Hostname == "" {
		name, err := os.Hostname()
		if err != nil {
			return e, fmt.Errorf("find out the host name: %w", err)
		}
		e.Config.Hostname = strings.ToLower(name)
	}
	e.Data, err = edge.RenderLegacy(e.Config)
	return e, err
}

// diff is the difference between what the file is, or is made of, and what it will
// be; secrets are masked.
func (t *Target) diff(text []byte) string {
	old, name := t.text, t.request.Path
	switch {
	case t.from != "":
		name = t.from
	case !t.exists:
		name = os.DevNull
	}
	a, b := mask.Pair(old, text)
	d := string(diff.Diff(name, a, t.request.Path, b))
	_, d, _ = strings.Cut(d, "\n") // the line "diff old new" is not part of the format
	return d
}

// Fault is the first of the errors that a check finds in the file beside what was
// edited, "" if there is none.
func (t *Target) Fault(r Result) string {
	if t.request.Legacy {
		return ""
	}
	var o lint.Options
	if info, err := os.Stat(t.request.Path); err == nil {
		o.File = lint.FactsOf(info, t.request.Path)
	}
	report := lint.Check(r.Data, o)
	i := slices.IndexFunc(report.Findings, func(f lint.Finding) bool { return f.Severity == lint.Error })
	if i < 0 {
		return ""
	}
	first := report.Findings[i]
	failures, _ := report.Count()
	return fmt.Sprintf("config --check finds %s in %s, the first%s: %s", text.Count(failures, "error"), t.request.Path, first.InLine(), first.Message)
}
