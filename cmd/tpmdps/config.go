package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/urfave/cli/v2"

	"tpmdps/internal/atomicfile"
	"tpmdps/internal/aziot"
	"tpmdps/internal/commandline"
	"tpmdps/internal/dps"
	"tpmdps/internal/edge"
	"tpmdps/internal/edge/checkup"
	"tpmdps/internal/edge/configfile"
	"tpmdps/internal/edge/mask"
	"tpmdps/internal/identity"
	"tpmdps/internal/input"
	"tpmdps/internal/text"
	"tpmdps/internal/tpm"
)

func configCommand() command {
	return command{
		name:     "config",
		argument: commandline.Command{FileFlag: "config"},
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
			idFormatFlag("derive the ID in `FORMAT`: base32 or hex"),
			&cli.StringFlag{Name: "global-endpoint", EnvVars: []string{"IOTHUB_DEVICE_DPS_ENDPOINT", "PROVISIONING_HOST"}, Usage: "the device endpoint of DPS at `URL`", DefaultText: "the public cloud's"},
			&cli.StringFlag{Name: "hostname", Usage: "the device's `NAME`, if not the machine's own"},
			&cli.StringFlag{Name: "auto-reprovisioning-mode", Usage: "`MODE`: Dynamic, AlwaysOnStartup or OnErrorOnly", DefaultText: "Dynamic"},
			&cli.StringFlag{Name: "payload-uri", Usage: "file:// `URL` of the JSON for a custom allocation policy"},
			&cli.StringFlag{Name: "tcti", Usage: "how aziot-tpmd reaches the chip, as a `TCTI` string such as device:/dev/tpmrm0"},
			&cli.StringFlag{Name: "auth-key-index", Usage: "keep the key of DPS at 0x81000000 + `INDEX`", DefaultText: "0x000100"},
			&cli.StringFlag{Name: "for", Usage: "write for IoT Edge `VERSION`: 1.4, 1.5, 1.6 (they read the same file), or 1.1 for its config.yaml", DefaultText: "1.4 to 1.6"},
			&cli.BoolFlag{Name: "replace-provisioning", Usage: "edit a file that provisions in another way too: its old settings are commented out"},
			&cli.BoolFlag{Name: "dry-run", Usage: "print the difference, and write nothing"},
			&cli.IntFlag{Name: "backups", Value: atomicfile.Backups, Usage: "keep the last `N` of the old files, at least 1, and remove older ones that this program made"},
			&cli.BoolFlag{Name: "check", Usage: "check the file, write nothing: keys, values and traps; whether chip, file, enrollment and device agree"},
			&cli.BoolFlag{Name: "udev", Usage: "write the udev rule that lets IoT Edge open the TPM, activate it, and do nothing else"},
			&cli.BoolFlag{Name: "apply", Usage: "then put the file into effect with iotedge config apply, wait for IoT Edge, and ask DPS for a challenge"},
		}, serviceFlags(), chipFlags(), networkFlags(), secretFlags()),
		examples: []string{
			"sudo tpmdps config --id-scope 0ne0012AB34",
			"sudo tpmdps config --check",
			"sudo tpmdps config --udev",
		},
		exits:   []int{10, 11, 12, 13, 15, 20, 21, 22, 30, 31, 32, 33, 40, 41},
		timeout: 10 * time.Minute,
		rules: []rule{
			{flag: "check", excludes: append([]string{"udev", "apply"}, configSettings...), only: namesOf(serviceFlags())},
			{flag: "udev", excludes: append([]string{"check", "apply", "tpm", "endorsement-auth-file", "owner-auth-file"}, withoutUdev(configSettings)...)},
			{flag: "apply", excludes: []string{"check", "udev", "dry-run"}},
			{flag: "config -", excludes: []string{"dry-run"}},
			loginRule,
		},
		run: config,
	}
}

// configSettings say what to write; they mean nothing to a check.
var configSettings = []string{
	"id-scope", "registration-id", "id-format", "global-endpoint", "hostname", "auto-reprovisioning-mode",
	"payload-uri", "tcti", "auth-key-index", "for", "replace-provisioning", "dry-run", "backups",
}

// withoutUdev leaves out what means something to --udev.
func withoutUdev(settings []string) []string {
	return slices.DeleteFunc(slices.Clone(settings), func(name string) bool { return name == "tcti" || name == "dry-run" })
}

