package main

import (
	"context"
	"os"
	"runtime"
	"slices"

	"tpmdps/internal/aziot"
	"tpmdps/internal/edge"
	"tpmdps/internal/edge/checkup"
	"tpmdps/internal/edge/drift"
	"tpmdps/internal/edge/lint"
	"tpmdps/internal/edge/mask"
	"tpmdps/internal/input"
	"tpmdps/internal/tpm"
	"tpmdps/internal/verdict"
)

// configCheck reports what is wrong with the file, and where it does not fit the
// chip, the enrollment and the device. It writes nothing anywhere.
func configCheck(s *session, o configOptions) error {
	path := o.file
	data, options, err := s.readForCheck(s.ctx, path)
	if err != nil {
		return err
	}
	req := checkup.Request{
		Path: path, Data: data, Options: options,
		Access:        func(tcti string) aziot.Access { return here().Access(tcti) },
		Chip:          func(file edge.Config) (tpm.Address, tpm.Options, error) { return s.chip(o.chip.orFile(path, file)) },
		ChipNamed:     o.chip.address.text != "",
		ChipOverrides: o.chip.address.typed(),
		ReadFile:      func(path string) ([]byte, error) { return input.ReadFile(s.ctx, path, maxDeviceInfo) },
		NoServiceHint: emptyCredential(),
		Verdict:       func(err error) (int, string) { return verdict.Of(err).Code, hintFor(s.ctx, err) },
		Fix:           func(err error) string { return verdict.Of(err).Hint },
		Amend:         func(found checkup.Result) { keepFlagsIn(lineIn(s.ctx), found) },
		Log:           s.log,
	}
	if o.service.named || hasCredential() {
		req.Service = func() (checkup.Service, error) {
			client, err := s.openService(o.service)
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
func hintFor(ctx context.Context, err error) string {
	return lineIn(ctx).Fit(verdict.Of(verdict.Overtime(ctx, err)).Hint)
}

// hasCredential reports whether the environment has a credential. With one, or a flag
// that names the service, a check asks it, and touches the network for nobody else.
func hasCredential() bool {
	return slices.ContainsFunc(credentialVariables, func(name string) bool { return os.Getenv(name) != "" })
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
func (u *ui) readForCheck(ctx context.Context, path string) ([]byte, lint.Options, error) {
	o := lint.Options{Path: path}
	if runtime.GOOS != "windows" {
		o.Root = os.DirFS("/")
	}
	if path == "-" {
		data, err := input.ReadAll(u.in, "standard input", edge.MaxFile)
		u.learn(mask.Secrets(data)...)
		return data, o, err
	}
	f, err := input.Open(ctx, path)
	if err != nil {
		return nil, o, err
	}
	defer f.Close()
	info, err := f.File().Stat()
	if err != nil {
		return nil, o, input.Unreadable(path, err)
	}
	o.File = lint.FactsOf(info, path)
	data, err := input.ReadAll(f, path, edge.MaxFile)
	u.learn(mask.Secrets(data)...)
	return data, o, err
}

// maxDeviceInfo bounds what IoT Edge notes of its device, in bytes.
const maxDeviceInfo = 64 << 10

// deviceHere is the device that IoT Edge on this machine was given.
func deviceHere(ctx context.Context) (*drift.DeviceInfo, string) {
	return drift.ReadDevice(drift.DeviceInfoPaths, func(path string) ([]byte, error) { return input.ReadFile(ctx, path, maxDeviceInfo) })
}

// checkResult is what was found.
type checkResult struct{ checkup.Result }
