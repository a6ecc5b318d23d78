package main

import (
	"context"
	"os"
	"runtime"
	"slices"

	"github.com/urfave/cli/v2"

	"tpmdps/internal/aziot"
	"tpmdps/internal/edge"
	"tpmdps/internal/edge/checkup"
	"tpmdps/internal/edge/drift"
	"tpmdps/internal/edge/lint"
	"tpmdps/internal/edge/mask"
)

// checkFlags are --check, and those of the service that it may ask.
func checkFlags() []cli.Flag {
	return append([]cli.Flag{
		&cli.BoolFlag{Name: "check", Usage: "check the file, write nothing: keys, values and traps; whether chip, file, enrollment and device agree"},
	}, serviceFlags()...)
}

// configSettings say what to write; they mean nothing to a check.
var configSettings = []string{
	"id-scope", "registration-id", "id-format", "global-endpoint", "hostname", "auto-reprovisioning-mode",
	"payload-uri", "tcti", "auth-key-index", "for", "replace-provisioning", "dry-run", "backups",
}

// configCheck reports what is wrong with the file, and where it does not fit the
// chip, the enrollment and the device. It writes nothing anywhere.
func configCheck(s *session) error {
	if err := s.excludes("check", configSettings...); err != nil {
		return err
	}
	path := s.flag.String("config")
	data, options, err := readForCheck(s, path)
	if err != nil {
		return err
	}
	req := checkup.Request{
		Path: path, Data: data, Options: options,
		Access:        func(tcti string) aziot.Access { return here().Access(tcti) },
		Chip:          s.tpmOr,
		ChipNamed:     s.flag.IsSet("tpm"),
		ChipOverrides: s.onCommandLine("tpm"),
		ReadFile:      func(path string) ([]byte, error) { return readLimited(s.ctx, path, maxDeviceInfo) },
		NoServiceHint: emptyCredential(),
		Verdict:       func(err error) (int, string) { return verdict(err).code, s.hintFor(err) },
		Fix:           func(err error) string { return verdict(err).hint },
		Amend:         func(found checkup.Result) { lineIn(s.ctx).keepFlagsIn(checkResult{found}) },
		Log:           s.log,
	}
	if s.asksService() {
		req.Service = func() (checkup.Service, error) {
			client, err := serviceClient(s)
			if err != nil {
				return checkup.Service{}, err
			}
			return checkup.Service{Client: client.ServiceClient, Host: client.Host(), Explain: client.Explain}, nil
		}
	}
	r, err := checkup.Run(s.ctx, req, here().ApplyCommand(path))
	return s.printAfter(err, checkResult{r})
}

// hintFor is the hint that the error itself would end the run with.
func (s *session) hintFor(err error) string {
	return lineIn(s.ctx).fit(verdict(overtime(s.ctx, err)).hint)
}

// asksService reports whether the operator wants the service asked: a check
// touches the network for nobody else.
func (s *session) asksService() bool {
	flags := []string{"dps", "auth-type", "credential", "connection-string-file", "connection-string-fd", "connection-string", "sas-token-file", "sas-token-fd", "sas-token"}
	return slices.ContainsFunc(flags, s.onCommandLine) ||
		slices.ContainsFunc(credentialVariables, func(name string) bool { return os.Getenv(name) != "" })
}

// credentialVariables may hold a credential.
var credentialVariables = []string{"TPMDPS_SAS_TOKEN", "PROVISIONING_CONNECTION_STRING"}

// emptyCredential names a variable that was to hold a credential and is empty.
func emptyCredential() string {
	for _, name := range credentialVariables {
		if value, set := os.LookupEnv(name); set && value == "" {
			return name + " is set and empty; set it, or " + drift.HintCredential
		}
	}
	return ""
}

// readForCheck reads the file, and how it is kept; "-" is standard input.
func readForCheck(s *session, path string) ([]byte, lint.Options, error) {
	o := lint.Options{Path: path}
	if runtime.GOOS != "windows" {
		o.Root = os.DirFS("/")
	}
	if path == "-" {
		data, err := readAtMost(s.in, "standard input", edge.MaxFile)
		s.learn(mask.Secrets(data)...)
		return data, o, err
	}
	f, err := openInput(s.ctx, path)
	if err != nil {
		return nil, o, err
	}
	defer f.Close()
	info, err := f.file().Stat()
	if err != nil {
		return nil, o, cannotRead(path, err)
	}
	o.File = lint.FactsOf(info, path)
	data, err := readAtMost(f, path, edge.MaxFile)
	s.learn(mask.Secrets(data)...)
	return data, o, err
}

// maxDeviceInfo bounds what IoT Edge notes of its device, in bytes.
const maxDeviceInfo = 64 << 10

// deviceHere is the device that IoT Edge on this machine was given.
func deviceHere(ctx context.Context) (*drift.DeviceInfo, string) {
	return drift.ReadDevice(drift.DeviceInfoPaths, func(path string) ([]byte, error) { return readLimited(ctx, path, maxDeviceInfo) })
}

// checkResult is what was found.
type checkResult struct{ checkup.Result }
