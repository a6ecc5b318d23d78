package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"tpmdps/internal/atomicfile"
	"tpmdps/internal/aziot"
	"tpmdps/internal/dps"
	"tpmdps/internal/edge"
	"tpmdps/internal/text"
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
	configYAML = "/etc/iotedge/config.yaml"
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
	if n := s.flag.Int("backups"); n < 1 {
		return fmt.Errorf("%w: --backups %d: give how many old files to keep, at least 1", errUsage, n)
	}
	told, err := edgeConfig(s)
	if err != nil {
		return err
	}
	t, err := findTarget(s)
	if err != nil {
		return err
	}
	if err := provePasswords(s, t, told); err != nil {
		return err
	}
	r, err := t.plan(s, &told)
	if err != nil {
		return err
	}
	s.warnOfScope(r.IDScope)
	if t.path == "-" {
		return printConfig(s, t, r)
	}
	if !r.DryRun {
		if err := t.write(s, &told, &r); err != nil {
			return err
		}
		if r.Action != "unchanged" {
			s.did("%s was written (%s)", t.path, r.Action)
		}
	}
	if err := t.report(s, r); err != nil || !s.flag.Bool("apply") {
		return err
	}
	return applyConfig(s, t.path)
}

// edgeConfig reads the flags. What can be wrong without the chip is found
// before the chip is asked.
func edgeConfig(s *session) (edge.Config, error) {
	cfg := edge.Config{
		IDScope:                s.flag.String("id-scope"),
		GlobalEndpoint:         s.flag.String("global-endpoint"),
		Hostname:               s.flag.String("hostname"),
		AutoReprovisioningMode: s.flag.String("auto-reprovisioning-mode"),
		PayloadURI:             s.flag.String("payload-uri"),
		TCTI:                   s.flag.String("tcti"),
	}
	if id := s.ownID(); !strings.Contains(id, "{") {
		cfg.RegistrationID = id
	}
	if cfg.GlobalEndpoint != "" {
		endpoint, err := dps.DeviceEndpoint(cfg.GlobalEndpoint)
		if err != nil {
			return cfg, err
		}
		cfg.GlobalEndpoint = endpoint + "/"
	}
	var err error
	if cfg.AuthKeyIndex, err = authKeyIndex(s); err != nil {
		return cfg, err
	}
	_, opts, err := s.tpm()
	if err != nil {
		return cfg, err
	}
	cfg.EndorsementAuth, cfg.OwnerAuth = string(opts.EndorsementAuth), string(opts.OwnerAuth)
	if _, err := chooseID(s); err != nil {
		return cfg, err
	}
	if err := cfg.CheckFilledIn(); err != nil {
		return cfg, err
	}
	early := cfg
	if early.IDScope == "" {
		early.IDScope = "0ne00000000" // the file may have one
	}
	if early.RegistrationID == "" {
		early.RegistrationID = "from-the-chip"
	}
	return cfg, early.Validate()
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
