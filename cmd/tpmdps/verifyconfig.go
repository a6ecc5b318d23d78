package main

import (
	"fmt"
	"strings"

	"tpmdps/internal/edge"
	"tpmdps/internal/provision"
	"tpmdps/internal/tpm"
)

// configFile reads IoT Edge's configuration where --config names one.
func (s *session) configFile() (edge.Config, error) {
	path := s.flag.String("config")
	if path == "" {
		return edge.Config{}, nil
	}
	data, err := readLimited(path, edge.MaxFile)
	if err != nil {
		return edge.Config{}, err
	}
	s.learn(edge.SecretValues(data)...)
	c, err := edge.Parse(data)
	if err != nil {
		return c, fmt.Errorf("%s: %w: %w", path, errConfigFile, err)
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
	return fmt.Errorf("%s: %w: %w", s.flag.String("config"), errConfigFile, err)
}

// metadataArgs is where the program keeps its bare arguments.
const metadataArgs = "args"

// onCommandLine tells a flag from its environment variable, which urfave/cli
// reports alike.
func (s *session) onCommandLine(flag string) bool {
	args, _ := s.flag.App.Metadata[metadataArgs].([]string)
	for _, arg := range args {
		name, _, _ := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		if strings.HasPrefix(arg, "-") && name == flag {
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
		addr, err = tpm.ParseAddress(file.TCTI)
	}
	return addr, opts, err
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
