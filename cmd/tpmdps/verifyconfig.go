package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"tpmdps/internal/aziot"
	"tpmdps/internal/edge"
	"tpmdps/internal/edge/checkup"
	"tpmdps/internal/edge/lint"
	"tpmdps/internal/edge/mask"
	"tpmdps/internal/edge/schema"
	"tpmdps/internal/identity"
	"tpmdps/internal/provision"
	"tpmdps/internal/text"
	"tpmdps/internal/tpm"
)

// configFile reads IoT Edge's configuration where --config names one. Lines of it
// that IoT Edge ignores, although they were to say how it provisions, are named: a
// trip without them would prove something else than what the file is for.
func (s *session) configFile() (edge.Config, error) {
	path := s.flag.String("config")
	if path == "" {
		return edge.Config{}, nil
	}
	data, err := readLimited(s.ctx, path, edge.MaxFile)
	if err != nil {
		return edge.Config{}, err
	}
	s.learn(mask.Secrets(data)...)
	if len(bytes.TrimSpace(lenientText(data))) == 0 {
		return edge.Config{}, &edge.FileError{Path: path, Err: errors.New("it is empty")}
	}
	c, err := edge.Parse(data)
	astray := lint.Check(data, lint.Options{}).IgnoredProvisioning()
	if err != nil {
		for _, f := range astray {
			err = fmt.Errorf("%w; line %d: %s", err, f.Line, f.Message)
		}
		return c, &edge.FileError{Path: path, Err: err}
	}
	for _, required := range []struct{ flag, key, value string }{{"id-scope", "id_scope", c.IDScope}, {"registration-id", "registration_id", c.RegistrationID}} {
		if required.value != "" || s.flag.String(required.flag) != "" {
			continue
		}
		if f, ok := lint.Meant(astray, required.key); ok {
			return c, &edge.FileError{Path: path, Err: fmt.Errorf("it has no %s; line %d: %s", required.key, f.Line, f.Message)}
		}
	}
	for _, f := range astray {
		s.say("warning: %s, line %d: %s", path, f.Line, f.Message)
	}
	return c, nil
}

// fromFile tells whether a setting is the file's: the flag's value goes before
// it if it was given on the command line, the environment's does not.
func (s *session) fromFile(flag, file string) bool { return file != "" && !s.onCommandLine(flag) }

// setting is the value of a flag that the file may have as well.
func (s *session) setting(flag, file string) string {
	if s.fromFile(flag, file) {
		return file
	}
	return s.flag.String(flag)
}

// inFile says of a value that is wrong that it stands in the file, if it does.
func (s *session) inFile(err error, fromFile bool) error {
	if err == nil || !fromFile {
		return err
	}
	return &edge.FileError{Path: s.flag.String("config"), Err: err}
}

// checkID refuses a registration ID that DPS would refuse. Capitals are refused on
// the command line alone: what stands in the file is sent as it stands there, and
// signed in small letters, since IoT Edge does so.
func (s *session) checkID(id string, file edge.Config) error {
	if id != file.RegistrationID || s.onCommandLine("registration-id") {
		return identity.CheckRegistrationID(id)
	}
	folded, err := identity.FoldRegistrationID(id)
	if err == nil && folded != id {
		s.say("warning: the registration ID %q in the file has capital letters; it is signed as %q, which is the same for DPS", text.Printable(id, 140), folded)
	}
	return s.inFile(err, true)
}

// warnOfScope says what is unusual in an ID scope. Only DPS can refuse it.
func (s *session) warnOfScope(scope string) {
	if why := identity.UnusualIDScope(scope); why != "" {
		s.say("warning: the ID scope %q is unusual: %s", text.Printable(scope, 60), why)
	}
}

// metadataArgs is where the program keeps its bare arguments.
const metadataArgs = "args"

