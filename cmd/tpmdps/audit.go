package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"tpmdps/internal/audit"
	"tpmdps/internal/commandline"
	"tpmdps/internal/input"
	"tpmdps/internal/text"
)

func auditCommand() command {
	return command{
		name:  "audit",
		usage: "check the trail of enroll --audit",
		description: "The trail has two lines for each enrollment that was written: the intent before, the\n" +
			"outcome after. Who, on which machine, what, to which ID, when, and the service's\n" +
			"request id.",
		subcommands: []command{{
			name:  "verify",
			usage: "find the first line of a trail that was changed",
			description: "Each line has the SHA-256 of the line before it and one of itself. A line that was\n" +
				"edited, removed, moved or cut short is found. These sums have no key: anyone who\n" +
				"can write to the file can compute them again. To prevent that, sign the lines\n" +
				"(--audit-key-file), and note the head elsewhere (--head): only the head shows that\n" +
				"the end was cut off.\n\n" +
				"Intents without an outcome are listed: the run was killed in between. The same\n" +
				"enroll command, run again, finds out what became of them and records it.",
			argument: commandline.Command{Argument: "FILE"},
			flags: append([]cli.Flag{
				&cli.StringFlag{Name: "head", Usage: "require a line with this `HASH`, the head noted from an earlier run; with LINE:HASH also find where it was rewritten"},
				&cli.StringFlag{Name: "audit-key-file", Usage: "check the lines' signatures with the key in `FILE`"},
			}, secretFlags()...),
			exits: []int{20, 50},
			run:   verifyAudit,
		}},
	}
}

func verifyAudit(s *session, f flags) error {
	noted, keyFile := strings.TrimSpace(f.text("head")), f.text("audit-key-file")
	key, err := s.secrets.auditKey(keyFile)
	if err != nil {
		return err
	}
	if err := checkHead(noted, "audit verify"); err != nil {
		return err
	}
	report, err := verifyTrail(s.ctx, s.arg, audit.Options{Head: noted, Key: key})
	if err != nil && !errors.Is(err, audit.ErrDamaged) {
		return err
	}
	if err == nil && report.Lines == 0 {
		err = audit.ErrEmpty
	}
	out := newAuditResult(report, len(key) > 0)
	for _, note := range out.Notes {
		s.say("warning: %s", note)
	}
	return s.printAfter(err, out)
}

// headForm is what a noted head looks like. One that was cut short or mistyped
// would accuse a trail that is whole.
var headForm = regexp.MustCompile(`^([1-9][0-9]{0,8}:)?(?i:[0-9a-f]{64})$`)

// checkHead refuses a noted head that cannot be one; printedBy is the command that prints them.
func checkHead(noted, printedBy string) error {
	if noted == "" || headForm.MatchString(noted) {
		return nil
	}
	return fmt.Errorf("%w: --head %q: a head is 64 hex digits, as %s prints it, or its line, a colon and these", commandline.ErrUsage, text.Printable(noted, 140), printedBy)
}

// verifyTrail reads a trail, until it is told to stop: a file may be endless. One
// that is appended to meanwhile may show half a line, and is read again.
func verifyTrail(ctx context.Context, path string, o audit.Options) (report audit.Report, err error) {
	err = whileItGrows(ctx, path, audit.ErrDamaged, func(r io.Reader) error {
		report, err = audit.Verify(r, o)
		return err
	})
	return report, err
}

// whileItGrows reads a file of lines, and again if it is damaged and was appended to
// meanwhile: then half a line may have been there.
func whileItGrows(ctx context.Context, path string, damaged error, read func(io.Reader) error) error {
	const most = 10 // a run waits for the service between two lines
	for try := 1; ; try++ {
		before, err := os.Stat(path)
		if err == nil && !before.Mode().IsRegular() && before.Mode()&fs.ModeNamedPipe == 0 && !input.FromShell(path) {
			return input.NotFile(path, before.Mode())
		}
		err = readOnce(ctx, path, read)
		if !errors.Is(err, damaged) || try == most || before == nil || !before.Mode().IsRegular() {
			return err
		}
		if after, serr := os.Stat(path); serr != nil || after.Size() == before.Size() {
			return err
		}
	}
}

