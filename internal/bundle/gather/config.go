package gather

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"tpmdps/internal/edge"
	"tpmdps/internal/edge/checkup"
	"tpmdps/internal/edge/configfile"
	"tpmdps/internal/edge/drift"
	"tpmdps/internal/edge/lint"
	"tpmdps/internal/edge/mask"
	"tpmdps/internal/identity"
)

// configSource is the file that IoT Edge reads.
func (g *gatherer) configSource() source {
	return source{"config.toml", "IoT Edge's configuration, only with values that are known to be harmless", true, fileLimit,
		func(context.Context) (any, error) {
			path := g.ConfigFile
			data, options, err := g.ReadConfig()
			switch {
			case errors.Is(err, fs.ErrNotExist):
				return nil, absentError("there is no " + path + g.legacyNote())
			case errors.Is(err, fs.ErrPermission):
				return nil, fmt.Errorf("only root may read %s: sudo tpmdps support-bundle", path)
			case err != nil:
				return nil, err
			}
			return configFile{data, options}, nil
		}}
}

// legacyNote says where the configuration of IoT Edge 1.1 is.
func (g *gatherer) legacyNote() string {
	if g.ConfigFile != edge.DefaultFile {
		return ""
	}
	if _, err := os.Lstat(g.Machine.Path(configfile.LegacyFile)); err != nil {
		return ""
	}
	return "; there is " + configfile.LegacyFile + " of IoT Edge 1.1, which is not taken"
}

// configFile is the file as it is; into the zip goes what is harmless of it.
type configFile struct {
	data    []byte
	options lint.Options
}

func (c configFile) text() []byte { return mask.File(c.data) }

// report checks the file, if there is one.
func (c configFile) report() lint.Report {
	if c.data == nil {
		return lint.Report{}
	}
	return lint.Check(c.data, c.options)
}

// checkSource is what config --check finds. The enrollment is not asked for:
// that would need a credential, and those have no place near a bundle.
func (g *gatherer) checkSource(file configFile, report lint.Report, record identity.Record) source {
	return source{"check.json", "what is wrong with that configuration, and whether it fits chip and device", true, keyLimit,
		func(ctx context.Context) (any, error) {
			if file.data == nil {
				return nil, absentError("there is no configuration to check")
			}
			facts := drift.Facts{
				RegistrationID: checkup.FoldedID(report.Config.RegistrationID), File: g.ConfigFile, NoChip: "the chip's key could not be read",
				NoService: "a support bundle does not ask DPS for the enrollment: tpmdps config --check does",
			}
			if ek, err := base64.StdEncoding.DecodeString(record.EndorsementKey); err == nil && len(ek) > 0 {
				facts.Chip, facts.NoChip = ek, ""
			}
			facts.Device, facts.NoDevice = g.Device(ctx)
			chip := g.chipFacts(ctx)
			report.Findings = append(report.Findings, chip.Findings(g.ConfigFile, file.data, g.address, g.Fix)...)
			r := checkup.NewResult(report, facts, drift.Compare(facts), chip)
			g.Amend(r)
			r.Conclude(g.Apply, nil) // the verdict is in the result
			return r, nil
		}}
}
