package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"time"

	"tpmdps/internal/aziot"
	"tpmdps/internal/edge"
	"tpmdps/internal/edge/mask"
	"tpmdps/internal/input"
)

// configUdev writes the rule that gives the daemon the chip, has udev follow it,
// and looks whether it helped. With --dry-run it only says what it would do.
func configUdev(s *session, o configOptions) error {
	if err := needLinux("udev"); err != nil {
		return err
	}
	m, tcti := here(), s.daemonTCTI(s.ctx, o)
	if s.ctx.Err() != nil { // it was to be read from a file that did not come
		return fmt.Errorf("find out how aziot-tpmd reaches the chip: %w", context.Cause(s.ctx))
	}
	rule, err := m.Rule(tcti)
	if err != nil {
		return err
	}
	r := udevResult{
		File: aziot.RuleFile, DryRun: o.dryRun, Rule: string(rule),
		Removed: []string{}, Commands: aziot.TriggerCommands(), Access: m.Access(tcti), machine: m,
	}
	if r.DryRun {
		if r.Action, _, err = m.RuleState(rule); err != nil {
			return err
		}
		return s.print(r)
	}
	if err := errors.Join(m.Installed(), m.Machine.NeedRoot()); err != nil {
		return err
	}
	written, err := m.WriteRule(s.ctx, rule, time.Now())
	if err != nil {
		return err
	}
	if written.Action != "unchanged" {
		s.did("%s was written (%s)", aziot.RuleFile, written.Action)
	}
	r.Action, r.Backup, r.Removed = written.Action, written.Backup, written.Removed
	err = r.enforce(s.ctx, s.say)
	return s.printAfter(err, r)
}

// daemonTCTI is the way to the chip that the daemon is told: by the flag, or by
// the file. A file that nobody can read, or that is not there yet, says nothing.
func (u *ui) daemonTCTI(ctx context.Context, o configOptions) string {
	if o.other.TCTI != "" {
		return o.other.TCTI
	}
	path := o.file
	data, err := input.ReadFile(ctx, path, edge.MaxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return aziot.DefaultTCTI
	}
	u.learn(mask.Secrets(data)...)
	var c edge.Config
	if err == nil {
		c, err = edge.Parse(data)
	}
	if err != nil {
		u.say("warning: %s is ignored: %v", path, err)
	}
	if c.TCTI == "" {
		return aziot.DefaultTCTI
	}
	return c.TCTI
}

// enforce has udev follow the rule. An error is for a daemon that may not open
// the chip although everything was done.
func (r *udevResult) enforce(ctx context.Context, say func(format string, args ...any)) error {
	before := r.Access.Verdict
	err := r.machine.Trigger(ctx)
	if err != nil && ctx.Err() != nil {
		return err
	}
	r.InForce = err == nil
	r.Access = r.machine.Access(r.Access.TCTI)
	switch {
	case errors.Is(err, aziot.ErrNoProgram):
		say("there is no udevadm here: the rule takes effect at the next start, or run")
		for _, command := range r.Commands {
			say("  sudo %s", command)
		}
		return nil
	case r.Access.Verdict == aziot.Denied && err != nil:
		return fmt.Errorf("%w: the rule is in its file, but udev did not load it: %w", aziot.ErrAccess, err)
	case r.Access.Verdict == aziot.Denied:
		return fmt.Errorf("%w: udev has the rule, and %s is still refused: %s", aziot.ErrAccess, r.Access.Node, r.Access.Reason)
	case err != nil:
		say("warning: udev did not load the rule now; it takes effect at the next start: %v", err)
	case before == aziot.Denied && r.Access.Verdict == aziot.Allowed:
		say("next: sudo systemctl restart aziot-tpmd, if IoT Edge is already configured")
	}
	return nil
}

// udevResult says what became of the rule.
type udevResult struct {
	File     string       `json:"file"`
	Action   string       `json:"action"` // create, change or unchanged
	DryRun   bool         `json:"dry_run"`
	Backup   string       `json:"backup"`          // the old file, "" where there was none
	Removed  []string     `json:"removed_backups"` // older ones
	Rule     string       `json:"rule"`
	Commands []string     `json:"commands"` // that put it into force
	InForce  bool         `json:"in_force"` // they were run, and did not fail
	Access   aziot.Access `json:"access"`   // in the end

	machine aziot.Installation
}

func (r udevResult) lines() []any { return []any{r} }

func (r udevResult) fields() [][]string {
	a := r.Access
	return [][]string{{r.File, r.Action, r.Backup, string(a.Verdict), a.Node, a.Owner, a.Group, a.Mode, a.Reason}}
}

func (r udevResult) show(w io.Writer) error {
	var b strings.Builder
	switch {
	case r.DryRun:
		b.WriteString(r.Rule + "\n")
		for _, command := range r.Commands {
			fmt.Fprintf(&b, "sudo %s\n", command)
		}
		b.WriteString("\nnothing was written: " + map[string]string{
			"create": "the rule would go into " + r.File, "change": "the rule would replace what is in " + r.File,
			"unchanged": r.File + " already has it",
		}[r.Action] + "\n")
	case r.Action == "unchanged":
		fmt.Fprintf(&b, "unchanged: %s already has it\n", r.File)
	default:
		fmt.Fprintf(&b, "wrote %s\n", r.File)
	}
	if r.Backup != "" {
		fmt.Fprintf(&b, "the old file is %s\n", r.Backup)
	}
	b.WriteString(removedBackups(r.Removed))
	b.WriteString(r.Access.String() + "\n")
	_, err := io.WriteString(w, b.String())
	return err
}
