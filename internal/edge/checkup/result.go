package checkup

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"tpmdps/internal/aziot"
	"tpmdps/internal/check"
	"tpmdps/internal/edge/drift"
	"tpmdps/internal/edge/lint"
	"tpmdps/internal/text"
)

// What a check can end with, besides [aziot.ErrAccess].
var (
	// ErrFindings: there are errors in the file itself.
	ErrFindings = errors.New("not usable")
	// ErrDisagree: the file, the chip, the enrollment and the device do not belong
	// together.
	ErrDisagree = errors.New("they disagree")
)

// Result is what was found.
type Result struct {
	File     string         `json:"file"`
	Outcome  string         `json:"result"` // pass or fail
	Findings []lint.Finding `json:"findings"`
	Ticks    []drift.Tick   `json:"ticks"`
	// DPS is the host of the service API that was asked, "" if none was.
	DPS string `json:"dps"`
	// NotCompared are the names of the ticks that were skipped, and [drift.ScopeName],
	// and Add is what to give so that they are not; "" where nothing helps.
	NotCompared []string `json:"not_compared"`
	Add         string   `json:"add"`
	// Verdict is the last line for people, without the word before it.
	Verdict string `json:"verdict"`

	facts drift.Facts
	stops error // of a round trip on this chip
}

// NewResult puts together what was found of the file that the facts name. It has no
// verdict yet.
func NewResult(report lint.Report, facts drift.Facts, ticks []drift.Tick, chip ChipFacts) Result {
	return Result{File: facts.File, Findings: report.Findings, Ticks: ticks, DPS: facts.DPS, facts: facts, stops: chip.stops}
}

// Conclude makes the verdict; apply is the command that puts the file into effect.
// The file's own faults go before drift, because what a broken file says means
// little; asked is what could not be compared although it was asked for.
func (r *Result) Conclude(apply string, asked error) error {
	next, err := r.judge(asked)
	r.Outcome = "fail"
	if err == nil {
		r.Outcome, next = "pass", "next: "+apply
	}
	r.NotCompared, r.Add = r.facts.NotCompared(r.Ticks)
	r.Verdict = r.verdict(next)
	return err
}

// judge says what the check ends with, and what to do then.
func (r *Result) judge(asked error) (next string, err error) {
	failures, _ := r.count()
	var gone *goneChip
	switch {
	case failures > 0:
		first := r.Findings[slices.IndexFunc(r.Findings, func(f lint.Finding) bool { return f.Severity == lint.Error })]
		switch {
		case first.Rule == RuleAccess: // it comes last, so the file itself is right
			return "give IoT Edge the chip and run this again", fmt.Errorf("%w: %s", aziot.ErrAccess, first.Message)
		case first.Rule == RuleChip && r.stops != nil:
			return "fix what is reported about the chip and run this again", fmt.Errorf("%s is not at fault: %w", r.File, r.stops)
		case first.Rule == RuleAuth:
			return "give IoT Edge the chip's password and run this again", fmt.Errorf("%s and chip: %w: %s", r.File, ErrDisagree, first.Message)
		}
		return "correct the file and run this again",
			fmt.Errorf("%s: %w: %s, the first is %s%s", r.File, ErrFindings, text.Count(failures, "error"), first.Rule, first.InLine())
	case errors.As(asked, &gone) && drift.OnlyChip(r.Ticks):
		return gone.summary() + "; follow the hint and run this again", asked
	case drift.Disagree(r.Ticks):
		i := slices.IndexFunc(r.Ticks, func(t drift.Tick) bool { return t.Status == check.Fail })
		return "follow the hint and run this again",
			fmt.Errorf("%s, chip, enrollment and device: %w: %s: %s", r.File, ErrDisagree, r.Ticks[i].Name, r.Ticks[i].Detail)
	case asked != nil:
		return "not everything that was requested could be compared; follow the hint and run this again", asked
	}
	return "", nil
}

func (r *Result) count() (failures, warnings int) {
	return lint.Report{Findings: r.Findings}.Count()
}

// verdict is the last line: how many findings and ticks speak against the file, what
// was not looked at, and what comes next. Whether it passed, its exit code says too.
func (r *Result) verdict(next string) string {
	failures, warnings := r.count()
	failed, doubts := drift.Count(r.Ticks)
	parts := []string{text.Count(failures, "error")}
	if r.Outcome == "fail" && failures == 0 {
		parts[0] = "no error in the file itself"
	}
	if failed > 0 {
		parts = append(parts, text.Count(failed, "disagreement"))
	}
	parts = append(parts, text.Count(warnings+doubts, "warning"))
	line := r.File + ": " + strings.Join(parts, ", ")
	if len(r.NotCompared) > 0 {
		line += "; not compared: " + strings.Join(r.NotCompared, ", ")
		if r.Add != "" && r.Outcome == "pass" {
			line += " (" + r.Add + ")"
		}
	}
	return line + "; " + next
}
