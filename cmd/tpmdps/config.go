package main

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/urfave/cli/v2"

	"tpmdps/internal/atomicfile"
	"tpmdps/internal/aziot"
	"tpmdps/internal/dps"
	"tpmdps/internal/edge"
	"tpmdps/internal/edge/checkup"
	"tpmdps/internal/edge/configfile"
	"tpmdps/internal/edge/mask"
	"tpmdps/internal/identity"
	"tpmdps/internal/text"
	"tpmdps/internal/tpm"
)

func configCommand() command {
	return command{
		name:     "config",
		fileFlag: "config",
		usage:    "write IoT Edge's config.toml, or edit it in place",
		description: "Writes a configuration that provisions IoT Edge 1.4 to 1.6 through DPS with the\n" +
			"TPM. An existing file is edited: only the keys that flags name change, comments\n" +
			"and order stay, the old file is kept beside it. A new one is made of IoT Edge's\n" +
			"own template if that is installed, with mode 0600. Without --registration-id the\n" +
			"ID is derived from the chip. A second run changes nothing.",
		flags: slices.Concat([]cli.Flag{
			&cli.StringFlag{Name: "config", Aliases: []string{"file"}, Value: configTOML, Usage: "write or edit `FILE`, - for stdout"},
			&cli.StringFlag{Name: "id-scope", EnvVars: []string{"IOTHUB_DEVICE_DPS_ID_SCOPE", "PROVISIONING_IDSCOPE"}, Usage: "the `SCOPE` of the DPS, such as 0ne0012AB34"},
			&cli.StringFlag{Name: "registration-id", EnvVars: []string{"PROVISIONING_REGISTRATION_ID"}, Usage: "the enrollment's `ID`, or a template such as line7-{ek32} (default: derived from the chip)"},
			&cli.StringFlag{Name: "id-format", Value: "base32", Usage: "derive the ID in `FORMAT`: base32 or hex"},
			&cli.StringFlag{Name: "global-endpoint", EnvVars: []string{"IOTHUB_DEVICE_DPS_ENDPOINT", "PROVISIONING_HOST"}, Usage: "the device endpoint of DPS at `URL`", DefaultText: "the public cloud's"},
			&cli.StringFlag{Name: "hostname", Usage: "the device's `NAME`, if not the machine's own"},
			&cli.StringFlag{Name: "auto-reprovisioning-mode", Usage: "`MODE`: Dynamic, AlwaysOnStartup or OnErrorOnly", DefaultText: "Dynamic"},
			&cli.StringFlag{Name: "payload-uri", Usage: "file:// `URL` of the JSON for a custom allocation policy"},
			&cli.StringFlag{Name: "tcti", Usage: "how aziot-tpmd reaches the chip, as a `TCTI` string such as device:/dev/tpmrm0"},
			&cli.StringFlag{Name: "auth-key-index", Usage: "keep the key of DPS at 0x81000000 + `INDEX`", DefaultText: "0x000100"},
			&cli.StringFlag{Name: "for", Usage: "write for IoT Edge `VERSION`: 1.4, 1.5, 1.6 (they read the same file), or 1.1 for its config.yaml", DefaultText: "1.4 to 1.6"},
			&cli.BoolFlag{Name: "replace-provisioning", Usage: "edit a file that provisions in another way too: what that way needs becomes comments"},
			&cli.BoolFlag{Name: "dry-run", Usage: "print the difference, and write nothing"},
			&cli.IntFlag{Name: "backups", Value: atomicfile.Backups, Usage: "keep the last `N` of the old files, at least 1, and remove older ones that this program made"},
		}, checkFlags(), udevFlags(), applyFlags()),
		examples: []string{
			"sudo tpmdps config --id-scope 0ne0012AB34",
			"sudo tpmdps config --check",
			"sudo tpmdps config --udev",
		},
		exits:   []int{10, 11, 12, 13, 15, 20, 21, 22, 30, 31, 32, 33, 40, 41},
		timeout: 10 * time.Minute,
		run:     config,
	}
}

