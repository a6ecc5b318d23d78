package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/urfave/cli/v2"

	"tpmdps/internal/audit"
	"tpmdps/internal/disk"
	"tpmdps/internal/dps"
	"tpmdps/internal/enroll"
	"tpmdps/internal/input"
	"tpmdps/internal/operator"
	"tpmdps/internal/text"
)

var (
	// errOffRecord is for what was done and could not be entered in the trail.
	errOffRecord = errors.New("not on record")
	// errNoIntent is for what was not done, because the trail could not be
	// written to before.
	errNoIntent = errors.New("nothing was written to DPS: the audit trail cannot record it")
)

// offRecord is errOffRecord that knows why the trail could not be written to.
type offRecord struct{ error }

func (e *offRecord) Unwrap() error { return e.error }

// Hint says what is to be done by hand, and what about the disk.
func (e *offRecord) Hint() string {
	hint := ""
	if cause, isDisk := disk.Find(e.error); isDisk {
		hint = cause.Hint()
	}
	if hint == "" {
		return ""
	}
	return "record it by hand; " + hint
}

// Results of an outcome in the trail, beside [audit.Unanswered].
const (
	resultDone    = "done"
	resultFailed  = "failed"   // the service refused it
	resultNotDone = "not done" // a later run found that it was never done
	resultUnknown = "unknown"  // a later run found something else there
)

// outcomeGrace is how long the outcome of what was done may wait for the trail,
// also when the run has ended otherwise. It is below interruptLimit.
const outcomeGrace = 15 * time.Second

// auditFlags are on every command that changes something at the service.
func auditFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "audit", Usage: "append to the audit trail in `FILE`: who did what to which ID, when"},
		&cli.StringFlag{Name: "audit-key-file", Usage: "sign each line of the trail with the key in `FILE` (HMAC-SHA-256)"},
	}
}

// trailOptions name the audit trail, and the file with its key.
type trailOptions struct{ path, keyFile string }

// minAuditKey is how many characters a key has to have: its sums stand in the
// open, so that a short one can be found by trying.
const minAuditKey = 16

// auditKey reads the key of the trail; nil is none.
func (r *secrets) auditKey(path string) ([]byte, error) {
	key, err := r.file(path)
	if err == nil && path != "" && len(bytes.TrimSpace(key)) == 0 {
		return nil, fmt.Errorf("%w %s: there are only blanks in it", input.ErrUnreadable, path)
	}
	if err == nil && path != "" && len(key) < minAuditKey {
		return nil, fmt.Errorf("%w: --audit-key-file: the key has %d characters, at least %d are needed; make one with: openssl rand -hex 32", errUsage, len(key), minAuditKey)
	}
	return key, err
}

// trail is the open audit trail of a run; nil where none was asked for.
type trail struct {
	*audit.Trail
	who    audit.Entry
	redact func(string) string
}

// openTrail opens the trail before anything is done, so that nothing is done
// that it could not record.
func (s *session) openTrail(o trailOptions, service service) (*trail, error) {
	path := o.path
	if path == "" {
		return nil, nil
	}
	key, err := s.secrets.auditKey(o.keyFile)
	if err != nil {
		return nil, err
	}
	t, err := audit.Open(s.ctx, path, key, func() { s.say("waiting: another run keeps %s locked", path) })
	switch {
	case errors.Is(err, audit.ErrDamaged), errors.Is(err, audit.ErrKey), s.ctx.Err() != nil && err != nil:
		return nil, err
	case err != nil:
		return nil, fmt.Errorf("%w: %w", errUsage, err)
	}
	s.warnWritable(path)
	host, _ := os.Hostname() // unknown is ""
	return &trail{t, audit.Entry{
		Account: operator.LocalAccount(os.Geteuid(), variables()), Credential: text.Printable(service.String(), 200),
		Host: text.Printable(host, 255), Tool: application(), Service: service.Endpoint(),
	}, s.redact}, nil
}

