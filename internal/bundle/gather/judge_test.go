package gather

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"tpmdps/internal/bundle"
	"tpmdps/internal/check"
	"tpmdps/internal/edge/checkup"
	"tpmdps/internal/edge/drift"
	"tpmdps/internal/edge/lint"
	"tpmdps/internal/ektrust"
	"tpmdps/internal/identity"
	"tpmdps/internal/provision"
	"tpmdps/internal/tpm"
)

// judging is a gatherer whose errors all end with 12 and the same hint.
func judging(trip Trip) *gatherer {
	return newGatherer(Options{
		ConfigFile: "f.toml", Trip: trip,
		Verdict:  func(error) (int, string) { return 12, "the hint" },
		Fix:      func(error) string { return "the fix" },
		Gathered: func(string, bundle.Status, time.Duration) {},
	})
}

// How a trip ended, what would make it go on, and whether it registered the device.
func TestJudgeTrip(t *testing.T) {
	registered := []provision.Step{{Name: "dps.register", Status: check.Fail, Detail: "d", Hint: "h"}}
	skipped := []provision.Step{{Name: "dps.register", Status: check.Skipped}}
	failed := errors.New("dps.register: refused")
	for name, tt := range map[string]struct {
		trip       Trip
		end        RoundTrip
		alone      string // the flag that would have DPS asked
		further    string
		registered bool
	}{
		"to the challenge":         {Trip{Until: provision.UntilChallenge}, RoundTrip{Result: provision.Result{Steps: skipped}}, "", "--until twin, which registers the device", false},
		"assigned":                 {Trip{Until: provision.UntilAssigned}, RoundTrip{Result: provision.Result{Steps: registered}, ExitCode: 31, ExitName: "device-refused", err: failed}, "", "--until twin", true},
		"connected":                {Trip{Until: provision.UntilConnected}, RoundTrip{Result: provision.Result{Steps: registered}}, "", "--until twin", true},
		"to the twin":              {Trip{Until: provision.UntilTwin}, RoundTrip{Result: provision.Result{Steps: registered}}, "", "", true},
		"no scope":                 {Trip{Until: provision.UntilTwin}, RoundTrip{Why: "no ID scope", Result: provision.Result{Steps: registered}}, "--id-scope SCOPE", "", false},
		"offline, as it was asked": {Trip{Until: provision.UntilChallenge, Offline: true}, RoundTrip{Why: "--offline"}, "without --offline", "--until twin, which registers the device", false},
	} {
		g := judging(tt.trip)
		g.judgePart(bundle.Part{Name: "verify.json"}, tt.end, nil)
		e := g.evidence
		if e.AloneFlag != tt.alone || e.Alone != tt.end.Why || e.FurtherFlag != tt.further || g.registered != tt.registered || e.Code != tt.end.ExitCode || e.Name != tt.end.ExitName {
			t.Errorf("%s: %+v, registered: %t", name, e, g.registered)
		}
		if len(e.Steps) != len(tt.end.Steps) || len(e.Steps) > 0 && e.Steps[0] != (bundle.Step{Name: "dps.register", Status: string(tt.end.Steps[0].Status), Detail: tt.end.Steps[0].Detail, Hint: tt.end.Steps[0].Hint}) {
			t.Errorf("%s: the steps are %+v", name, e.Steps)
		}
		if (e.Next == "the hint") != (tt.end.ExitCode != 0) || (e.What == failed.Error()) != (tt.end.ExitCode != 0) {
			t.Errorf("%s: %q, next %q", name, e.What, e.Next)
		}
	}
}

// What is said of a part that is missing, and of a chip that is locked out.
func TestJudgePart(t *testing.T) {
	refused := errors.New("refused")
	locked, open := tpm.Capabilities{}, tpm.Capabilities{}
	locked.Lockout.InLockout, locked.Lockout.Counter, locked.Lockout.Max, locked.Lockout.IntervalSeconds = true, 32, 31, 600
	ofChip := func(part string) bundle.Finding {
		return bundle.Finding{Layer: bundle.Chip, Part: "manifest.json", Step: part, What: "refused", Command: "tpmdps read-ek", Code: 12, Name: "tpm-refuses", Next: "the hint"}
	}
	for name, tt := range map[string]struct {
		part    string
		value   any
		err     error
		others  []bundle.Finding
		missing []bundle.Unseen
		code    int
	}{
		"a record":                {"record.json", nil, refused, []bundle.Finding{ofChip("record.json")}, nil, 0},
		"handles":                 {"handles.json", nil, refused, []bundle.Finding{ofChip("handles.json")}, nil, 0},
		"properties":              {"properties.json", nil, refused, []bundle.Finding{ofChip("properties.json")}, nil, 0},
		"properties that are all": {"properties.json", open, nil, nil, nil, 0},
		"locked out": {"properties.json", locked, nil, []bundle.Finding{{Layer: bundle.Chip, Part: "properties.json", Step: "lockout", Warning: true,
			What: "the chip is locked out: it counted 32 wrong passwords and accepts 31; it forgets one every 600 s", Next: "the hint"}}, nil, 0},
		"no trip":            {"verify.json", nil, refused, nil, nil, 12},
		"no file to check":   {"check.json", nil, absentError("none"), nil, nil, 0},
		"no check":           {"check.json", nil, refused, nil, []bundle.Unseen{{What: "check.json", Why: "why"}}, 0},
		"no file":            {"config.toml", nil, absentError("none"), nil, []bundle.Unseen{{What: "config.toml", Why: "why"}}, 0},
		"nothing is missing": {"clock.json", 1, nil, nil, nil, 0},
	} {
		g := judging(Trip{})
		g.judgePart(bundle.Part{Name: tt.part, Reason: "why"}, tt.value, tt.err)
		e := g.evidence
		if !slices.Equal(e.Others, tt.others) || !slices.Equal(e.Missing, tt.missing) || e.Code != tt.code || e.Code != 0 && (e.Name != "tpm-refuses" || e.What != "refused" || e.Next != "the hint") {
			t.Errorf("%s: %+v", name, e)
		}
	}
}

