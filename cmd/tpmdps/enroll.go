package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"tpmdps/internal/commandline"
	"tpmdps/internal/ektrust/examine"
	"tpmdps/internal/enroll"
	"tpmdps/internal/enroll/batch"
	"tpmdps/internal/inventory"
	"tpmdps/internal/redact"
	"tpmdps/internal/text"
	"tpmdps/internal/verdict"
)

func enrollCommand() command {
	return command{
		name:     "enroll",
		argument: commandline.Command{FileFlag: "from"},
		usage:    "enroll this machine's chip, or a batch, in DPS",
		description: "Makes an individual enrollment for this machine's chip, for the records in --from,\n" +
			"or for one --endorsement-key. Running it again changes nothing. An enrollment with\n" +
			"other settings is left alone unless --update is given, one with another key unless\n" +
			"--replace-ek is given, with --reason. Only settings that are named here are compared.\n\n" +
			"--from also accepts what az iot dps enrollment list and show print: enrollments of one\n" +
			"DPS are copied to another, with their settings. Flags here go before the file's.\n" +
			"More than 50 machines are enrolled in bulk, ten with a request, and what became of\n" +
			"each is written to FILE.results.jsonl: the same command continues from there.\n\n" +
			"The credential is a connection string in PROVISIONING_CONNECTION_STRING or a file,\n" +
			"a SAS token in a file, or a sign-in to Microsoft Entra ID (--auth-type login).",
		flags: append([]cli.Flag{
			&cli.StringFlag{Name: "from", Usage: "enroll the records in `FILE`, or copy the enrollments of another DPS in it (JSON, one after the other or in a list), - for stdin"},
			&cli.StringFlag{Name: "endorsement-key", Aliases: []string{"ek"}, Usage: "enroll this `KEY` (base64 or hex of the TPM2B_PUBLIC) instead of the chip's"},
			&cli.StringFlag{Name: "registration-id", Usage: "enroll under `ID`, or a template as in read-ek (default: the record's, or derived from the key)"},
			commandline.LabelFlag("what {label:KEY} in a template stands for, as `KEY=VALUE`; may be given more than once"),
			idFormatFlag("derive the ID in `FORMAT`: base32 or hex"),
			&cli.BoolFlag{Name: "dry-run", Usage: "show what would be done, field by field, and do nothing"},
			&cli.BoolFlag{Name: "update", Usage: "change the settings of an existing enrollment"},
			&cli.BoolFlag{Name: "replace-ek", Usage: "give an existing enrollment this key: the machine that has the other one can no longer provision"},
			&cli.StringFlag{Name: "reason", Usage: "with --replace-ek, record `TEXT` as the reason, in the audit trail and in the results"},
			&cli.BoolFlag{Name: "foreign-id", Usage: "accept a registration ID that was derived from another key: the machine that has that key loses its name"},
		}, slices.Concat(bulkFlags(), trustFlags(), auditFlags(), serviceFlags(), settingsFlags(), chipFlags(), networkFlags(), secretFlags())...),
		examples: []string{
			"tpmdps enroll --from batch.jsonl --connection-string-file dps.secret",
			"tpmdps enroll --from batch.jsonl --dps plant --auth-type login --dry-run",
		},
		exits: []int{10, 11, 12, 13, 14, 15, 20, 21, 22, 30, 32, 50, 51},
		rules: append(trustRules(), rule{flag: "audit", only: []string{"audit-key-file"}}, rule{flag: "replace-ek", only: []string{"reason"}, needs: []string{"reason"}},
			rule{flag: "from", only: []string{"results", "rate", "skip-damaged", "fetch-ek-certificates"}}, rule{flag: "ek-policy off", excludes: []string{"fetch-ek-certificates"}}, loginRule),
		run: runEnroll,
	}
}

// enrollOptions are those of enroll.
type enrollOptions struct {
	source   sourceOptions
	settings enroll.Settings
	policy   enroll.Policy
	trust    examine.Sources
	dryRun   bool
	trail    trailOptions
	service  serviceOptions
	bulk     bulkOptions
}

func readEnrollOptions(f flags) (o enrollOptions, err error) {
	o = enrollOptions{
		policy: enroll.Policy{
			Update: f.yes("update"), ReplaceEK: f.yes("replace-ek"), Reason: f.text("reason"), ForeignID: f.yes("foreign-id"),
			ChosenID: slices.ContainsFunc([]string{"from", "registration-id", "id-format"}, f.typed),
		},
		dryRun: f.yes("dry-run"), trail: trailOptions{path: f.text("audit"), keyFile: f.text("audit-key-file")},
	}
	if err := batch.CheckReason(o.policy.Reason); err != nil {
		return o, fmt.Errorf("--reason: %w", err)
	}
	if o.settings, err = readSettings(f); err != nil {
		return o, err
	}
	if o.trust, err = readTrustOptions(f); err != nil {
		return o, err
	}
	if o.service, err = readServiceOptions(f); err != nil {
		return o, err
	}
	if o.bulk, err = readBulkOptions(f); err != nil {
		return o, err
	}
	o.source, err = readSourceOptions(f)
	return o, err
}