// Where IoT Edge reads its configuration, since 1.2 and before.
const (
	configTOML = aziot.ConfigFile
	configYAML = configfile.LegacyFile
)

func config(s *session) error {
	if s.flag.String("config") == "" {
		return fmt.Errorf("%w: --config has no name; leave it out for %s", errUsage, configTOML)
	}
	if !s.flag.Bool("check") {
		if err := s.onlyWith("check", namesOf(serviceFlags())...); err != nil {
			return err
		}
	}
	switch {
	case s.flag.Bool("check"):
		if err := s.excludes("check", "udev", "apply"); err != nil {
			return err
		}
		return configCheck(s)
	case s.flag.Bool("udev"):
		return configUdev(s)
	case s.flag.Bool("apply"):
		if err := checkApply(s); err != nil {
			return err
		}
	}
	req, err := configRequest(s)
	if err != nil {
		return err
	}
	r, err := writeConfig(s, req)
	if err != nil {
		var bad *configfile.RequestError
		if errors.As(err, &bad) {
			err = fmt.Errorf("%w: %w", errUsage, err)
		}
		return err
	}
	if req.Path == configfile.Stdout || !s.flag.Bool("apply") {
		return nil
	}
	return applyConfig(s, r.File)
}

// writeConfig plans the file, writes it, and prints what was done.
func writeConfig(s *session, req configfile.Request) (configfile.Result, error) {
	target, err := configfile.Find(req)
	if err != nil {
		return configfile.Result{}, err
	}
	if err := provePasswords(s, req, target.TCTI()); err != nil {
		return configfile.Result{}, err
	}
	r, err := target.Plan()
	if err != nil {
		return r, err
	}
	s.warnOfScope(r.IDScope)
	if req.Path == configfile.Stdout {
		return r, printConfig(s, r)
	}
	if r, err = target.Write(s.ctx, r); err != nil {
		return r, err
	}
	if !r.DryRun && r.Action != configfile.Unchanged {
		s.did("%s was written (%s)", r.File, r.Action)
	}
	if err := s.print(configResult{r}); err != nil {
		return r, err
	}
	reportNext(s, r, target.Fault(r), req.Legacy)
	return r, nil
}

// provePasswords tries the passwords that flags give on the chip, before a file is
// written. What goes to standard output may be for another machine.
func provePasswords(s *session, req configfile.Request, fileTCTI string) error {
	given := edge.Config{EndorsementAuth: req.Other.EndorsementAuth, OwnerAuth: req.Other.OwnerAuth}
	if given == (edge.Config{}) || req.Path == configfile.Stdout {
		return nil
	}
	tcti := cmp.Or(req.Other.TCTI, fileTCTI)
	return checkup.Passwords{
		File:      req.Path,
		Auths:     fileAuths(given),
		Chip:      func() (tpm.Address, tpm.Options, error) { return s.tpmOr(edge.Config{TCTI: tcti}) },
		ChipNamed: s.onCommandLine("tpm") || tcti == "" && s.flag.String("tpm") != "",
		Warn:      s.say,
	}.Prove(s.ctx)
}

