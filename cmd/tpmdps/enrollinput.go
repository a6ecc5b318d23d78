package main

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"tpmdps/internal/enroll"
	"tpmdps/internal/identity"
	"tpmdps/internal/inventory"
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

// enrollSettings reads what the enrollment is to look like. What was not said
// is not compared and not changed.
func enrollSettings(s *session) (enroll.Settings, error) {
	set := enroll.Settings{
		DeviceID:              s.flag.String("device-id"),
		IoTHubs:               s.flag.StringSlice("iot-hubs"),
		AllocationPolicy:      s.flag.String("allocation-policy"),
		WebhookURL:            s.flag.String("webhook-url"),
		ReprovisionPolicy:     s.flag.String("reprovision-policy"),
		ProvisioningStatus:    s.flag.String("provisioning-status"),
		InitialTwinTags:       json.RawMessage(s.flag.String("initial-twin-tags")),
		InitialTwinProperties: json.RawMessage(s.flag.String("initial-twin-properties")),
		DeviceInformation:     json.RawMessage(s.flag.String("device-information")),
	}
	for _, name := range []string{"initial-twin-tags", "initial-twin-properties", "device-information"} {
		if s.onCommandLine(name) && strings.TrimSpace(s.flag.String(name)) == "" {
			return set, fmt.Errorf("%w: --%s has only blanks for a value: leave it out, or look at what was to fill it in", errUsage, name)
		}
	}
	if s.flag.IsSet("edge-enabled") {
		enabled := s.flag.Bool("edge-enabled")
		set.EdgeEnabled = &enabled
	}
	if err := set.Validate(); err != nil {
		return set, fmt.Errorf("%w: %w", errUsage, err)
	}
	return set, nil
}

// machines are those to enroll: of --from, of the one key, or this one.
func machines(s *session) (inventory.Inventory, error) {
	from, key := s.flag.String("from"), s.flag.String("endorsement-key")
	switch {
	case from != "" && key != "":
		return inventory.Inventory{}, fmt.Errorf("%w: --from and --endorsement-key exclude each other", errUsage)
	case from != "" && (s.flag.IsSet("registration-id") || s.flag.IsSet("id-format") || s.flag.IsSet("label")):
		return inventory.Inventory{}, fmt.Errorf("%w: the records of --from name their registration IDs themselves", errUsage)
	case from != "":
		return fromFile(s, from)
	}
	choose, err := chooseID(s)
	if err != nil {
		return inventory.Inventory{}, err
	}
	var r identity.Record
	if key != "" {
		r, err = keyRecord(key)
	} else {
		r, err = chipRecord(s)
	}
	if err != nil {
		return inventory.Inventory{}, err
	}
	r.Labels = s.labels()
	r.RegistrationID, err = choose(r)
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

func chipRecord(s *session) (_ identity.Record, err error) {
	d, err := s.openTPM()
	if err != nil {
		return identity.Record{}, err
	}
	defer joinClose(&err, d)
	if err := d.CheckCommands(); err != nil {
		return identity.Record{}, err // enrolled, it could never register
	}
	return localRecord(s, d)
}

// maxBatch bounds a batch: 100,000 records.
const maxBatch = 256 << 20

// fromFile reads an inventory. Nothing is enrolled of one that cannot be read to its
// end.
func fromFile(s *session, from string) (inventory.Inventory, error) {
	var data []byte
	var err error
	if from == "-" {
		data, err = readAtMost(s.in, "standard input", maxBatch)
	} else {
		data, err = readLimited(s.ctx, from, maxBatch)
	}
	if err != nil {
		return inventory.Inventory{}, err
	}
	inv, err := inventory.Read(data)
	s.learn(inv.Secrets...)
	switch {
	case err != nil:
		return inv, fmt.Errorf("%w: %s, %w", errBatch, from, err)
	case len(inv.Entries) == 0:
		return inv, fmt.Errorf("%w: %s: there is no record in it", errBatch, from)
	case len(inv.Records()) == 0:
		return inv, fmt.Errorf("%w: %s: %w in it, but %s", errBatch, from, errNoTPM, inv.Others())
	}
	return inv, nil
}

// errNoTPM is for enrollments of which none is for a TPM.
var errNoTPM = errors.New("there is no enrollment of a TPM")