// onCommandLine tells a flag, by any of its names, from its environment variable,
// which urfave/cli reports alike.
func (s *session) onCommandLine(flag string) bool {
	names := []string{flag}
	for _, f := range s.flag.Command.Flags {
		if slices.Contains(f.Names(), flag) {
			names = f.Names()
		}
	}
	args, _ := s.flag.App.Metadata[metadataArgs].([]string)
	for _, arg := range args {
		name, _, _ := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		if strings.HasPrefix(arg, "-") && slices.Contains(names, name) {
			return true
		}
	}
	return false
}

// tpmOr opens the way to the chip that the flags name, or else the file.
func (s *session) tpmOr(file edge.Config) (tpm.Address, tpm.Options, error) {
	addr, opts, err := s.tpm()
	if err != nil {
		return addr, opts, err
	}
	return s.orFile(addr, opts, file)
}

// orFile takes from the file what no flag names. The passwords are taken also
// where the file's address is none.
func (s *session) orFile(addr tpm.Address, opts tpm.Options, file edge.Config) (_ tpm.Address, _ tpm.Options, err error) {
	s.learn(file.EndorsementAuth, file.OwnerAuth)
	if len(opts.EndorsementAuth) == 0 {
		opts.EndorsementAuth = []byte(file.EndorsementAuth)
	}
	if len(opts.OwnerAuth) == 0 {
		opts.OwnerAuth = []byte(file.OwnerAuth)
	}
	if file.TCTI != "" && !s.onCommandLine("tpm") {
		if err := schema.CheckTCTI(file.TCTI); err != nil {
			return addr, opts, &edge.FileError{Path: s.flag.String("config"), Err: fmt.Errorf("tpm.tcti is %q: %w", text.Printable(file.TCTI, 100), err)}
		}
		addr, err = tpm.ParseAddress(file.TCTI)
	}
	s.onChip(addr)
	return addr, opts, err
}

// configured is what the file says of the way to the chip, and where the flags say
// something else. The file's passwords alone count: IoT Edge has no others.
func (s *session) configured(path string, file edge.Config, chip tpm.Address) *provision.Configured {
	c := &provision.Configured{File: path, Auths: fileAuths(file), OtherTCTI: aziot.OtherTCTI(file.TCTI, chip.TCTI()), KeyHandle: checkup.KeyHandle(file)}
	for flag, hierarchy := range map[string]tpm.Hierarchy{"endorsement-auth-file": tpm.HierarchyEndorsement, "owner-auth-file": tpm.HierarchyOwner} {
		if s.onCommandLine(flag) {
			c.Overruled = append(c.Overruled, hierarchy)
		}
	}
	return c
}

func fileAuths(file edge.Config) tpm.HierarchyAuths {
	return tpm.HierarchyAuths{Endorsement: []byte(file.EndorsementAuth), Owner: []byte(file.OwnerAuth)}
}

// ownOr is the registration ID of the command line, or else the file's, or else
// the environment's; "" where it is to be derived.
func (s *session) ownOr(file string) string {
	if s.onCommandLine("id-format") || !s.fromFile("registration-id", file) {
		return cmp.Or(s.ownID(), file)
	}
	return file
}

// idFrom is where that ID is from, for people: see provision.Request.
func (s *session) idFrom(file string) string {
	switch {
	case s.onCommandLine("registration-id"):
		return "--registration-id"
	case file != "":
		return s.flag.String("config")
	}
	return "PROVISIONING_REGISTRATION_ID"
}

// checkDaemons keeps a registration from a machine that is at work: DPS may
// move the device or reset its data, and IoT Edge goes on with a key that the
// hub has replaced.
func checkDaemons(s *session, until provision.Goal) error {
	if until == provision.UntilChallenge || s.flag.Bool("even-if-provisioned") {
		return nil
	}
	if running := here().AtWork(); len(running) > 0 {
		return fmt.Errorf("%w: IoT Edge runs here (%s); a registration may move the device to another hub, reset its data, or replace the key that is in use",
			errProvisioned, strings.Join(running, ", "))
	}
	return nil
}