// Findings that are about lines go before those about the whole file; warnings end no
// command; a tick that failed is a finding, one that was skipped is not.
func TestJudgeConfig(t *testing.T) {
	found := lint.Report{Findings: []lint.Finding{
		{Rule: "missing", Severity: lint.Error, Message: "m1", Fix: "f1"},
		{Rule: "cleartext", Severity: lint.Warning, Line: 7, Message: "m2", Fix: "f2"},
		{Rule: "unknown-key", Severity: lint.Error, Line: 3, Message: "m3", Fix: "f3"},
	}}
	ticks := []drift.Tick{{Name: "chip", Status: check.Skipped}, {Name: "device", Status: check.Fail, Detail: "d", Hint: "h"}}
	g := judging(Trip{})
	g.unusable = true
	g.judgePart(bundle.Part{Name: "check.json"}, checkup.NewResult(found, drift.Facts{File: "f.toml"}, ticks, checkup.ChipFacts{}), nil)
	const config = bundle.Configuration
	want := []bundle.Finding{
		{Layer: config, Part: "check.json", Step: "cleartext", What: "f.toml in line 7: m2", Next: "f2", Warning: true},
		{Layer: config, Part: "check.json", Step: "unknown-key", What: "f.toml in line 3: m3", Next: "f3"},
		{Layer: config, Part: "check.json", Step: "missing", What: "f.toml: m1", Next: "f1"},
		{Layer: config, Part: "check.json", Step: "device", What: "d", Next: "h"},
	}
	for i := range want {
		if !want[i].Warning {
			want[i].Command, want[i].Code, want[i].Name = "tpmdps config --check", 12, "tpm-refuses"
		}
	}
	if e := g.evidence; !e.Checked || !e.Unusable || !slices.Equal(e.Others, want) {
		t.Errorf("the evidence is %+v", e)
	}
}

// A refusal of the chip has its hint in the part's reason; other errors have none.
func TestWithHint(t *testing.T) {
	g := judging(Trip{})
	if got := g.withHint(errors.New("no such file")); got != "no such file" {
		t.Errorf("another error is %q", got)
	}
	refused := fmt.Errorf("look: %w", &tpm.ResponseError{})
	if got := g.withHint(refused); got != refused.Error()+"; hint: the fix" {
		t.Errorf("a refusal is %q", got)
	}
}

// What the record says of whether the chip is a real one is in the verdict: a key that
// anyone can compute as a fault, what is wrong as a warning, what nobody could tell as
// not looked at.
func TestJudgeChip(t *testing.T) {
	warning := bundle.Finding{Layer: bundle.Certificate, Part: "record.json", Step: "ek_verdict", Warning: true}
	said := func(word ektrust.Word) bundle.Finding {
		f := warning
		f.What, f.Next = "the verdict on this chip is "+string(word)+": why", "tpmdps explain "+string(word)
		return f
	}
	refused := said(ektrust.Vulnerable)
	refused.Warning, refused.Command, refused.Code, refused.Name, refused.Next = false, "tpmdps read-ek", 12, "tpm-refuses", "the hint"
	known := warning
	known.What = "the chip's firmware is known for " + ektrust.Weaknesses("NTC", "1.3.0.1")[0].String()
	known.Next = "get the update from the maker of the computer; Nuvoton's advisory is SA-003"
	for word, want := range map[ektrust.Word][]bundle.Finding{
		ektrust.Trusted: nil, ektrust.Unknown: nil, ektrust.Absent: nil,
		ektrust.Untrusted: {said(ektrust.Untrusted)}, ektrust.Mismatch: {said(ektrust.Mismatch)}, ektrust.Vulnerable: {refused},
	} {
		for firmware, more := range map[string][]bundle.Finding{"9.9.9.9": nil, "1.3.0.1": {known}} {
			r := identity.Record{TPM: identity.Chip{Manufacturer: "NTC", Firmware: firmware},
				EKVerdict: &identity.EKVerdict{Verdict: string(word), Reasons: []identity.EKReason{{Code: "c", Text: "why"}}}}
			g := judging(Trip{})
			g.judgePart(bundle.Part{Name: "record.json"}, r, nil)
			if got := g.evidence.Others; !slices.Equal(got, append(slices.Clone(want), more...)) {
				t.Errorf("%s, firmware %s: %+v", word, firmware, got)
			}
			unseen := []bundle.Unseen{{What: "whether it is a real chip", Why: string(word) + ": why", Flag: "tpmdps read-ek --ek-roots PATH"}}
			if word != ektrust.Unknown && word != ektrust.Absent {
				unseen = nil
			}
			if got := g.evidence.Missing; !slices.Equal(got, unseen) {
				t.Errorf("%s: not looked at: %+v", word, got)
			}
		}
	}
	g := judging(Trip{})
	g.judgePart(bundle.Part{Name: "record.json"}, identity.Record{}, nil)
	if len(g.evidence.Others)+len(g.evidence.Missing) > 0 {
		t.Errorf("of a chip that was not judged: %+v", g.evidence)
	}
}
