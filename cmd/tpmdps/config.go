package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/urfave/cli/v2"

	"tpmdps/internal/dps"
	"tpmdps/internal/edge"
	"tpmdps/internal/identity"
)

func configCommand() command {
	return command{
		name:  "config",
		usage: "write IoT Edge's config.toml",
		description: "Writes a configuration that provisions IoT Edge 1.4 to 1.6 through DPS with the\n" +
			"TPM. The file is new, with mode 0600; an existing one is never touched. Without\n" +
			"--registration-id the ID is derived from the chip.",
		flags: []cli.Flag{
			&cli.StringFlag{Name: "file", Value: "/etc/aziot/config.toml", Usage: "write to `FILE`, - for stdout"},
			&cli.StringFlag{Name: "id-scope", EnvVars: []string{"IOTHUB_DEVICE_DPS_ID_SCOPE", "PROVISIONING_IDSCOPE"}, Usage: "the `SCOPE` of the DPS, such as 0ne0012AB34"},
			&cli.StringFlag{Name: "registration-id", EnvVars: []string{"PROVISIONING_REGISTRATION_ID"}, Usage: "the enrollment's `ID` (default: derived from the chip)"},
			&cli.StringFlag{Name: "id-format", Value: "base32", Usage: "derive the ID in `FORMAT`: base32 or hex"},
			&cli.StringFlag{Name: "global-endpoint", EnvVars: []string{"IOTHUB_DEVICE_DPS_ENDPOINT", "PROVISIONING_HOST"}, Usage: "the device endpoint of DPS at `URL`", DefaultText: edge.DefaultGlobalEndpoint},
			&cli.StringFlag{Name: "hostname", Usage: "the device's `NAME`, if not the machine's own"},
			&cli.StringFlag{Name: "auto-reprovisioning-mode", Usage: "`MODE`: Dynamic, AlwaysOnStartup or OnErrorOnly", DefaultText: "Dynamic"},
			&cli.StringFlag{Name: "payload-uri", Usage: "file:// `URL` of the JSON for a custom allocation policy"},
			&cli.StringFlag{Name: "tcti", Usage: "how aziot-tpmd reaches the chip, as a `TCTI` string such as device:/dev/tpmrm0"},
			&cli.StringFlag{Name: "auth-key-index", Usage: "keep the key of DPS at 0x81000000 + `INDEX`", DefaultText: "0x000100"},
		},
		exits:   []int{10, 11, 12, 13, 15},
		timeout: 10 * time.Minute,
		run:     config,
	}
}

func config(s *session) error {
	cfg, err := edgeConfig(s)
	if err != nil {
		return err
	}
	file := s.flag.String("file")
	if err := checkTarget(s, file, cfg); err != nil {
		return err
	}
	fromChip := cfg.RegistrationID == ""
	if fromChip {
		if cfg.RegistrationID, err = registrationID(s); err != nil {
			return err
		}
	}
	data, err := edge.Render(cfg)
	if err != nil {
		return err
	}
	if file == "-" {
		_, err := s.out.Write(data)
		return err
	}
	if err := edge.WriteNew(file, data); err != nil {
		return err
	}
	if err := s.print(configResult{File: file, IDScope: cfg.IDScope, RegistrationID: cfg.RegistrationID, FromChip: fromChip}); err != nil {
		return err
	}
	s.say("next: sudo iotedge config apply")
	return nil
}

// checkTarget finds out before the chip is asked, which may take a minute,
// whether the file can be written.
func checkTarget(s *session, file string, cfg edge.Config) error {
	if file == "-" {
		if cfg.EndorsementAuth != "" || cfg.OwnerAuth != "" {
			s.say("warning: the hierarchies' passwords are in what is printed")
		}
		return nil
	}
	if _, err := os.Lstat(file); err == nil {
		return fmt.Errorf("%s: %w", file, fs.ErrExist)
	}
	if dir := filepath.Dir(file); !isDir(dir) {
		return fmt.Errorf("%w: there is no directory %s to write %s to; is IoT Edge installed?", errUsage, dir, filepath.Base(file))
	}
	return nil
}

func isDir(path string) bool {
	fi, err := os.Stat(path)
	return err == nil && fi.IsDir()
}

// edgeConfig reads the flags. What can be wrong without the chip is found
// before the chip is asked.
func edgeConfig(s *session) (edge.Config, error) {
	cfg := edge.Config{
		IDScope:                s.flag.String("id-scope"),
		RegistrationID:         s.ownID(),
		GlobalEndpoint:         s.flag.String("global-endpoint"),
		Hostname:               s.flag.String("hostname"),
		AutoReprovisioningMode: s.flag.String("auto-reprovisioning-mode"),
		PayloadURI:             s.flag.String("payload-uri"),
		TCTI:                   s.flag.String("tcti"),
	}
	if cfg.IDScope == "" {
		return cfg, fmt.Errorf("%w: no ID scope: give --id-scope, or set IOTHUB_DEVICE_DPS_ID_SCOPE", errUsage)
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
	early := cfg
	if early.RegistrationID == "" {
		early.RegistrationID = "from-the-chip"
	}
	return cfg, early.Validate()
}

// authKeyIndex reads the flag; nil when it is not given.
func authKeyIndex(s *session) (*uint32, error) {
	text := s.flag.String("auth-key-index")
	if text == "" {
		return nil, nil
	}
	n, err := strconv.ParseUint(text, 0, 32)
	if err != nil || n > 0x7fffff {
		return nil, fmt.Errorf("%w: --auth-key-index %q: give a number up to 0x7fffff, such as 0x000101", errUsage, identity.Printable(text, 20))
	}
	if n == 0x000001 || n == 0x010001 {
		return nil, fmt.Errorf("%w: --auth-key-index %#06x is the place of the chip's own key (EK or SRK); take 0x000100 or above", errUsage, n)
	}
	index := uint32(n)
	return &index, nil
}

// registrationID derives the ID from the chip.
func registrationID(s *session) (_ string, err error) {
	d, err := s.openTPM()
	if err != nil {
		return "", err
	}
	defer joinClose(&err, d)
	ek, err := d.EK()
	if err != nil {
		return "", err
	}
	choose, err := chooseID(s)
	if err != nil {
		return "", errors.Join(err, ek.Close())
	}
	id, err := choose(identity.Record{RegistrationIDs: identity.RegistrationIDs(ek.Public)})
	return id, errors.Join(err, ek.Close())
}

// configResult says what was written.
type configResult struct {
	File           string `json:"file"`
	IDScope        string `json:"id_scope"`
	RegistrationID string `json:"registration_id"`
	FromChip       bool   `json:"registration_id_from_chip"`
}

func (r configResult) lines() []any { return []any{r} }

func (r configResult) fields() [][]string {
	return [][]string{{r.File, r.IDScope, r.RegistrationID}}
}

func (r configResult) show(w io.Writer) error {
	_, err := fmt.Fprintf(w, "wrote %s for %s\n", r.File, r.RegistrationID)
	return err
}
