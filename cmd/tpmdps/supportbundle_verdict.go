package main

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"tpmdps/internal/bundle"
	"tpmdps/internal/check"
	"tpmdps/internal/edge/lint"
	"tpmdps/internal/provision"
	"tpmdps/internal/text"
	"tpmdps/internal/tpm"
)

// judgeTrip keeps how the round trip of verify.json ended, for the verdict.
func (g *gatherer) judgeTrip(t trip) {
	e := &g.evidence
	for _, s := range t.Steps {
		if s.Name == "dps.register" && s.Status != check.Skipped && t.Why == "" {
			g.registered = true
		}
		e.Steps = append(e.Steps, bundle.Step{Name: s.Name, Status: string(s.Status), Detail: s.Detail, Hint: s.Hint})
	}
	e.Code, e.Name = t.ExitCode, t.ExitName
	if e.Code != 0 {
		e.What, e.Next = t.err.Error(), g.hint(t.err)
	}
	if e.Alone = t.Why; e.Alone != "" {
		e.AloneFlag = "--id-scope SCOPE"
		if g.s.flag.Bool("offline") {
			e.AloneFlag = "without --offline"
		}
	}
	switch g.until() {
	case provision.UntilChallenge:
		e.FurtherFlag = "--until twin, which registers the device"
	case provision.UntilAssigned, provision.UntilConnected:
		e.FurtherFlag = "--until twin"
	}
}

// noTrip keeps why there is no verify.json.
func (g *gatherer) noTrip(err error) {
	v := verdict(err)
	g.evidence.Code, g.evidence.Name, g.evidence.What, g.evidence.Next = v.code, names[v.code], err.Error(), g.hint(err)
}

func (g *gatherer) hint(err error) string { return g.s.hintFor(err) }

// judgeConfig keeps what is wrong with the configuration.
func (g *gatherer) judgeConfig(r checkResult) {
	e, code := &g.evidence, verdict(r.Conclude("", nil)).code
	e.Checked, e.Unusable = true, g.unusable
	// What a line has may be why the file as a whole lacks something.
	inOrder := slices.Clone(r.Findings)
	slices.SortStableFunc(inOrder, func(a, b lint.Finding) int { return cmp.Compare(min(b.Line, 1), min(a.Line, 1)) })
	for _, f := range inOrder {
		found := bundle.Finding{
			Layer: bundle.Configuration, Part: "check.json", Step: f.Rule, What: r.File + f.InLine() + ": " + f.Message, Next: f.Fix,
			Warning: f.Severity != lint.Error,
		}
		if !found.Warning {
			g.endsCheck(&found, code)
		}
		e.Others = append(e.Others, found)
	}
	for _, t := range r.Ticks {
		if t.Status == check.Fail {
			found := bundle.Finding{Layer: bundle.Configuration, Part: "check.json", Step: t.Name, What: t.Detail, Next: t.Hint}
			g.endsCheck(&found, code)
			e.Others = append(e.Others, found)
		}
	}
}

func (g *gatherer) endsCheck(f *bundle.Finding, code int) {
	f.Command, f.Code, f.Name = "tpmdps config --check", code, names[code]
}

// judgePart keeps what a part shows of the chip, and what could not be looked at.
func (g *gatherer) judgePart(p bundle.Part, value any, err error) {
	e := &g.evidence
	chip := p.Name == "record.json" || p.Name == "handles.json" || p.Name == "properties.json"
	var none notHere
	switch known := value.(type) {
	case trip:
		g.judgeTrip(known)
		return
	case checkResult:
		g.judgeConfig(known)
		return
	}
	switch c, _ := value.(tpm.Capabilities); {
	case p.Name == "verify.json" && err != nil:
		g.noTrip(err)
	case p.Name == "check.json" && errors.As(err, &none): // config.toml says it
	case chip && err != nil:
		v := verdict(err)
		e.Others = append(e.Others, bundle.Finding{Layer: bundle.Chip, Part: "manifest.json", Step: p.Name, What: err.Error(),
			Command: "tpmdps read-ek", Code: v.code, Name: names[v.code], Next: g.hint(err)})
	case err != nil:
		e.Missing = append(e.Missing, bundle.Unseen{What: p.Name, Why: p.Reason})
	case chip && c.Lockout.InLockout:
		// What it stops, verify.json says: keys that are exempt open all the same.
		e.Others = append(e.Others, bundle.Finding{Layer: bundle.Chip, Part: p.Name, Step: "lockout", Warning: true,
			What: fmt.Sprintf("the chip is locked out: it counted %s and accepts %d; it forgets one every %d s",
				text.Count(int(c.Lockout.Counter), "wrong password"), c.Lockout.Max, c.Lockout.IntervalSeconds), Next: g.hint(tpm.ErrLockout)})
	}
}