func runEnroll(s *session, f flags) (err error) {
	o, err := readEnrollOptions(f)
	if err != nil {
		return err
	}
	if o.trust.Kept, err = s.openKept(o); err != nil {
		return err
	}
	defer joinClose(&err, o.trust.Kept)
	examiner, err := s.openExaminer(o.trust)
	if err != nil {
		return err
	}
	service, err := s.openService(o.service)
	if err != nil {
		return err
	}
	o.policy.Reason = s.redact(o.policy.Reason)
	var inv inventory.Inventory
	if o.source.file != "" {
		in, look, err := s.lookAt(o.source.file, o.settings, o.bulk.skipDamaged)
		if err != nil {
			return err
		}
		defer joinClose(&err, in)
		if !look.IsFew() || o.bulk.results != "" {
			return enrollMany(s, o, examiner, service, in, look)
		}
		inv = look.About
	} else if inv, err = s.machine(o.source); err != nil {
		return err
	}
	return enrollFew(s, o, examiner, service, inv)
}

// enrollFew enrolls machines one after the other.
func enrollFew(s *session, o enrollOptions, x *examine.Examiner, service service, inv inventory.Inventory) (err error) {
	records := inv.Records()
	if err := inv.CheckDuplicates(); err != nil {
		return err
	}
	if !o.policy.ForeignID {
		if err := enroll.CheckIDs(records); err != nil {
			return err
		}
	}
	if o.settings.DeviceID != "" && len(records) > 1 {
		return fmt.Errorf("%w: --device-id names one device, there are %d records", commandline.ErrUsage, len(records))
	}
	if err := inv.Override(o.settings); err != nil {
		return fmt.Errorf("%w: %w", commandline.ErrUsage, err)
	}
	for _, line := range inv.Summary() {
		s.say("%s: %s", o.source.file, line)
	}
	run := batch.Run{Service: service.Operator, Policy: o.policy, Examiner: x, DryRun: o.dryRun, Warn: s.warn, Stops: stopsBatch}
	if o.bulk.remoteCheck {
		run.Guard = s.guard(o, service, inv)
	}
	if !o.dryRun { // which does nothing, and leaves the trail alone
		if run.Trail, err = s.openTrail(o.trail, service); err != nil {
			return err
		}
		defer joinClose(&err, run.Trail)
	}
	return enrollAll(s, run, inv)
}

// guard looks for the keys under other registration IDs; for one machine without
// --replace-ek only as far as that costs little.
func (s *session) guard(o enrollOptions, service service, inv inventory.Inventory) *batch.Guard {
	pace := batch.NewPace(o.bulk.rate, nil)
	g := batch.NewGuard(service.ServiceClient, inv.Entries, pace)
	if o.source.file == "" && !o.policy.ReplaceEK {
		return g.ForOne(s.warn)
	}
	return g
}

// enrollAll enrolls one record after the other, and prints what became of each
// before the next.
func enrollAll(s *session, run batch.Run, inv inventory.Inventory) error {
	entries := inv.Entries
	out := enrollResult{DryRun: run.DryRun, Items: []enrollItem{}}
	rows := newEnrollRows(s.ui, entries)
	rows.verdicts = run.Examiner.Rooted()
	tally := batch.Tally{Machines: len(entries), Damaged: inv.Damaged}
	for _, e := range entries {
		o := run.Enroll(s.ctx, e)
		tally.Add(o)
		if o.Err == nil && !run.DryRun && o.Item.Writes() {
			s.did("%s was enrolled (%s)", o.Item.RegistrationID, o.Item.Action)
		}
		out.Items = append(out.Items, enrollItem{o.Item, describe(o), verdict.ServedIn(o.Err)})
		if err := rows.print(out.Items[len(out.Items)-1]); err != nil {
			return errors.Join(o.OffRecord, fmt.Errorf("stopped: %d of %d records were tried: print the result: %w", len(out.Items), len(entries), err))
		}
		if o.OffRecord != nil || s.ctx.Err() != nil || o.Stops {
			break
		}
	}
	if err := rows.end(out); err != nil {
		return err
	}
	return tally.Conclude(s.ctx.Err())
}

// stopsBatch says whether the next record would fail in the same way.
func stopsBatch(err error) bool {
	return slices.Contains([]int{20, 21, 22, 30, 32}, verdict.Of(err).Code)
}

// enrollItem is what became of one record.
type enrollItem struct {
	enroll.Item
	Detail string `json:"detail"`
	verdict.Served
}

func describe(o batch.Outcome) string {
	item, err := o.Item, o.Err
	known := item.Action == enroll.Conflict || item.Action == enroll.EKConflict
	if item.Action == enroll.Skipped {
		return strings.TrimPrefix(err.Error(), item.RegistrationID+": ")
	}
	if err != nil && !known {
		return redact.Patterns(text.Plain(err.Error()))
	}
	if item.Action == enroll.Create {
		return "" // every field is new
	}
	var parts []string
	for _, c := range item.Changes {
		parts = append(parts, c.String())
	}
	return strings.Join(parts, "; ")
}

// enrollResult is what became of all records that were tried.
type enrollResult struct {
	DryRun bool         `json:"dry_run"`
	Items  []enrollItem `json:"items"`
}

func (r enrollResult) lines() []any {
	return asLines(r.Items)
}

func (r enrollResult) fields() [][]string {
	var rows [][]string
	for _, item := range r.Items {
		rows = append(rows, []string{item.RegistrationID, string(item.Action), item.Detail})
	}
	return rows
}

func (r enrollResult) show(w io.Writer) error {
	entries := make([]inventory.Entry, len(r.Items))
	for i, item := range r.Items {
		entries[i].Record.RegistrationID = item.RegistrationID
	}
	rows := newEnrollRows(&ui{streams: streams{out: w}, format: "table"}, entries)
	for _, item := range r.Items {
		if err := rows.print(item); err != nil {
			return err
		}
	}
	return rows.end(r)
}
