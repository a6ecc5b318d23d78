package gather

import (
	"context"

	"tpmdps/internal/edge/checkup"
	"tpmdps/internal/tpm"
)

// onChip opens the chip for one part. Each opens it again, so that one in which
// it hung, or was reset, does not take the others along.
func (g *gatherer) onChip(use func(*tpm.Device) (any, error)) func(context.Context) (any, error) {
	return func(ctx context.Context) (value any, err error) {
		if g.noAddress != nil {
			return nil, g.noAddress
		}
		err = tpm.Looking(g.options, func(opts tpm.Options) error {
			d, err := tpm.Open(ctx, g.address, opts)
			if err != nil {
				return err
			}
			defer func() {
				if err := d.Close(); err != nil {
					g.Log.Debug("close the TPM", "error", err)
				}
			}()
			value, err = use(d)
			return err
		})
		return value, err
	}
}

// chipFacts are what is wrong between the chip and the file, besides the key. A chip
// that cannot be asked is named by verify.json.
func (g *gatherer) chipFacts(ctx context.Context) (f checkup.ChipFacts) {
	if g.unusable {
		return f
	}
	_, err := g.onChip(func(d *tpm.Device) (_ any, err error) {
		f, err = checkup.CompareChip(d, g.ConfigFile, g.file)
		return nil, err
	})(ctx)
	if err != nil {
		g.Log.Debug("compare the chip with the configuration", "error", err)
	}
	return f
}

func (g *gatherer) recordSource() source {
	return source{"record.json", "the chip's record, as read-ek prints it: public key, certificate, this machine's names", true, keyLimit,
		g.onChip(func(d *tpm.Device) (any, error) { return g.Record(d) })}
}

func (g *gatherer) handlesSource() source {
	return source{"handles.json", "what sits on the chip: keys, sessions, NV indices; not their content", true, chipLimit,
		g.onChip(func(d *tpm.Device) (any, error) { return d.Inventory() })}
}

func (g *gatherer) propertiesSource() source {
	return source{"properties.json", "the chip's kind: maker, firmware, hierarchies, lockout, sizes, algorithms, commands", false, chipLimit,
		g.onChip(func(d *tpm.Device) (any, error) { return d.Capabilities() })}
}
