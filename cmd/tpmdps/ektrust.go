package main

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"tpmdps/internal/commandline"
	"tpmdps/internal/dps"
	"tpmdps/internal/ektrust"
	"tpmdps/internal/ektrust/examine"
	"tpmdps/internal/ektrust/fetch"
	"tpmdps/internal/identity"
	"tpmdps/internal/provision"
	"tpmdps/internal/tpm"
)

// trustFlags say by what the chip's endorsement key is judged.
func trustFlags() []cli.Flag {
	const category = "Is it a real chip (docs/ek-trust.md):"
	return []cli.Flag{
		&cli.StringFlag{Name: "ek-roots", Category: category, EnvVars: []string{"TPMDPS_EK_ROOTS"}, Usage: "the makers' CA certificates in `PATH`: PEM, DER, a folder, a zip or TrustedTpm.cab"},
		&cli.StringFlag{Name: "ek-roots-extra", Category: category, Usage: "trust the certificates in `PATH` too, whatever the program's table of roots says"},
		&cli.StringFlag{Name: "ek-policy", Category: category, Value: string(ektrust.Warn), Usage: "`MODE`: off, warn, or require, which refuses each chip that is not trusted"},
		&cli.StringFlag{Name: "ek-vendor", Category: category, Usage: "expect chips of the makers `IDS`, such as IFX,STM"},
		&cli.StringFlag{Name: "ek-allow", Category: category, Usage: "expect the chips whose EK has its SHA-256 in `FILE`, one a line"},
		&cli.StringFlag{Name: "ek-crl", Category: category, Usage: "look for revoked certificates in the lists (CRL) of the folder `DIR`"},
		&cli.StringFlag{Name: "ek-check", Category: category, Usage: "also have `PROGRAM` accept each chip: it reads the record, and ends with 0 or says why not"},
		&cli.BoolFlag{Name: "allow-vulnerable", Category: category, DisableDefaultText: true, Usage: "accept a key whose private part anyone can compute (ROCA)"},
	}
}

// trustRules refuse what would have no effect.
func trustRules() []rule {
	return []rule{
		{flag: "ek-policy off", excludes: []string{"ek-roots", "ek-roots-extra", "ek-vendor", "ek-allow", "ek-crl", "ek-check", "allow-vulnerable"}},
		{flag: "ek-policy require", excludes: []string{"allow-vulnerable"}},
	}
}

// readTrustOptions reads trustFlags.
func readTrustOptions(f flags) (examine.Sources, error) {
	s := examine.Sources{
		Roots: f.text("ek-roots"), Extra: f.text("ek-roots-extra"), CRLs: f.text("ek-crl"), AllowList: f.text("ek-allow"),
		Program: f.text("ek-check"), Policy: ektrust.Policy{AllowVulnerable: f.yes("allow-vulnerable")},
	}
	var err error
	if s.Policy.Mode, err = ektrust.ParseMode(f.text("ek-policy")); err != nil {
		return s, fmt.Errorf("%w: --ek-policy: %w", commandline.ErrUsage, err)
	}
	if vendors := f.text("ek-vendor"); vendors != "" {
		if s.Policy.Vendors, err = ektrust.ParseVendors(vendors); err != nil {
			return s, fmt.Errorf("%w: --ek-vendor: %w", commandline.ErrUsage, err)
		}
	}
	if s.Policy.Mode == ektrust.Require && cmp.Or(s.Roots, s.Extra) == "" {
		return s, fmt.Errorf("%w: --ek-policy require requires --ek-roots: without the makers' certificates no chip is trusted", commandline.ErrUsage)
	}
	return s, nil
}

// openExaminer loads what chips are judged by, before the first of them is read.
func (s *session) openExaminer(from examine.Sources) (*examine.Examiner, error) {
	from.Env = here().Machine.Env
	x, err := from.Open(s.ctx)
	if err != nil {
		return nil, err
	}
	for _, note := range x.Notes {
		s.warn(note)
	}
	return x, nil
}

// assess completes a record with the verdict on its EK. The error is for a chip that
// the policy refuses.
func (s *session) assess(x *examine.Examiner, r *identity.Record) (examine.Result, error) {
	result, err := x.Record(s.ctx, *r, time.Now())
	if err != nil || result.Verdict == nil {
		return result, err
	}
	r.EKVerdict = result.Verdict.InRecord()
	return result, result.Decision.Err()
}

// judge is assess, and warns where somebody should look at the chip.
func (s *session) judge(x *examine.Examiner, r *identity.Record) (examine.Result, error) {
	result, err := s.assess(x, r)
	if err == nil && result.Verdict != nil {
		for _, warning := range result.Warnings(x.Rootless()) {
			s.warn(warning)
		}
	}
	return result, err
}

// judgedRecord is the chip's record with the verdict on it, by the key and by what the
// chip has itself. It is for looking: nothing is refused.
func (s *session) judgedRecord(d *tpm.Device) (identity.Record, error) {
	r, err := s.localRecord(d)
	if err != nil {
		return r, err
	}
	x, err := s.openExaminer(examine.Sources{Policy: ektrust.Policy{Mode: ektrust.Warn}})
	if err != nil {
		return r, err
	}
	if _, err = s.assess(x, &r); errors.Is(err, ektrust.ErrRefused) {
		err = nil
	}
	return r, err
}

// judgeInTrip is how verify judges the chip: by its certificate if that was asked for,
// and else by its key alone, which costs no time.
func (s *session) judgeInTrip(x *examine.Examiner, asked bool, verdict **identity.EKVerdict) func(context.Context, *tpm.Device, *tpm.Key) (provision.Judgement, error) {
	return func(_ context.Context, d *tpm.Device, ek *tpm.Key) (provision.Judgement, error) {
		r := identity.Record{EndorsementKey: base64.StdEncoding.EncodeToString(ek.Public)}
		if asked {
			var err error
			if r, err = d.RecordOf(ek); err != nil {
				return provision.Judgement{}, err
			}
			s.addMachine(&r)
		}
		result, err := s.assess(x, &r)
		if !asked && (result.Verdict == nil || result.Verdict.Verdict != ektrust.Vulnerable) {
			return provision.Judgement{}, err
		}
		*verdict = r.EKVerdict
		line, warn := result.Line(x.Rootless())
		return provision.Judgement{Detail: line, Warn: warn}, err
	}
}

// openKept opens the EK certificates that were fetched for a batch, and, where that is
// asked for, the way to those who have more.
func (s *session) openKept(o enrollOptions) (*fetch.Kept, error) {
	if o.source.file == "" || o.trust.Policy.Mode == ektrust.Off {
		return nil, nil
	}
	var client *fetch.Client
	if o.bulk.fetch {
		w, err := s.way(s.ctx, o.service.caFile)
		if err != nil {
			return nil, err
		}
		options := s.clientOptions(s.ctx, dps.NewHTTPClient(w.roots, w.proxies))
		client = fetch.NewClient(options.HTTPClient, options.Application, fetch.Hosts(), options.RetryDelay)
	}
	return fetch.OpenKept(beside(o.source.file, ".certificates.jsonl"), client)
}
