package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"tpmdps/internal/enroll"
	"tpmdps/internal/inventory"
	"tpmdps/internal/redact"
	"tpmdps/internal/text"
)

func enrollCommand() command {
	return command{
		name:     "enroll",
		fileFlag: "from",
		usage:    "enter the chip, or a batch of records, into DPS",
		description: "Makes an individual enrollment for this machine's chip, for the records in --from,\n" +
			"or for one --endorsement-key. Running it again changes nothing. An enrollment with\n" +
			"other settings is left alone unless --update is given, one with another key unless\n" +
			"--replace-ek is given. Only settings that are named here are compared.\n\n" +
			"--from also accepts what az iot dps enrollment list and show print: enrollments of one\n" +
			"DPS are copied to another, with their settings. Flags here go before the file's.\n\n" +
			"The credential is a connection string in PROVISIONING_CONNECTION_STRING or a file,\n" +
			"a SAS token in a file, or a sign-in to Microsoft Entra ID (--auth-type login).",
		flags: append([]cli.Flag{
			&cli.StringFlag{Name: "from", Usage: "enroll the records in `FILE`, or copy the enrollments of another DPS in it (JSON, one after the other or in a list), - for stdin"},
			&cli.StringFlag{Name: "endorsement-key", Aliases: []string{"ek"}, Usage: "enroll this `KEY` (base64 or hex of the TPM2B_PUBLIC) instead of the chip's"},
			&cli.StringFlag{Name: "registration-id", Usage: "enroll under `ID`, or a template as in read-ek (default: the record's, or derived from the key)"},
			labelFlag("what {label:KEY} in a template stands for, as `KEY=VALUE`; may be given more than once"),
			&cli.StringFlag{Name: "id-format", Value: "base32", Usage: "derive the ID in `FORMAT`: base32 or hex"},
			&cli.BoolFlag{Name: "dry-run", Usage: "show what would be done, field by field, and do nothing"},
			&cli.BoolFlag{Name: "update", Usage: "change the settings of an existing enrollment"},
			&cli.BoolFlag{Name: "replace-ek", Usage: "give an existing enrollment this key: the machine that has the other one can no longer provision"},
			&cli.BoolFlag{Name: "foreign-id", Usage: "accept a registration ID that was derived from another key: the machine that has that key loses its name"},
		}, slices.Concat(auditFlags(), serviceFlags(), settingsFlags())...),
		examples: []string{
			"tpmdps enroll --from batch.jsonl --connection-string-file dps.secret",
			"tpmdps enroll --from batch.jsonl --dps plant --auth-type login --dry-run",
		},
		exits: []int{10, 11, 12, 13, 14, 15, 20, 21, 22, 30, 32, 50, 51},
		run:   runEnroll,
	}
}

func runEnroll(s *session) (err error) {
	settings, err := enrollSettings(s)
	if err != nil {
		return err
	}
	service, err := serviceClient(s)
	if err != nil {
		return err
	}
	inv, err := machines(s)
	if err != nil {
		return err
	}
	records := inv.Records()
	if err := inv.CheckDuplicates(); err != nil {
		return err
	}
	if !s.flag.Bool("foreign-id") {
		if err := enroll.CheckIDs(records); err != nil {
			return err
		}
	}
	if settings.DeviceID != "" && len(records) > 1 {
		return fmt.Errorf("%w: --device-id names one device, there are %d records", errUsage, len(records))
	}
	if err := inv.Override(settings); err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	for _, line := range inv.Summary() {
		s.say("%s: %s", s.flag.String("from"), line)
	}
	trail, err := s.openTrail(service)
	if err != nil {
		return err
	}
	defer joinClose(&err, trail)
	policy := enroll.Policy{Update: s.flag.Bool("update"), ReplaceEK: s.flag.Bool("replace-ek"), ForeignID: s.flag.Bool("foreign-id")}
	policy.ChosenID = slices.ContainsFunc([]string{"from", "registration-id", "id-format"}, s.onCommandLine)
	return enrollAll(s, batch{s, service, trail, policy}, inv.Entries)
}

// batch is what the records of a run have in common.
type batch struct {
	*session
	service service
	trail   *trail
	policy  enroll.Policy
}

// enrollAll enrolls one record after the other, and prints what became of each
// before the next.
func enrollAll(s *session, b batch, entries []inventory.Entry) error {
	out := enrollResult{DryRun: s.flag.Bool("dry-run"), Items: []enrollItem{}}
	rows := newEnrollRows(s.ui, entries)
	var offRecord error
	for _, e := range entries {
		item, err, unrecorded := b.enroll(e)
		if err == nil && !out.DryRun && writes(item) {
			s.did("%s was enrolled (%s)", item.RegistrationID, item.Action)
		}
		err = b.service.Explain(err)
		out.Items = append(out.Items, enrollItem{item, describe(item, err), servedIn(err), err})
		if err := rows.print(out.Items[len(out.Items)-1]); err != nil {
			return errors.Join(unrecorded, fmt.Errorf("stopped: %d of %d records were tried: print the result: %w", len(out.Items), len(entries), err))
		}
		if offRecord = unrecorded; offRecord != nil || s.ctx.Err() != nil || stopsBatch(err) {
			break
		}
	}
	if err := rows.end(out); err != nil {
		return err
	}
	return errors.Join(offRecord, out.err(len(entries), s.ctx.Err()))
}

