package main

import (
	"path/filepath"

	"tpmdps/internal/aziot"
	"tpmdps/internal/edge"
	"tpmdps/internal/edge/mask"
	"tpmdps/internal/input"
	"tpmdps/internal/provision"
	"tpmdps/internal/text"
)

// applyConfig puts a file into effect, and finds out whether that did it.
func applyConfig(s *session, o configOptions, file string) error {
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
		TCTI: func() string { return s.daemonTCTI(s.ctx, o) },
		Plan: func() (func() error, error) {
			req, err := s.provedBy(o, path)
			return func() error {
				trip, err := s.trip(s.ctx, req)
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
func (s *session) provedBy(o configOptions, path string) (provision.Request, error) {
	data, err := input.ReadFile(s.ctx, path, edge.MaxFile)
	if err != nil {
		return provision.Request{}, err
	}
	s.learn(mask.Secrets(data)...)
	file, err := edge.Parse(data)
	if err != nil {
		return provision.Request{}, &edge.FileError{Path: path, Err: err}
	}
	req := provision.Request{IDScope: file.IDScope, RegistrationID: file.RegistrationID, Until: provision.UntilChallenge, Limit: networkLimit}
	chip := o.chip.orFile(path, file)
	if req.TPM, req.TPMOptions, err = s.chip(chip); err != nil {
		return req, err
	}
	req.IDFrom, req.Configured = path, configured(path, file, req.TPM, chip.overruled())
	_, err = s.toService(s.ctx, &req, file.GlobalEndpoint, o.service.caFile)
	return req, err
}
