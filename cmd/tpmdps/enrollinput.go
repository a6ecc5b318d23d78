package main

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"tpmdps/internal/commandline"
	"tpmdps/internal/enroll"
	"tpmdps/internal/enroll/batch"
	"tpmdps/internal/identity"
	"tpmdps/internal/input"
	"tpmdps/internal/inventory"
	"tpmdps/internal/text"
)

// settingsFlags have the names and value spellings of az iot dps enrollment.
func settingsFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "device-id", Category: "Enrollment:", Usage: "device `ID` on the hub (default: the registration ID)"},
		&cli.BoolFlag{Name: "edge-enabled", Category: "Enrollment:", Usage: "make it an IoT Edge device"},
		&cli.StringSliceFlag{Name: "iot-hubs", Category: "Enrollment:", Usage: "assign to this hub, a `HOST`; may be given several times"},
		&cli.StringFlag{Name: "allocation-policy", Category: "Enrollment:", Usage: "`POLICY`: hashed, geoLatency, static (name its hub with --iot-hubs) or custom"},
		&cli.StringFlag{Name: "webhook-url", Category: "Enrollment:", Usage: "`URL` of the custom allocation"},
		&cli.StringFlag{Name: "reprovision-policy", Category: "Enrollment:", Usage: "`POLICY`: reprovisionandmigratedata, reprovisionandresetdata or never"},
		&cli.StringFlag{Name: "provisioning-status", Category: "Enrollment:", Usage: "`STATUS`: enabled or disabled"},
		&cli.StringFlag{Name: "initial-twin-tags", Category: "Enrollment:", Usage: "tags of the twin: a `JSON` object"},
		&cli.StringFlag{Name: "initial-twin-properties", Category: "Enrollment:", Usage: "desired properties of the twin: a `JSON` object"},
		&cli.StringFlag{Name: "device-information", Category: "Enrollment:", Usage: "information kept with the enrollment: a `JSON` object"},
	}
}

// readSettings reads what the enrollment is to look like. What was not said
// is not compared and not changed.
func readSettings(f flags) (enroll.Settings, error) {
	set := enroll.Settings{
		DeviceID:              f.text("device-id"),
		IoTHubs:               f.list("iot-hubs"),
		AllocationPolicy:      f.text("allocation-policy"),
		WebhookURL:            f.text("webhook-url"),
		ReprovisionPolicy:     f.text("reprovision-policy"),
		ProvisioningStatus:    f.text("provisioning-status"),
		InitialTwinTags:       json.RawMessage(f.text("initial-twin-tags")),
		InitialTwinProperties: json.RawMessage(f.text("initial-twin-properties")),
		DeviceInformation:     json.RawMessage(f.text("device-information")),
	}
	for _, name := range []string{"initial-twin-tags", "initial-twin-properties", "device-information"} {
		if f.typed(name) && strings.TrimSpace(f.text(name)) == "" {
			return set, fmt.Errorf("%w: --%s has only blanks: omit it, or check the variable that should fill it", commandline.ErrUsage, name)
		}
	}
	if f.typed("edge-enabled") {
		enabled := f.yes("edge-enabled")
		set.EdgeEnabled = &enabled
	}
	if err := set.Validate(); err != nil {
		return set, fmt.Errorf("%w: %w", commandline.ErrUsage, err)
	}
	return set, nil
}

// sourceOptions say which machines are enrolled: those of a file, the one that has a
// key, or this one.
type sourceOptions struct {
	file   string
	key    string
	id     idOptions
	labels map[string]string
	chip   chipOptions
}

func readSourceOptions(f flags) (o sourceOptions, err error) {
	o = sourceOptions{file: f.text("from"), key: f.text("endorsement-key"), labels: f.labels(), chip: readChipOptions(f)}
	switch {
	case o.file != "" && o.key != "":
		return o, fmt.Errorf("%w: --from and --endorsement-key exclude each other", commandline.ErrUsage)
	case o.file != "" && (f.typed("registration-id") || f.typed("id-format") || f.typed("label")):
		return o, fmt.Errorf("%w: the records of --from name their registration IDs themselves", commandline.ErrUsage)
	case o.file == "":
		o.id, err = readIDOptions(f)
	}
	return o, err
}

// machine is the one to enroll where there is no batch.
func (s *session) machine(o sourceOptions) (inventory.Inventory, error) {
	var r identity.Record
	var err error
	if o.key != "" {
		r, err = keyRecord(o.key)
	} else {
		r, err = s.chipRecord(o.chip)
	}
	if err != nil {
		return inventory.Inventory{}, err
	}
	r.Labels = o.labels
	r.RegistrationID, err = o.id.of(r)
	return inventory.Inventory{Entries: []inventory.Entry{{Record: r}}}, err
}

// keyRecord makes a record of a key that was given as text.
func keyRecord(key string) (identity.Record, error) {
	ek, err := identity.ParseEndorsementKey(key)
	if err != nil {
		return identity.Record{}, err
	}
	return identity.Record{
		Schema:          identity.Schema,
		RegistrationIDs: identity.RegistrationIDs(ek),
		EndorsementKey:  base64.StdEncoding.EncodeToString(ek),
		Labels:          map[string]string{},
	}, nil
}

func (s *session) chipRecord(o chipOptions) (_ identity.Record, err error) {
	d, err := s.openTPM(o)
	if err != nil {
		return identity.Record{}, err
	}
	defer joinClose(&err, d)
	if err := d.CheckCommands(); err != nil {
		return identity.Record{}, err // enrolled, it could never register
	}
	return s.localRecord(d)
}

// maxKept bounds what is read from a pipe, which has to be kept: a batch is read twice.
const maxKept = 1 << 30

// lookAt reads a batch for the first time. Nothing is enrolled of one that cannot be
// read to its end.
func (s *session) lookAt(from string, settings enroll.Settings, skipDamaged bool) (in *input.Twice, look *batch.Look, err error) {
	if from == "-" {
		in, err = input.Again(s.ctx, "standard input", s.in, maxKept)
	} else {
		in, err = input.Again(s.ctx, from, nil, maxKept)
	}
	if err != nil {
		return nil, nil, err
	}
	read := batch.LookAt
	if skipDamaged {
		read = batch.LookAtGood
	}
	r, err := in.Open()
	if err == nil {
		look, err = read(r, settings)
		err = errors.Join(err, r.Close())
	}
	if look != nil {
		s.learn(look.About.Secrets...)
		s.allLeftOut(from, look.About.Skipped)
		if more := look.About.Damaged - len(look.About.Skipped); more > 0 {
			s.warn(fmt.Sprintf("%s: and %d more damaged lines", from, more))
		}
	}
	if err = ofBatch(from, look, err); err != nil {
		return nil, nil, errors.Join(err, in.Close())
	}
	return in, look, nil
}

// ofBatch is the error of a batch that was read: its own, or that there is nothing to
// enroll in it.
func ofBatch(from string, look *batch.Look, err error) error {
	switch {
	case errors.Is(err, identity.ErrRecord), errors.Is(err, text.ErrEncoding):
		return fmt.Errorf("%w: %s, %w", inventory.ErrDamaged, from, err)
	case errors.Is(err, input.ErrTimeOver), errors.Is(err, input.ErrUnreadable):
		return err
	case err != nil:
		return input.Unreadable(from, err)
	case look.Machines == 0:
		return fmt.Errorf("%w: %s: there is no record in it", inventory.ErrDamaged, from)
	case look.Records == 0:
		return fmt.Errorf("%w: %s: %w in it, but %s", inventory.ErrDamaged, from, inventory.ErrNoTPM, look.About.Others())
	}
	return nil
}