// configRequest reads the flags. What can be wrong without the chip is found before
// the chip is asked.
func configRequest(s *session) (configfile.Request, error) {
	req := configfile.Request{
		Path:                s.flag.String("config"),
		IDScope:             s.origin("id-scope", s.flag.String("id-scope")),
		RegistrationID:      s.origin("registration-id", s.ownID()),
		IDTemplate:          idTemplates[s.flag.String("id-format")],
		Derive:              s.onCommandLine("id-format"),
		ReplaceProvisioning: s.flag.Bool("replace-provisioning"),
		DryRun:              s.flag.Bool("dry-run"),
		Backups:             s.flag.Int("backups"),
		Read:                s.readConfigFile,
		Record:              func(whole bool) (identity.Record, error) { return recordForID(s, whole) },
		Notify:              s.say,
	}
	if req.Backups < 1 {
		return req, fmt.Errorf("%w: --backups %d: give how many old files to keep, at least 1", errUsage, req.Backups)
	}
	if endpoint := s.flag.String("global-endpoint"); endpoint != "" {
		url, err := dps.DeviceEndpoint(endpoint)
		if err != nil {
			return req, err
		}
		req.GlobalEndpoint = s.origin("global-endpoint", url+"/")
	}
	var err error
	if req.Other, err = otherSettings(s); err != nil {
		return req, err
	}
	if _, err := chooseID(s); err != nil {
		return req, err
	}
	if err := req.Validate(); err != nil {
		return req, err
	}
	if err := forVersion(s, &req); err != nil {
		return req, err
	}
	if req.Path == configfile.Stdout {
		return req, s.excludes("config -", "dry-run")
	}
	return req, nil
}

// forVersion reads --for: the file is another one for IoT Edge 1.1.
func forVersion(s *session, req *configfile.Request) error {
	switch v := s.flag.String("for"); v {
	case "", "1.4", "1.5", "1.6":
	case "1.1":
		req.Legacy = true
		if !s.flag.IsSet("config") {
			req.Path = configYAML
		}
	default:
		return fmt.Errorf("%w: --for %q: choose 1.1, 1.4, 1.5 or 1.6", errUsage, text.Printable(v, 20))
	}
	return nil
}

// origin is a value with where it comes from.
func (s *session) origin(flag, value string) configfile.Setting {
	if s.onCommandLine(flag) {
		return configfile.Setting{Text: value}
	}
	return configfile.Setting{Text: value, From: configfile.Environment}
}

// otherSettings are those that no variable of the environment gives.
func otherSettings(s *session) (c edge.Config, err error) {
	c = edge.Config{
		Hostname:               s.flag.String("hostname"),
		AutoReprovisioningMode: s.flag.String("auto-reprovisioning-mode"),
		PayloadURI:             s.flag.String("payload-uri"),
		TCTI:                   s.flag.String("tcti"),
	}
	if c.AuthKeyIndex, err = authKeyIndex(s); err != nil {
		return c, err
	}
	_, opts, err := s.tpm()
	c.EndorsementAuth, c.OwnerAuth = string(opts.EndorsementAuth), string(opts.OwnerAuth)
	return c, err
}

// readConfigFile reads a file of IoT Edge's, and keeps its secrets out of what is
// printed.
func (s *session) readConfigFile(path string) ([]byte, error) {
	data, err := readRegular(s.ctx, path, edge.MaxFile)
	s.learn(mask.Secrets(data)...)
	return data, err
}

// recordForID reads what registration IDs are made of.
func recordForID(s *session, whole bool) (_ identity.Record, err error) {
	d, err := s.openTPM()
	if err != nil {
		return identity.Record{}, err
	}
	defer joinClose(&err, d)
	if whole {
		return localRecord(s, d) // a template may ask for the machine's serial number
	}
	ek, err := d.EK()
	if err != nil {
		return identity.Record{}, err
	}
	return identity.Record{RegistrationIDs: identity.RegistrationIDs(ek.Public)}, ek.Close()
}

// authKeyIndex reads the flag; nil when it is not given.
func authKeyIndex(s *session) (*uint32, error) {
	value := s.flag.String("auth-key-index")
	if value == "" {
		return nil, nil
	}
	n, err := strconv.ParseUint(value, 0, 32)
	if err != nil || n > 0x7fffff {
		return nil, fmt.Errorf("%w: --auth-key-index %q: give a number up to 0x7fffff, such as 0x000101", errUsage, text.Printable(value, 20))
	}
	if n == 0x000001 || n == 0x010001 {
		return nil, fmt.Errorf("%w: --auth-key-index %#06x is the place of the chip's own key (EK or SRK); take 0x000100 or above", errUsage, n)
	}
	index := uint32(n)
	return &index, nil
}
