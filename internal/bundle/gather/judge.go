package gather

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"tpmdps/internal/bundle"
	"tpmdps/internal/check"
	"tpmdps/internal/dictionary"
	"tpmdps/internal/edge/checkup"
	"tpmdps/internal/edge/lint"
	"tpmdps/internal/ektrust"
	"tpmdps/internal/identity"
	"tpmdps/internal/provision"
	"tpmdps/internal/text"
	"tpmdps/internal/tpm"
)

// judgeTrip keeps how the round trip of verify.json ended, for the verdict.
func (g *gatherer) judgeTrip(t RoundTrip) {
	e := &g.evidence
	for _, s := range t.Steps {
		if s.Name == "dps.register" && s.Status != check.Skipped && t.Why == "" {
			g.registered = true
		}
		e.Steps = append(e.Steps, bundle.Step{Name: s.Name, Status: string(s.Status), Detail: s.Detail, Hint: s.Hint})
	}
	e.Code, e.Name = t.ExitCode, t.ExitName
	if e.Code != 0 {
		e.What = t.err.Error()
		_, e.Next = g.Verdict(t.err)
	}
	if e.Alone = t.Why; e.Alone != "" {
		e.AloneFlag = "--id-scope SCOPE"
		if g.Trip.Offline {
			e.AloneFlag = "without --offline"
		}
	}
	switch g.Trip.Until {
	case provision.UntilChallenge:
		e.FurtherFlag = "--until twin, which registers the device"
	case provision.UntilAssigned, provision.UntilConnected:
		e.FurtherFlag = "--until twin"
	}
}

// judgeNoTrip keeps why there is no verify.json.
func (g *gatherer) judgeNoTrip(err error) {
	e := &g.evidence
	e.Code, e.Next = g.Verdict(err)
	e.Name, e.What = dictionary.ExitNames()[e.Code], err.Error()
}

// judgeConfig keeps what is wrong with the configuration.
func (g *gatherer) judgeConfig(r checkup.Result) {
	e, code := &g.evidence, 0
	if err := r.Conclude("", nil); err != nil {
		code, _ = g.Verdict(err)
	}
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
			endsCheck(&found, code)
		}
		e.Others = append(e.Others, found)
	}
	for _, t := range r.Ticks {
		if t.Status == check.Fail {
			found := bundle.Finding{Layer: bundle.Configuration, Part: "check.json", Step: t.Name, What: t.Detail, Next: t.Hint}
			endsCheck(&found, code)
			e.Others = append(e.Others, found)
		}
	}
}

// endsCheck says that config --check ends as it does because of a finding.
func endsCheck(f *bundle.Finding, code int) {
	f.Command, f.Code, f.Name = "tpmdps config --check", code, dictionary.ExitNames()[code]
}

// judgePart keeps what a part shows of the chip, and what could not be looked at.
func (g *gatherer) judgePart(p bundle.Part, value any, err error) {
	e := &g.evidence
	chip := p.Name == "record.json" || p.Name == "handles.json" || p.Name == "properties.json"
	var absent absentError
	switch known := value.(type) {
	case RoundTrip:
		g.judgeTrip(known)
		return
	case checkup.Result:
		g.judgeConfig(known)
		return
	case identity.Record:
		g.judgeChip(known)
		return
	}
	switch c, _ := value.(tpm.Capabilities); {
	case p.Name == "verify.json" && err != nil:
		g.judgeNoTrip(err)
	case p.Name == "check.json" && errors.As(err, &absent): // config.toml says it
	case chip && err != nil:
		code, next := g.Verdict(err)
		e.Others = append(e.Others, bundle.Finding{Layer: bundle.Chip, Part: "manifest.json", Step: p.Name, What: err.Error(),
			Command: "tpmdps read-ek", Code: code, Name: dictionary.ExitNames()[code], Next: next})
	case err != nil:
		e.Missing = append(e.Missing, bundle.Unseen{What: p.Name, Why: p.Reason})
	case chip && c.Lockout.InLockout:
		// What it stops, verify.json says: keys that are exempt open anyway.
		_, next := g.Verdict(tpm.ErrLockout)
		e.Others = append(e.Others, bundle.Finding{Layer: bundle.Chip, Part: p.Name, Step: "lockout", Warning: true,
			What: fmt.Sprintf("the chip is locked out: it counted %s and accepts %d; it forgets one every %d s",
				text.Count(int(c.Lockout.Counter), "wrong password"), c.Lockout.Max, c.Lockout.IntervalSeconds), Next: next})
	}
}

// judgeChip keeps what the record says of whether the chip is a real one. A key that
// anyone can compute ends other commands; what else is wrong is for somebody to look at.
func (g *gatherer) judgeChip(r identity.Record) {
	v, e := r.EKVerdict, &g.evidence
	if v == nil {
		return
	}
	said := v.Verdict
	if len(v.Reasons) > 0 {
		said += ": " + v.Reasons[0].Text
	}
	warning := bundle.Finding{Layer: bundle.Certificate, Part: "record.json", Step: "ek_verdict", Warning: true}
	found := warning
	found.What, found.Next = "the verdict on this chip is "+said, "tpmdps explain "+v.Verdict
	switch ektrust.Word(v.Verdict) {
	case ektrust.Trusted:
	case ektrust.Unknown, ektrust.Absent:
		e.Missing = append(e.Missing, bundle.Unseen{What: "whether it is a real chip", Why: said, Flag: "tpmdps read-ek --ek-roots PATH"})
	case ektrust.Vulnerable:
		found.Command, found.Warning = "tpmdps read-ek", false
		found.Code, found.Next = g.Verdict(ektrust.ErrRefused)
		found.Name = dictionary.ExitNames()[found.Code]
		fallthrough
	default:
		e.Others = append(e.Others, found)
	}
	for _, w := range ektrust.Weaknesses(r.TPM.Manufacturer, r.TPM.Firmware) {
		known := warning
		known.What, known.Next = "the chip's firmware is known for "+w.String(), "get the update from "+w.Update
		e.Others = append(e.Others, known)
	}
}