// Where IoT Edge reads its configuration, since 1.2 and before.
const (
	configTOML = aziot.ConfigFile
	configYAML = configfile.LegacyFile
)

// configOptions are those of config. One of check, udev and apply may be set.
type configOptions struct {
	check, udev, apply bool

	file     string
	legacy   bool // for IoT Edge 1.1
	idScope  setting
	endpoint setting
	id       idOptions
	other    edge.Config // what no variable of the environment gives, without passwords

	replaceProvisioning bool
	dryRun              bool
	backups             int

	chip    chipOptions
	service serviceOptions
}

func readConfigOptions(f flags) (o configOptions, err error) {
	o = configOptions{
		check: f.yes("check"), udev: f.yes("udev"), apply: f.yes("apply"),
		file: f.text("config"), idScope: f.setting("id-scope"), endpoint: f.setting("global-endpoint"),
		other: edge.Config{
			Hostname: f.text("hostname"), AutoReprovisioningMode: f.text("auto-reprovisioning-mode"),
			PayloadURI: f.text("payload-uri"), TCTI: f.text("tcti"),
		},
		replaceProvisioning: f.yes("replace-provisioning"), dryRun: f.yes("dry-run"), backups: f.number("backups"),
		chip: readChipOptions(f),
	}
	switch v := f.text("for"); v {
	case "", "1.4", "1.5", "1.6":
	case "1.1":
		o.legacy = true
		if !f.typed("config") {
			o.file = configYAML
		}
	default:
		return o, fmt.Errorf("%w: --for %q: choose 1.1, 1.4, 1.5 or 1.6", commandline.ErrUsage, text.Printable(v, 20))
	}
	if index := f.text("auth-key-index"); index != "" {
		if o.other.AuthKeyIndex, err = authKeyIndex(index); err != nil {
			return o, err
		}
	}
	if o.service, err = readServiceOptions(f); err != nil {
		return o, err
	}
	if o.id, err = readIDOptions(f); err != nil {
		return o, err
	}
	return o, o.validate()
}

func (o configOptions) validate() error {
	switch {
	case o.backups < 1:
		return fmt.Errorf("%w: --backups %d: give how many old files to keep, at least 1", commandline.ErrUsage, o.backups)
	case o.apply && (o.file == configfile.Stdout || o.legacy):
		return fmt.Errorf("%w: --apply: only a config.toml in a file can be applied", commandline.ErrUsage)
	}
	return nil
}

func config(s *session, f flags) error {
	o, err := readConfigOptions(f)
	switch {
	case err != nil:
		return err
	case o.check:
		return configCheck(s, o)
	case o.udev:
		return configUdev(s, o)
	case o.apply:
		if err := cmp.Or(needLinux("apply"), here().MayPutIntoEffect()); err != nil {
			return err
		}
	}
	req, err := s.configRequest(o)
	if err != nil {
		return err
	}
	r, err := s.writeConfig(o, req)
	var bad *configfile.RequestError
	switch {
	case errors.As(err, &bad):
		return fmt.Errorf("%w: %w", commandline.ErrUsage, err)
	case err != nil || req.Path == configfile.Stdout || !o.apply:
		return err
	}
	return applyConfig(s, o, r.File)
}

// writeConfig plans the file, writes it, and prints what was done.
func (s *session) writeConfig(o configOptions, req configfile.Request) (configfile.Result, error) {
	target, r, err := s.planConfig(o, req)
	if err != nil {
		return r, err
	}
	if req.Path == configfile.Stdout {
		return r, s.printConfig(r)
	}
	if r, err = s.saveConfig(target, r); err != nil {
		return r, err
	}
	if err := s.print(configResult{r}); err != nil {
		return r, err
	}
	s.reportNext(o, r, target.Fault(r))
	return r, nil
}

// planConfig finds out what the file is to say.
func (s *session) planConfig(o configOptions, req configfile.Request) (*configfile.Target, configfile.Result, error) {
	target, err := configfile.Find(req)
	if err != nil {
		return nil, configfile.Result{}, err
	}
	if err := s.provePasswords(o, req, target.TCTI()); err != nil {
		return nil, configfile.Result{}, err
	}
	r, err := target.Plan()
	if err == nil {
		s.warnOfScope(r.IDScope)
	}
	return target, r, err
}

// saveConfig writes the file.
func (s *session) saveConfig(target *configfile.Target, r configfile.Result) (configfile.Result, error) {
	r, err := target.Write(s.ctx, r)
	if err == nil && !r.DryRun && r.Action != configfile.Unchanged {
		s.did("%s was written (%s)", r.File, r.Action)
	}
	return r, err
}

