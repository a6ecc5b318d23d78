package main

import (
	"context"
	"encoding/base64"
	"time"

	"tpmdps/internal/edge"
	"tpmdps/internal/edge/checkup"
	"tpmdps/internal/edge/drift"
	"tpmdps/internal/edge/lint"
	"tpmdps/internal/hub"
	"tpmdps/internal/identity"
	"tpmdps/internal/provision"
	"tpmdps/internal/tpm"
)

// onChip opens the chip for one part. Each opens it anew, so that one in which
// it hung, or was reset, does not take the others along.
func (g *gatherer) onChip(use func(*tpm.Device) (any, error)) func(context.Context) (any, error) {
	return func(ctx context.Context) (value any, err error) {
		if g.nowhere != nil {
			return nil, g.nowhere
		}
		err = tpm.Looking(g.options, func(opts tpm.Options) error {
			d, err := tpm.Open(ctx, g.address, opts)
			if err != nil {
				return err
			}
			defer func() {
				if err := d.Close(); err != nil {
					g.s.log.Debug("close the TPM", "error", err)
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
func (g *gatherer) chipFacts(ctx context.Context, file readConfig) (f checkup.ChipFacts) {
	if g.unusable {
		return f
	}
	_, err := g.onChip(func(d *tpm.Device) (_ any, err error) {
		f, err = checkup.CompareChip(d, file.path, g.file)
		return nil, err
	})(ctx)
	if err != nil {
		g.s.log.Debug("compare the chip with the configuration", "error", err)
	}
	return f
}

func (g *gatherer) recordSource() source {
	return source{"record.json", "the chip's record, as read-ek prints it: public key, certificate, this machine's names", true, keyLimit,
		g.onChip(func(d *tpm.Device) (any, error) { return g.s.localRecord(d) })}
}

func (g *gatherer) handlesSource() source {
	return source{"handles.json", "what sits on the chip: keys, sessions, NV indices; not their content", true, chipLimit,
		g.onChip(func(d *tpm.Device) (any, error) { return d.Inventory() })}
}

func (g *gatherer) propertiesSource() source {
	return source{"properties.json", "the chip's kind: maker, firmware, hierarchies, lockout, sizes, algorithms, commands", false, chipLimit,
		g.onChip(func(d *tpm.Device) (any, error) { return d.Capabilities() })}
}

// checkSource is what config --check finds. The enrollment is not asked for:
// that would take a credential, and those have no place near a bundle.
func (g *gatherer) checkSource(file readConfig, report lint.Report, record identity.Record) source {
	return source{"check.json", "what is wrong with that configuration, and whether it fits chip and device", true, keyLimit,
		func(ctx context.Context) (any, error) {
			if file.data == nil {
				return nil, notHere("there is no configuration to check")
			}
			facts := drift.Facts{
				RegistrationID: checkup.FoldedID(report.Config.RegistrationID), File: file.path, NoChip: "the chip's key could not be read",
				NoService: "a support bundle does not ask DPS for the enrollment: tpmdps config --check does",
			}
			if ek, err := base64.StdEncoding.DecodeString(record.EndorsementKey); err == nil && len(ek) > 0 {
				facts.Chip, facts.NoChip = ek, ""
			}
			facts.Device, facts.NoDevice = deviceHere(ctx)
			chip := g.chipFacts(ctx, file)
			report.Findings = append(report.Findings, chip.Findings(file.path, file.data, g.address, func(err error) string { return verdict(err).hint })...)
			r := checkResult{checkup.NewResult(report, facts, drift.Compare(facts), chip)}
			lineIn(ctx).keepFlagsIn(r)
			r.Conclude(here().ApplyCommand(file.path), nil) // the verdict is in the result
			return r, nil
		}}
}

// trip is a round trip, and says how far it was to go.
type trip struct {
	// Mode is how far, as --until names it, or offline where DPS was not asked; Why
	// says why not.
	Mode string `json:"mode"`
	Why  string `json:"why"`
	// ExitCode is how verify would end, 0 and "" where nothing failed.
	ExitCode int    `json:"exit_code"`
	ExitName string `json:"exit_name"`
	tripResult

	err error // as an error, for the verdict
}

func (g *gatherer) verifySource() source {
	about, limit := "the steps of verify up to the challenge, which registers nothing", keyLimit
	if g.until() != provision.UntilChallenge {
		about, limit = "the steps of verify up to --until "+string(g.until())+", which registers the device", keyLimit+networkLimit
	}
	return source{"verify.json", about, true, limit,
		func(ctx context.Context) (any, error) {
			if g.nowhere != nil {
				return nil, g.nowhere
			}
			req, why, err := g.request()
			if err != nil {
				return nil, err
			}
			out := trip{Mode: string(req.Until), Why: why}
			if why != "" {
				out.Mode = "offline"
			}
			_ = tpm.Looking(req.TPMOptions, func(opts tpm.Options) error {
				req.TPMOptions = opts
				out.tripResult, out.err = roundTrip(ctx, req)
				return out.err
			})
			if out.err != nil { // how it failed is in the result
				out.err = stepErrors(out.err)[0]
				out.ExitCode = verdict(out.err).code
				out.ExitName = names[out.ExitCode]
			}
			if why != "" {
				out.IDScope = "" // it was that of the service in this process
			}
			return out, nil
		}}
}

// until is how far the round trip goes.
func (g *gatherer) until() provision.Goal { return g.o.until }

// request plans the trip: with DPS where a scope is known, and else with a
// service in this process.
func (g *gatherer) request() (req provision.Request, why string, err error) {
	s, path := g.s, g.o.file
	id := g.o.id.orFile(path, g.file.RegistrationID)
	req = provision.Request{
		TPM: g.address, TPMOptions: g.options, Until: g.until(), Limit: awayLimit,
		IDScope: g.o.idScope.orFile(path, g.file.IDScope).text, RegistrationID: id.text, IDFrom: id.origin(),
	}
	if _, err := identity.FoldRegistrationID(req.RegistrationID); err != nil {
		req.RegistrationID = "" // the one that the chip makes; the check names the other
	}
	if g.file != (edge.Config{}) && !g.unusable { // of a file that cannot be read, nothing is to be compared
		req.Configured, req.Survey = configured(path, g.file, g.address, g.o.chip.overruled()), true
	}
	switch {
	case g.o.offline:
		why = "--offline"
	case req.IDScope == "":
		why = "no ID scope is known: --id-scope"
	case identity.CheckIDScope(req.IDScope) != nil:
		why = "the ID scope is none"
	default:
		w, err := s.toService(&req, g.o.endpoint.orFile(path, g.file.GlobalEndpoint).text, g.o.caFile)
		switch {
		case err != nil:
			why = err.Error()
		case req.Until != provision.UntilChallenge:
			req.Limit = networkLimit
			req.Hub = &hub.Options{Transport: hub.MQTT, Application: application(), Roots: w.roots, Proxies: w.proxies, Log: s.log}
		}
	}
	if why != "" {
		req.Route, req.Hub, req.Limit, req.Until = nil, nil, time.Duration(0), provision.UntilChallenge
		req, err = s.offlineRequest(req)
	}
	return req, why, err
}