func readOnce(ctx context.Context, path string, read func(io.Reader) error) error {
	f, err := input.Open(ctx, path)
	if err != nil {
		return err
	}
	defer f.Close()
	return read(f)
}

// auditResult is what a trail was found to be.
type auditResult struct {
	Lines      int          `json:"lines"`
	Head       string       `json:"head"`
	FirstBad   int          `json:"first_bad_line"`
	HeadLine   int          `json:"head_line"`
	Keyed      int          `json:"keyed_lines"`
	KeyChecked bool         `json:"key_checked"`
	Open       []openIntent `json:"open"`
	Notes      []string     `json:"notes"`
}

// openIntent is a run that left no outcome.
type openIntent struct {
	Line           int       `json:"line"`
	Time           time.Time `json:"time"`
	Account        string    `json:"account"`
	Host           string    `json:"host"`
	Service        string    `json:"service"`
	Action         string    `json:"action"`
	RegistrationID string    `json:"registration_id"`
	Result         string    `json:"result"`
}

func newAuditResult(r audit.Report, keyGiven bool) auditResult {
	out := auditResult{
		Lines: r.Lines, Head: r.Head, FirstBad: r.Bad, HeadLine: r.HeadLine, Keyed: r.Keyed,
		KeyChecked: keyGiven && r.Keyed > 0, Open: []openIntent{}, Notes: r.Notes(keyGiven),
	}
	for _, l := range r.Open { // the file may have been written by anyone
		out.Open = append(out.Open, openIntent{
			l.Number, l.Time, text.Printable(l.Account, 300), text.Printable(l.Host, 255), text.Printable(l.Service, 300),
			text.Printable(l.Action, 40), text.Printable(l.RegistrationID, 128), text.Printable(l.Result, 40),
		})
	}
	return out
}

func (r auditResult) lines() []any { return []any{r} }

func (r auditResult) fields() [][]string {
	return [][]string{{fmt.Sprint(r.Lines), r.Head, fmt.Sprint(r.FirstBad), fmt.Sprint(r.HeadLine), fmt.Sprint(r.Keyed), fmt.Sprint(len(r.Open))}}
}

// mostOpen bounds the list of open intents that people are shown.
const mostOpen = 50

func (r auditResult) show(w io.Writer) error {
	rows := [][]string{{"good lines", fmt.Sprint(r.Lines)}, {"head", r.Head}}
	if r.FirstBad > 0 {
		rows = append(rows, []string{"first bad line", fmt.Sprint(r.FirstBad)})
	}
	if r.HeadLine > 0 {
		rows = append(rows, []string{"noted head", fmt.Sprint("line ", r.HeadLine)})
	}
	switch {
	case r.KeyChecked:
		rows = append(rows, []string{"signed lines", fmt.Sprint(r.Keyed, ", checked")})
	case r.Keyed > 0:
		rows = append(rows, []string{"signed lines", fmt.Sprint(r.Keyed, ", not checked")})
	}
	if err := table(w, nil, rows); err != nil || len(r.Open) == 0 {
		return err
	}
	rows = nil
	for _, o := range r.Open[:min(len(r.Open), mostOpen)] {
		rows = append(rows, []string{fmt.Sprint(o.Line), o.Time.Format(time.RFC3339), o.Account, o.Host, o.Action, o.RegistrationID})
	}
	if _, err := fmt.Fprintf(w, "\n%d without an outcome:\n", len(r.Open)); err != nil {
		return err
	}
	return table(w, []string{"LINE", "TIME", "ACCOUNT", "HOST", "ACTION", "REGISTRATION ID"}, rows)
}
