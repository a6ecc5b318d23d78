package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"tpmdps/internal/commandline"
	"tpmdps/internal/enroll"
	"tpmdps/internal/enroll/batch"
	"tpmdps/internal/enroll/removal"
	"tpmdps/internal/input"
	"tpmdps/internal/inventory"
	"tpmdps/internal/redact"
	"tpmdps/internal/text"
	"tpmdps/internal/verdict"
)

func unenrollCommand() command {
	return command{
		name:     "unenroll",
		argument: commandline.Command{FileFlag: "from"},
		usage:    "disable or delete the enrollment of this machine's chip, or of a batch",
		description: "Removes machines from DPS: the one with this chip, those of the records in --from, or\n" +
			"those that --registration-id names. Their enrollments are disabled, which can be\n" +
			"undone; --delete removes them. Running it again changes nothing. An enrollment with\n" +
			"another key than the chip's or the record's is left alone; an ID that is named alone\n" +
			"stands for whichever key it has.\n\n" +
			"A device that is assigned already stays on its hub: DPS cannot remove it there. The\n" +
			"result names the command that does.",
		flags: append([]cli.Flag{
			&cli.StringFlag{Name: "from", Usage: "remove the machines whose records are in `FILE`, - for stdin"},
			&cli.StringSliceFlag{Name: "registration-id", Category: "Machines:", Usage: "remove the enrollment with this `ID`, whichever key it has; may be given several times"},
			idFormatFlag("of this machine's chip, the ID in `FORMAT`: base32 or hex"),
			&cli.BoolFlag{Name: "disable", Usage: "disable the enrollment; it is kept and can be enabled again (the default)"},
			&cli.BoolFlag{Name: "delete", Usage: "delete the enrollment, with all its settings"},
			&cli.BoolFlag{Name: "registration", Usage: "delete the record of the device's registration, too"},
			&cli.BoolFlag{Name: "dry-run", Usage: "show what would be done, and do nothing"},
			&cli.StringFlag{Name: "reason", Usage: "record `TEXT` as the reason, in the audit trail and in the result"},
		}, slices.Concat(auditFlags(), serviceFlags(), chipFlags(), networkFlags(), secretFlags())...),
		examples: []string{
			"tpmdps unenroll --registration-id box-7 --connection-string-file dps.secret",
			"tpmdps unenroll --from scrapped.jsonl --delete --audit trail.jsonl",
		},
		exits: []int{10, 11, 12, 13, 14, 15, 20, 21, 22, 30, 32, 50, 51},
		rules: []rule{
			{flag: "audit", only: []string{"audit-key-file"}},
			{flag: "delete", excludes: []string{"disable"}},
			{flag: "registration-id", excludes: []string{"from", "id-format"}},
			{flag: "from", excludes: []string{"id-format"}},
			loginRule,
		},
		run: runUnenroll,
	}
}

// unenrollOptions are those of unenroll.
type unenrollOptions struct {
	file   string
	named  []string
	format idOptions
	chip   chipOptions
	policy enroll.RemovalPolicy
	dryRun bool
	reason string

	trail   trailOptions
	service serviceOptions
}

func readUnenrollOptions(f flags) (o unenrollOptions, err error) {
	o = unenrollOptions{
		file: f.text("from"), named: f.list("registration-id"), format: idOptions{format: f.text("id-format"), formatTyped: f.typed("id-format")},
		chip: readChipOptions(f), policy: enroll.RemovalPolicy{Delete: f.yes("delete"), Registration: f.yes("registration")},
		dryRun: f.yes("dry-run"), reason: f.text("reason"), trail: trailOptions{path: f.text("audit"), keyFile: f.text("audit-key-file")},
	}
	switch {
	case idTemplates[o.format.format] == "":
		return o, fmt.Errorf("%w: --id-format %q: choose base32 or hex", commandline.ErrUsage, text.Printable(o.format.format, 20))
	case f.typed("disable") && !f.yes("disable") && !o.policy.Delete:
		return o, fmt.Errorf("%w: --disable=false leaves nothing to do: choose --disable or --delete", commandline.ErrUsage)
	}
	if err := batch.CheckReason(o.reason); err != nil {
		return o, fmt.Errorf("--reason: %w", err)
	}
	o.service, err = readServiceOptions(f)
	return o, err
}