// enroll plans one record and, unless this is a dry run, applies the plan. A
// record for which no plan could be made has the action "error". What is done
// stands in the trail before, as an intent, and after; unrecorded is why the
// outcome does not.
func (b batch) enroll(e inventory.Entry) (item enroll.Item, err, unrecorded error) {
	r := e.Record
	if e.Other != "" {
		item = enroll.Skip(r.RegistrationID, e.Other)
		return item, item.Err(), nil
	}
	item, err = enroll.Plan(b.ctx, b.service.ServiceClient, r, e.Settings, b.policy)
	if err != nil {
		return enroll.Item{
			RegistrationID: r.RegistrationID, Action: "error",
			Changes: []enroll.Change{}, Unconfirmed: []enroll.Change{}, Warnings: []string{}, Others: []enroll.Other{},
		}, err, nil
	}
	for _, w := range item.Warnings {
		b.say("warning: %s: %s", item.RegistrationID, w)
	}
	b.sayLockOut(item)
	for _, other := range item.Others {
		b.say("warning: %s: the same key is enrolled as %s, too; delete the enrollment that is not used", item.RegistrationID, other.RegistrationID)
	}
	if b.flag.Bool("dry-run") {
		return item, item.Err(), nil
	}
	if err := b.trail.settle(b.ctx, item); err != nil {
		return item, err, nil
	}
	intent, err := b.trail.intend(b.ctx, item)
	if err != nil {
		return item, err, nil
	}
	item, err = enroll.Apply(b.ctx, b.service.ServiceClient, item)
	for _, c := range item.Unconfirmed {
		b.say("warning: %s: written, but the service answers that %s", item.RegistrationID, c)
	}
	return item, err, b.trail.outcome(b.ctx, intent, item, b.service.Explain(err))
}

// stopsBatch says whether the next record would fail in the same way.
func stopsBatch(err error) bool {
	switch {
	case err == nil:
		return false
	case errors.Is(err, errNoIntent):
		return true
	}
	switch verdict(err).code {
	case 20, 21, 22, 30, 32:
		return true
	}
	return false
}

// enrollItem is what became of one record.
type enrollItem struct {
	enroll.Item
	Detail string `json:"detail"`
	served
	err error
}

func describe(item enroll.Item, err error) string {
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

// err is the run's error: that of the one record, how many of many failed, or
// that the run ended before the last record, for the reason ended.
func (r enrollResult) err(records int, ended error) error {
	var failed, skipped int
	var last error
	for _, item := range r.Items {
		switch {
		case item.Action == enroll.Skipped:
			skipped++
		case item.err != nil:
			failed, last = failed+1, item.err
		}
	}
	if skipped > 0 && (failed > 0 || ended == nil || len(r.Items) == records) {
		return r.partly(records, failed, skipped, last)
	}
	switch {
	case failed == 0 && ended != nil && len(r.Items) < records:
		return fmt.Errorf("stopped: %d of %d done, %d not tried; the same command goes on from there: %w",
			len(r.Items)-skipped, records, records-len(r.Items), ended)
	case failed == 0:
		return nil
	case records == 1 || stopsBatch(last) && failed == 1 && len(r.Items) == 1:
		return last
	case stopsBatch(last): // the whole run's trouble, not that of a record
		return fmt.Errorf("stopped: %d of %d done, %d failed, %d not tried; the same command goes on from there: %w",
			len(r.Items)-failed, records, failed, records-len(r.Items), last)
	}
	return fmt.Errorf("%w: %d of %d done, %d failed, %d not tried; the last error: %w", errPartly,
		len(r.Items)-failed, records, failed, records-len(r.Items), last)
}

// partly is the error of a run in which enrollments were skipped. Only of those that
// failed another run may do more.
func (r enrollResult) partly(records, failed, skipped int, last error) error {
	done := fmt.Sprintf("%d of %d done, %d failed, %d not tried, %d skipped", len(r.Items)-failed-skipped, records, failed, records-len(r.Items), skipped)
	switch {
	case last == nil:
		return fmt.Errorf("%w: %s: %w: they were not copied", errPartly, done, enroll.ErrNotTPM)
	case stopsBatch(last):
		return fmt.Errorf("stopped: %s; the same command goes on from there: %w", done, last)
	}
	return fmt.Errorf("%w: %s; the last error: %w", errPartly, done, last)
}

func (r enrollResult) lines() []any {
	var out []any
	for _, item := range r.Items {
		out = append(out, item)
	}
	return out
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