// provePasswords tries the passwords that flags give on the chip, before a file is
// written. What goes to standard output may be for another machine.
func (s *session) provePasswords(o configOptions, req configfile.Request, fileTCTI string) error {
	given := edge.Config{EndorsementAuth: req.Other.EndorsementAuth, OwnerAuth: req.Other.OwnerAuth}
	if given == (edge.Config{}) || req.Path == configfile.Stdout {
		return nil
	}
	tcti := cmp.Or(req.Other.TCTI, fileTCTI)
	return checkup.Passwords{
		File:  req.Path,
		Auths: fileAuths(given),
		Chip: func() (tpm.Address, tpm.Options, error) {
			return s.chip(o.chip.orFile(req.Path, edge.Config{TCTI: tcti}))
		},
		ChipNamed: o.chip.address.typed() || tcti == "" && o.chip.address.text != "",
		Warn:      s.say,
	}.Prove(s.ctx)
}

// configRequest plans the file. What can be wrong without the chip is found before the
// chip is asked.
func (s *session) configRequest(o configOptions) (configfile.Request, error) {
	req := configfile.Request{
		Path:                o.file,
		Legacy:              o.legacy,
		IDScope:             fileSetting(o.idScope),
		RegistrationID:      fileSetting(o.id.given),
		IDTemplate:          idTemplates[o.id.format],
		Derive:              o.id.formatTyped,
		Other:               o.other,
		ReplaceProvisioning: o.replaceProvisioning,
		DryRun:              o.dryRun,
		Backups:             o.backups,
		Read:                func(path string) ([]byte, error) { return s.readConfigFile(s.ctx, path) },
		Record:              func(whole bool) (identity.Record, error) { return s.recordForID(o.chip, whole) },
		Notify:              s.say,
	}
	if o.endpoint.text != "" {
		url, err := dps.DeviceEndpoint(o.endpoint.text)
		if err != nil {
			return req, o.endpoint.fault(err)
		}
		o.endpoint.text = url + "/"
		req.GlobalEndpoint = fileSetting(o.endpoint)
	}
	if _, err := o.chip.parseAddress(); err != nil {
		return req, err
	}
	auths, err := s.secrets.hierarchyAuths(o.chip)
	if err != nil {
		return req, err
	}
	req.Other.EndorsementAuth, req.Other.OwnerAuth = string(auths.Endorsement), string(auths.Owner)
	return req, req.Validate()
}

// fileSetting is a setting as the stage knows it: what the environment says fills in
// what the file does not.
func fileSetting(s setting) configfile.Setting {
	out := configfile.Setting{Text: s.text}
	if !s.typed() {
		out.From = configfile.Environment
	}
	return out
}

// readConfigFile reads a file of IoT Edge's, and keeps its secrets out of what is
// printed.
func (u *ui) readConfigFile(ctx context.Context, path string) ([]byte, error) {
	data, err := input.ReadRegular(ctx, path, edge.MaxFile)
	u.learn(mask.Secrets(data)...)
	return data, err
}

// recordForID reads what registration IDs are made of.
func (s *session) recordForID(o chipOptions, whole bool) (_ identity.Record, err error) {
	d, err := s.openTPM(o)
	if err != nil {
		return identity.Record{}, err
	}
	defer joinClose(&err, d)
	if whole {
		return s.localRecord(d) // a template may ask for the machine's serial number
	}
	ek, err := d.EK()
	if err != nil {
		return identity.Record{}, err
	}
	return identity.Record{RegistrationIDs: identity.RegistrationIDs(ek.Public)}, ek.Close()
}

// authKeyIndex reads the value of the flag.
func authKeyIndex(value string) (*uint32, error) {
	n, err := strconv.ParseUint(value, 0, 32)
	if err != nil || n > 0x7fffff {
		return nil, fmt.Errorf("%w: --auth-key-index %q: give a number up to 0x7fffff, such as 0x000101", commandline.ErrUsage, text.Printable(value, 20))
	}
	if n == 0x000001 || n == 0x010001 {
		return nil, fmt.Errorf("%w: --auth-key-index %#06x is the place of the chip's own key (EK or SRK); choose 0x000100 or above", commandline.ErrUsage, n)
	}
	index := uint32(n)
	return &index, nil
}