func runUnenroll(s *session, f flags) (err error) {
	o, err := readUnenrollOptions(f)
	if err != nil {
		return err
	}
	service, err := s.openService(o.service)
	if err != nil {
		return err
	}
	targets, err := s.targets(o)
	if err != nil {
		return err
	}
	run := removal.Run{Service: service.Operator, Policy: o.policy, DryRun: o.dryRun, Reason: s.redact(o.reason), Stops: stopsBatch}
	if !o.dryRun { // which does nothing, and leaves the trail alone
		if run.Trail, err = s.openTrail(o.trail, service); err != nil {
			return err
		}
		defer joinClose(&err, run.Trail)
	}
	source := removal.Source{File: o.file, Chip: o.file == "" && len(o.named) == 0, DPS: service.Host()}
	if o.format.formatTyped {
		source.IDFormat = o.format.format
	}
	return unenrollAll(s, run, source, targets)
}

// targets are the machines to remove.
func (s *session) targets(o unenrollOptions) ([]removal.Target, error) {
	switch {
	case len(o.named) > 0:
		return removal.Named(o.named), nil
	case o.file != "":
		inv, err := s.readInventory(s.ctx, o.file)
		if err != nil {
			return nil, err
		}
		return removal.Targets(inv)
	}
	t := enroll.Target{ChosenID: o.format.formatTyped}
	r, err := s.recordForID(o.chip, true)
	if err != nil {
		return nil, err
	}
	if t.EK, err = r.EK(); err != nil {
		return nil, err
	}
	t.RegistrationID, err = o.format.of(r)
	return []removal.Target{{Target: t}}, err
}

// unenrollAll removes one machine after the other, and prints what became of each
// before the next.
func unenrollAll(s *session, run removal.Run, source removal.Source, targets []removal.Target) error {
	out := unenrollResult{DryRun: run.DryRun, Items: []unenrollItem{}}
	rows := unenrollRows{ui: s.ui}
	for _, t := range targets {
		rows.idWidth = max(rows.idWidth, len(t.RegistrationID))
	}
	var outcomes []removal.Outcome
	for _, t := range targets {
		o := run.Remove(s.ctx, t)
		outcomes = append(outcomes, o)
		if o.Wrote {
			s.did("%s was unenrolled (%s)", o.Item.RegistrationID, o.Item.Action)
		}
		for _, other := range o.Item.Others {
			if o.Err == nil && !other.Disabled {
				s.warn(fmt.Sprintf("%s: the same key is enrolled as %s: with that enrollment the machine can still provision", o.Item.RegistrationID, other.RegistrationID))
			}
		}
		item := newUnenrollItem(o, run, source)
		out.Items = append(out.Items, item)
		if err := rows.print(item); err != nil {
			return errors.Join(o.OffRecord, fmt.Errorf("stopped: %d of %d enrollments were tried: print the result: %w", len(out.Items), len(targets), err))
		}
		if o.OffRecord != nil || s.ctx.Err() != nil || o.Stops {
			break
		}
	}
	if err := rows.end(out); err != nil {
		return err
	}
	return removal.Conclude(outcomes, len(targets), s.ctx.Err())
}

// unenrollItem is what became of one machine.
type unenrollItem struct {
	enroll.Removal
	Reason string   `json:"reason"`
	Detail string   `json:"detail"`
	Next   []string `json:"next"` // never nil
	verdict.Served
}

func newUnenrollItem(o removal.Outcome, run removal.Run, source removal.Source) unenrollItem {
	item := unenrollItem{Removal: o.Item, Reason: run.Reason, Next: []string{}, Served: verdict.ServedIn(o.Err)}
	if o.Err != nil {
		item.Detail = redact.Patterns(text.Plain(strings.TrimPrefix(o.Err.Error(), item.RegistrationID+": ")))
		return item
	}
	item.Detail, item.Next = removal.Describe(o.Item, run.DryRun), removal.Next(o.Item, source)
	return item
}

