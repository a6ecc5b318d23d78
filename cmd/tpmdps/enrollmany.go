package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/urfave/cli/v2"

	"tpmdps/internal/commandline"
	"tpmdps/internal/ektrust/examine"
	"tpmdps/internal/enroll/batch"
	"tpmdps/internal/input"
	"tpmdps/internal/redact"
	"tpmdps/internal/text"
	"tpmdps/internal/verdict"
)

// bulkFlags are for batches.
func bulkFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "results", Usage: "with --from, write what became of each machine to `FILE`, and continue from there", DefaultText: "FILE.results.jsonl for more than 50 machines"},
		&cli.IntFlag{Name: "rate", Value: batch.DefaultRate, Usage: "with --from, send at most `N` requests a minute; fewer when DPS throttles"},
		&cli.BoolFlag{Name: "skip-damaged", Usage: "with --from, enroll the machines whose lines are good, and name the others; ends with 51"},
		&cli.BoolFlag{Name: "fetch-ek-certificates", DisableDefaultText: true, Usage: "with --from, ask Intel and AMD for the EK certificates of chips that do not store their own"},
		&cli.BoolFlag{Name: "no-remote-check", Usage: "accept keys that DPS has under another registration ID"},
	}
}

// bulkOptions are those of a batch.
type bulkOptions struct {
	results     string // "" is the default
	rate        int    // requests a minute
	remoteCheck bool
	fetch       bool // EK certificates, from their makers
	skipDamaged bool
}

func readBulkOptions(f flags) (bulkOptions, error) {
	o := bulkOptions{
		results: f.text("results"), rate: f.number("rate"), remoteCheck: !f.yes("no-remote-check"),
		fetch: f.yes("fetch-ek-certificates"), skipDamaged: f.yes("skip-damaged"),
	}
	if o.rate < 1 {
		return o, fmt.Errorf("%w: --rate %d: at least 1 request a minute is needed", commandline.ErrUsage, o.rate)
	}
	return o, nil
}

// resultsPath is where the results file of a batch is; "" where there is none, since
// the batch has no place of its own.
func resultsPath(o enrollOptions) string {
	if o.bulk.results != "" {
		return o.bulk.results
	}
	return beside(o.source.file, ".results.jsonl")
}

// beside is a file with the name of a batch and more; "" where the batch has no place of
// its own.
func beside(from, suffix string) string {
	if info, err := os.Stat(from); from == "-" || input.FromShell(from) || err != nil || !info.Mode().IsRegular() {
		return ""
	}
	return from + suffix
}

// enrollMany enrolls a batch in bulk.
func enrollMany(s *session, o enrollOptions, x *examine.Examiner, service service, in *input.Twice, look *batch.Look) (err error) {
	if err := checkMany(s, o, look); err != nil {
		return err
	}
	rows := newManyRows(s.ui, look, o.dryRun)
	rows.verdicts = x.Rooted()
	pace := batch.NewPace(o.bulk.rate, nil)
	s.throttled = pace.Throttled
	tell, tick, stop := s.tellProgress(look.Machines)
	defer stop()
	bulk := batch.Bulk{
		Run:  batch.Run{Service: service.Operator, Policy: o.policy, Examiner: x, DryRun: o.dryRun, Warn: rows.warn, Stops: stopsBatch},
		Look: look, Again: in.Open, Settings: o.settings, RemoteCheck: o.bulk.remoteCheck,
		Pace: pace, Judge: s.failureOf, Each: rows.each, Tell: tell, Tick: tick,
	}
	if !o.dryRun { // which does nothing, and leaves trail and results alone
		if bulk.Trail, err = s.openTrail(o.trail, service); err != nil {
			return err
		}
		defer joinClose(&err, bulk.Trail)
		if path := resultsPath(o); path != "" {
			if bulk.Results, err = batch.OpenResults(path, service.Endpoint()); err != nil {
				return err
			}
			defer joinClose(&err, bulk.Results)
		}
	}
	tally, ended := bulk.Enroll(s.ctx)
	stop()
	if n := tally.Created + tally.Updated + tally.Replaced; n > 0 && !o.dryRun {
		s.did("%d machines were enrolled", n)
	}
	return errors.Join(ended, rows.end(tally, bulk.Results.Name()))
}

