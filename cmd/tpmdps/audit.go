package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"

	"github.com/urfave/cli/v2"

	"tpmdps/internal/audit"
	"tpmdps/internal/dps"
	"tpmdps/internal/enroll"
	"tpmdps/internal/identity"
)

func auditCommand() command {
	return command{
		name:        "audit",
		usage:       "check the trail of enroll --audit",
		description: "The trail has a line for each enrollment that was written: who, on which machine,\nwhat, to which ID, when, and the service's request id.",
		subcommands: []command{{
			name:  "verify",
			usage: "find the first line of a trail that is not as it was written",
			description: "Each line has the SHA-256 of the line before it and one of itself. A line that was\n" +
				"edited, removed, put elsewhere or cut short is found. That the end was cut off, or\n" +
				"the whole file written anew, shows to who noted the head of an earlier run: --head.",
			argument: "FILE",
			flags: []cli.Flag{
				&cli.StringFlag{Name: "head", Usage: "a line with this `HASH`, the head of an earlier run, has to be in it"},
			},
			exits: []int{50},
			run:   verifyAudit,
		}},
	}
}

func verifyAudit(s *session) error {
	f, err := os.Open(s.arg)
	if err != nil {
		return cannotRead(s.arg, err)
	}
	defer f.Close()
	report, err := audit.Verify(f, s.flag.String("head"))
	if err != nil && !errors.Is(err, audit.ErrDamaged) {
		return err
	}
	return errors.Join(s.print(auditResult{report.Lines, report.Head, report.Bad}), err)
}

// auditResult is what a trail was found to be.
type auditResult struct {
	Lines    int    `json:"lines"`
	Head     string `json:"head"`
	FirstBad int    `json:"first_bad_line"`
}

func (r auditResult) lines() []any { return []any{r} }

func (r auditResult) fields() [][]string {
	return [][]string{{fmt.Sprint(r.Lines), r.Head, fmt.Sprint(r.FirstBad)}}
}

func (r auditResult) show(w io.Writer) error {
	rows := [][]string{{"good lines", fmt.Sprint(r.Lines)}, {"head", r.Head}}
	if r.FirstBad > 0 {
		rows = append(rows, []string{"first bad line", fmt.Sprint(r.FirstBad)})
	}
	return table(w, nil, rows)
}

// errOffRecord is for what was done and could not be entered in the trail.
var errOffRecord = errors.New("not on record")

// auditFlag is on every command that changes something at the service.
func auditFlag() cli.Flag {
	return &cli.StringFlag{Name: "audit", Usage: "append to the audit trail in `FILE`: who did what to which ID, when"}
}

// trail is the open audit trail of a run; nil where none was asked for.
type trail struct {
	*audit.Trail
	who    audit.Entry
	redact func(string) string
}

// openTrail opens the trail before anything is done, so that nothing is done
// that it could not take. A dry run does nothing, and leaves it alone.
func (s *session) openTrail(endpoint string) (*trail, error) {
	path := s.flag.String("audit")
	if path == "" || s.flag.Bool("dry-run") {
		return nil, nil
	}
	t, err := audit.Open(path)
	if errors.Is(err, audit.ErrDamaged) {
		return nil, err
	} else if err != nil {
		return nil, fmt.Errorf("%w: %w", errUsage, err)
	}
	host, _ := os.Hostname() // unknown is ""
	return &trail{t, audit.Entry{Account: accountName(), Host: host, Tool: application(), Service: endpoint}, s.redact}, nil
}

// accountName is who runs the program, and for sudo who called it.
func accountName() string {
	name := fmt.Sprint("uid ", os.Getuid())
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	if caller := os.Getenv("SUDO_USER"); caller != "" {
		name += " (sudo by " + caller + ")"
	}
	return identity.Printable(name, 100)
}

// record enters what was done, or tried, to one enrollment. Nothing was tried
// where there is nothing to change, or no plan.
func (t *trail) record(item enroll.Item, who operator, err error) error {
	switch item.Action {
	case enroll.Create, enroll.Update, enroll.ReplaceEK:
	default:
		return nil
	}
	if t == nil {
		return nil
	}
	e := t.who
	e.Credential = identity.Printable(who.String(), 200)
	e.Action, e.RegistrationID, e.Result, e.RequestID = string(item.Action), item.RegistrationID, "done", item.RequestID
	if err != nil {
		e.Result, e.Error = "failed", identity.Printable(t.redact(err.Error()), 500)
		var refused *dps.Error
		if errors.As(err, &refused) {
			e.RequestID = refused.RequestID
		}
	}
	if err := t.Append(e); err != nil {
		return fmt.Errorf("%w: %s: %s %s: %w", errOffRecord, item.RegistrationID, item.Action, e.Result, err)
	}
	return nil
}

// Close closes the trail, if there is one.
func (t *trail) Close() error {
	if t == nil {
		return nil
	}
	return t.Trail.Close()
}