// unenrollResult is what became of all machines that were tried.
type unenrollResult struct {
	DryRun bool           `json:"dry_run"`
	Items  []unenrollItem `json:"items"`
}

func (r unenrollResult) lines() []any {
	return asLines(r.Items)
}

func (r unenrollResult) fields() [][]string {
	var rows [][]string
	for _, item := range r.Items {
		rows = append(rows, []string{item.RegistrationID, string(item.Action), item.Detail})
	}
	return rows
}

func (r unenrollResult) show(w io.Writer) error {
	rows := unenrollRows{ui: &ui{streams: streams{out: w}, format: "table"}}
	for _, item := range r.Items {
		if err := rows.print(item); err != nil {
			return err
		}
	}
	return rows.end(r)
}

// unenrollRows prints what became of each machine as soon as it is known.
type unenrollRows struct {
	*ui
	idWidth int
	begun   bool
}

func (u *unenrollRows) print(item unenrollItem) error {
	switch u.format {
	case "json":
		return nil
	case "table":
		if !u.begun {
			u.begun = true
			if err := u.row(idHeader, actionHeader, "DETAIL"); err != nil {
				return err
			}
		}
		return u.row(item.RegistrationID, string(item.Action), item.Detail)
	}
	return u.ui.print(unenrollResult{Items: []unenrollItem{item}})
}

// row writes a line of the table. Only the last column may hold foreign text.
func (u *unenrollRows) row(id, action, detail string) error {
	const longest = len("unchanged")
	detail = text.Printable(clean([]string{detail})[0], 4000)
	line := fmt.Sprintf("%-*s  %-*s  %s", max(u.idWidth, len(idHeader)), id, longest, action, detail)
	if _, err := fmt.Fprintln(u.out, strings.TrimRight(line, " ")); err != nil {
		return err
	}
	return flush(u.out)
}

// maxNext bounds the sentences on what is left to do; JSON has them all.
const maxNext = 6

// end writes what comes after the last row.
func (u *unenrollRows) end(out unenrollResult) error {
	if u.format == "json" {
		return u.ui.print(out)
	}
	if u.format != "table" {
		return nil
	}
	var next []string
	for _, item := range out.Items {
		for _, sentence := range item.Next {
			if !slices.Contains(next, sentence) {
				next = append(next, sentence)
			}
		}
	}
	if n := len(next) - maxNext; n > 0 {
		next = append(next[:maxNext], fmt.Sprintf("and %d more: -o json lists them", n))
	}
	if out.DryRun {
		next = append(next, "dry run: nothing was changed")
	}
	for _, sentence := range next {
		if _, err := fmt.Fprintln(u.out, sentence); err != nil {
			return err
		}
	}
	return nil
}

// maxRemoved bounds a file of machines to remove: 100,000 records.
const maxRemoved = 256 << 20

// readInventory reads a file whole. Nothing is removed of one that cannot be read to its
// end.
func (u *ui) readInventory(ctx context.Context, from string) (inventory.Inventory, error) {
	var data []byte
	var err error
	if from == "-" {
		data, err = input.ReadAll(u.in, "standard input", maxRemoved)
	} else {
		data, err = input.ReadFile(ctx, from, maxRemoved)
	}
	if err != nil {
		return inventory.Inventory{}, err
	}
	inv, err := inventory.Read(data)
	u.learn(inv.Secrets...)
	switch {
	case err != nil:
		return inv, fmt.Errorf("%w: %s, %w", inventory.ErrDamaged, from, err)
	case len(inv.Entries) == 0:
		return inv, fmt.Errorf("%w: %s: there is no record in it", inventory.ErrDamaged, from)
	case len(inv.Records()) == 0:
		return inv, fmt.Errorf("%w: %s: %w in it, but %s", inventory.ErrDamaged, from, inventory.ErrNoTPM, inv.Others())
	}
	return inv, nil
}
