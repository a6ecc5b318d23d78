package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/urfave/cli/v2"

	"tpmdps/internal/audit"
	"tpmdps/internal/commandline"
	"tpmdps/internal/enroll/batch"
	"tpmdps/internal/input"
	"tpmdps/internal/operator"
	"tpmdps/internal/text"
)

// auditFlags are on every command that changes something at the service.
func auditFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "audit", Usage: "append to the audit trail in `FILE`: who did what to which ID, when"},
		&cli.StringFlag{Name: "audit-key-file", Usage: "sign each line of the trail with the key in `FILE` (HMAC-SHA-256)"},
	}
}

// trailOptions name the audit trail, and the file with its key.
type trailOptions struct{ path, keyFile string }

// auditKey reads the key of the trail; nil means no key.
func (r *secrets) auditKey(path string) ([]byte, error) {
	key, err := r.file(path)
	if err != nil || path == "" {
		return nil, err
	}
	switch err := audit.CheckKey(key); {
	case errors.Is(err, audit.ErrBlankKey):
		return nil, fmt.Errorf("%w %s: %w", input.ErrUnreadable, path, err)
	case err != nil:
		return nil, fmt.Errorf("%w: --audit-key-file: %w", commandline.ErrUsage, err)
	}
	return key, nil
}

// openTrail opens the trail before anything is done, so that nothing is done
// that it could not record.
func (s *session) openTrail(o trailOptions, service service) (*batch.Trail, error) {
	if o.path == "" {
		return nil, nil
	}
	key, err := s.secrets.auditKey(o.keyFile)
	if err != nil {
		return nil, err
	}
	t, err := audit.Open(s.ctx, o.path, key, audit.Notices{
		Waiting:  func() { s.say("waiting: another run keeps %s locked", o.path) },
		Repaired: func(what string) { s.say("warning: %s: %s", o.path, what) },
	})
	switch {
	case errors.Is(err, audit.ErrDamaged), errors.Is(err, audit.ErrKey), s.ctx.Err() != nil && err != nil:
		return nil, err
	case err != nil:
		return nil, fmt.Errorf("%w: %w", commandline.ErrUsage, err)
	}
	if info, err := os.Stat(o.path); err == nil && info.Mode().Perm()&0o022 != 0 && os.PathSeparator == '/' {
		s.say("warning: %s: others can write to it (mode %04o): chmod 600 %[1]s", o.path, info.Mode().Perm())
	}
	host, _ := os.Hostname() // unknown is ""
	return batch.NewTrail(t, audit.Entry{
		Account: operator.LocalAccount(os.Geteuid(), variables()), Credential: text.Printable(service.String(), 200),
		Host: text.Printable(host, 255), Tool: application(), Service: service.Endpoint(),
	}, s.redact), nil
}
