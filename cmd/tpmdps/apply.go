package main

import (
	"fmt"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"tpmdps/internal/aziot"
	"tpmdps/internal/edge"
	"tpmdps/internal/edge/mask"
	"tpmdps/internal/provision"
	"tpmdps/internal/text"
)

// Their names in the table of exits.
var (
	errDaemons   = aziot.ErrDaemons
	errOldDaemon = aziot.ErrOldDaemon
)

func applyFlags() []cli.Flag {
	return []cli.Flag{
		&cli.BoolFlag{Name: "apply", Usage: "then put the file into effect with iotedge config apply, wait for IoT Edge, and ask DPS for a challenge"},
	}
}

// checkApply says before a file is written what would keep it from being
// applied.
func checkApply(s *session) error {
	if err := s.excludes("apply", "check", "udev", "dry-run"); err != nil {
		return err
	}
	if s.flag.String("config") == "-" || s.flag.String("for") == "1.1" {
		return fmt.Errorf("%w: --apply: only a config.toml in a file can be applied", errUsage)
	}
	if err := needLinux("apply"); err != nil {
		return err
	}
	return here().MayPutIntoEffect()
}

// applyConfig puts a file into effect, and finds out whether that did it.
func applyConfig(s *session, file string) error {
	if err := needLinux("apply"); err != nil {
		return err
	}
	path, err := filepath.Abs(file)
	if err != nil {
		return err
	}
	var r applyResult
	r.Effect, err = here().PutIntoEffect(s.ctx, aziot.EffectRequest{
		File: path,
		TCTI: func() string { return daemonTCTI(s) },
		Plan: func() (func() error, error) {
			req, err := provedBy(s, path)
			return func() error {
				trip, err := s.trip(req)
				r.Verify = &trip
				return err
			}, err
		},
		Say: func(sentence string) { s.say("%s", sentence) }, Warn: s.warn,
		Line: func(line string) { s.say("%s", text.Printable(line, 4000)) },
	})
	if err != nil && !r.Applied {
		return err
	}
	if r.Applied {
		s.did("%s was applied", path)
	}
	return s.printAfter(err, r)
}

// provedBy plans the trip from the file alone, as IoT Edge goes by it.
func provedBy(s *session, path string) (provision.Request, error) {
	data, err := readLimited(s.ctx, path, edge.MaxFile)
	if err != nil {
		return provision.Request{}, err
	}
	s.learn(mask.Secrets(data)...)
	file, err := edge.Parse(data)
	if err != nil {
		return provision.Request{}, &edge.FileError{Path: path, Err: err}
	}
	req := provision.Request{IDScope: file.IDScope, RegistrationID: file.RegistrationID, Until: provision.UntilChallenge}
	if req.TPM, req.TPMOptions, err = s.tpmOr(file); err != nil {
		return req, err
	}
	req.IDFrom, req.Configured = path, s.configured(path, file, req.TPM)
	_, err = toService(s, &req, file.GlobalEndpoint)
	return req, err
}