// checkMany finds what keeps the whole batch from being enrolled.
func checkMany(s *session, o enrollOptions, look *batch.Look) error {
	switch {
	case look.Check(o.policy) != nil:
		return look.Check(o.policy)
	case o.settings.DeviceID != "" && look.Records > 1:
		return fmt.Errorf("%w: --device-id names one device, there are %d records", commandline.ErrUsage, look.Records)
	case look.Settings != nil:
		return fmt.Errorf("%w: %w", commandline.ErrUsage, look.Settings)
	}
	if err := look.About.Override(o.settings); err != nil {
		return fmt.Errorf("%w: %w", commandline.ErrUsage, err)
	}
	for _, line := range look.About.Summary() {
		s.say("%s: %s", o.source.file, line)
	}
	return nil
}

// failureOf is what the results file says of an error: free of secrets, and with the
// exit code and the hint that the error alone would have.
func (s *session) failureOf(err error) batch.Failure {
	v := verdict.Of(err)
	return batch.Failure{Error: text.Printable(s.redact(redact.Patterns(text.Plain(err.Error()))), 2000), Code: v.Code, Name: verdict.Names[v.Code], Hint: v.Hint}
}

// maxFailedRows bounds the table of what failed; the results file has all.
const maxFailedRows = 1000

// manyRows prints what became of the machines of a long batch. JSON lines and
// tab-separated values come as they are known, JSON as one document that is written bit
// by bit; the table has those that failed, at the end, and of a dry run all.
type manyRows struct {
	*enrollRows
	dryRun bool
	begun  bool // of the JSON document
	failed []enrollItem
	hints  []string
	more   int
}

func newManyRows(u *ui, look *batch.Look, dryRun bool) *manyRows {
	rows := newEnrollRows(u, nil)
	rows.idWidth, rows.actionWidth = max(rows.idWidth, look.LongestID), longestAction
	return &manyRows{enrollRows: rows, dryRun: dryRun}
}

// each prints one outcome.
func (m *manyRows) each(o batch.Outcome) error {
	item := enrollItem{o.Item, describe(o), verdict.ServedIn(o.Err)}
	switch {
	case m.format == "json":
		return m.document(item)
	case m.format != "table" || m.dryRun:
		return m.print(item)
	case o.Err == nil:
		return nil
	case len(m.failed) == maxFailedRows:
		m.more++
		return nil
	}
	m.failed = append(m.failed, item)
	m.hints = append(m.hints, verdict.Of(o.Err).Hint)
	return nil
}

// document writes the next item of the one JSON document.
func (m *manyRows) document(item enrollItem) error {
	open := ",\n"
	if !m.begun {
		open = fmt.Sprintf("{\n  \"dry_run\": %t,\n  \"items\": [\n", m.dryRun)
		m.begun = true
	}
	if _, err := io.WriteString(m.out, open+"    "); err != nil {
		return err
	}
	return encodeInside(m.out, item, "    ")
}

// end prints what comes after the last machine: the table of those that failed, each
// hint once, and a summary.
func (m *manyRows) end(t batch.Tally, results string) error {
	switch {
	case m.format == "json" && !m.begun:
		return m.ui.print(enrollResult{DryRun: m.dryRun, Items: []enrollItem{}})
	case m.format == "json":
		if _, err := io.WriteString(m.out, "\n  ]\n}\n"); err != nil {
			return err
		}
		return flush(m.out)
	case m.format != "table":
		return nil
	case m.dryRun:
		return m.enrollRows.end(enrollResult{DryRun: true})
	}
	said := map[string]bool{}
	for i, item := range m.failed {
		if err := m.print(item); err != nil {
			return err
		}
		if hint := m.hints[i]; hint != "" && !said[hint] {
			said[hint] = true
			m.say("hint for %s: %s", item.RegistrationID, hint)
		}
	}
	if m.more > 0 {
		m.say("and %d more that failed", m.more)
	}
	_, err := fmt.Fprintln(m.out, t.Summary())
	if results != "" {
		m.say("what became of each machine: %s", results)
	}
	return errors.Join(err, flush(m.out))
}