// warnWritable says that others can write to the trail: without a key they can
// put anything into it.
func (u *ui) warnWritable(path string) {
	if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o022 != 0 && os.PathSeparator == '/' {
		u.say("warning: %s: others can write to it (mode %04o): chmod 600 %[1]s", path, info.Mode().Perm())
	}
}

// writes tells whether a plan changes anything.
func writes(item enroll.Item) bool {
	switch item.Action {
	case enroll.Create, enroll.Update, enroll.ReplaceEK:
		return true
	}
	return false
}

// entry begins a line about an enrollment.
func (t *trail) entry(item enroll.Item, stage audit.Stage) audit.Entry {
	e := t.who
	e.Stage, e.Action, e.RegistrationID, e.Wanted = stage, string(item.Action), item.RegistrationID, item.Wanted()
	return e
}

// intend records what is about to be done and returns the number of the line. A
// plan that changes nothing needs none.
func (t *trail) intend(ctx context.Context, item enroll.Item) (intent int, err error) {
	if t == nil || !writes(item) {
		return 0, nil
	}
	e := t.entry(item, audit.Intent)
	e.ETag = text.Printable(item.ETag, 200)
	if intent, err = t.Append(ctx, e); err != nil {
		return 0, fmt.Errorf("%w: %s: %w", errNoIntent, item.RegistrationID, err)
	}
	return intent, nil
}

// settle gives outcomes to the intents that earlier runs left open for this
// enrollment, from what is there now.
func (t *trail) settle(ctx context.Context, found enroll.Item) error {
	if t == nil {
		return nil
	}
	for _, l := range t.Open(t.who.Service, found.RegistrationID) {
		e := t.entry(found, audit.Outcome)
		e.Intent, e.Action, e.Wanted, e.ETag = l.Number, l.Action, l.Wanted, l.ETag
		e.Result = resultOf(l, found)
		if err := t.Settle(ctx, e); err != nil {
			return fmt.Errorf("%w: %s: %w", errNoIntent, found.RegistrationID, err)
		}
	}
	return nil
}

// resultOf compares an intent without outcome with what is there now.
func resultOf(intent audit.Line, found enroll.Item) string {
	switch {
	case found.Action == enroll.Create:
		return resultNotDone // there is no enrollment
	case intent.ETag != "" && intent.ETag == text.Printable(found.ETag, 200):
		return resultNotDone // it is the version that was to be replaced
	case found.Action == enroll.Unchanged && found.Wanted() == intent.Wanted:
		return resultDone
	}
	return resultUnknown
}

// outcome records what became of an intent. What was done is entered also when
// the run has been told to stop.
func (t *trail) outcome(ctx context.Context, intent int, item enroll.Item, err error) error {
	if t == nil || intent == 0 {
		return nil
	}
	e := t.entry(item, audit.Outcome)
	e.Intent, e.Result, e.RequestID = intent, outcomeOf(err), text.Printable(item.RequestID, 100)
	if err != nil {
		e.Error = text.Printable(t.redact(text.Plain(err.Error())), 500)
		var refused *dps.Error
		if errors.As(err, &refused) {
			e.RequestID = text.Printable(refused.RequestID, 100)
		}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), outcomeGrace)
	defer cancel()
	if _, err := t.Append(ctx, e); err != nil {
		return &offRecord{fmt.Errorf("%w: %s: %s %s: %w", errOffRecord, item.RegistrationID, item.Action, e.Result, err)}
	}
	return nil
}

// outcomeOf tells a refusal from an answer that did not come: then the request
// may have been carried out all the same.
func outcomeOf(err error) string {
	var refused *dps.Error
	switch {
	case err == nil:
		return resultDone
	case errors.Is(err, enroll.ErrConflict):
		return resultFailed
	case errors.As(err, &refused) && refused.Status >= 400 && refused.Status < 500 && refused.Status != http.StatusRequestTimeout:
		return resultFailed
	}
	return audit.Unanswered
}

// Close closes the trail, if there is one.
func (t *trail) Close() error {
	if t == nil {
		return nil
	}
	return t.Trail.Close()
}
