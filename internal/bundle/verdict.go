package bundle

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Layer is a part of the way from the chip to the hub.
type Layer string

// The layers, in the order of the way.
const (
	Configuration Layer = "configuration"
	Chip          Layer = "chip"
	Network       Layer = "network"
	Clock         Layer = "clock"
	Service       Layer = "dps"
	Key           Layer = "key"        // the one that is enrolled is the chip's
	Enrollment    Layer = "enrollment" // what DPS has of this machine; whether it is enabled shows in the end
	Assignment    Layer = "assignment" // DPS registers the device on a hub
	Hub           Layer = "hub"
	// Certificate is not on the way: a chip for which no maker vouches provisions as well.
	Certificate Layer = "certificate"
)

// layers are their names for people, in order.
var layers = []struct {
	layer Layer
	title string
}{
	{Configuration, "configuration"}, {Chip, "chip"}, {Network, "network"}, {Clock, "clock"}, {Service, "DPS"},
	{Key, "enrolled key"}, {Enrollment, "enrollment"}, {Assignment, "registration and assignment"}, {Hub, "hub"},
}

const chipIndex = 1 // in layers

// Title is the layer's name for people.
func (l Layer) Title() string {
	if l == Certificate {
		return "EK certificate"
	}
	for _, known := range layers {
		if known.layer == l {
			return known.title
		}
	}
	return string(l)
}

// stepLayers are what a step of verify that passed has shown to be in order. DPS
// accepts the registration of a disabled enrollment, so dps.register shows nothing.
var stepLayers = map[string]Layer{
	"tpm.open": Chip, "tpm.capabilities": Chip, "tpm.ek": Chip, "tpm.srk": Chip,
	"net.dns": Network, "net.tcp": Network, "net.tls": Network, "clock": Clock,
	"dps.challenge": Service, "tpm.activate": Key, "dps.assigned": Assignment, "tpm.hubkey": Assignment,
	"hub.tls": Hub, "hub.connect": Hub, "hub.twin": Hub,
}

// layerOf is where the cause of a step's failure lies. The exit code says more of
// that than the step: what comes to light when DPS is asked may be a captive
// portal's answer.
func layerOf(step string, code int) Layer {
	onHub := strings.HasPrefix(step, "hub.")
	switch {
	case code >= 10 && code < 20:
		return Chip
	case code >= 20 && code < 22 && !onHub:
		return Network
	case code == 22:
		return Clock
	case code == 31:
		return Enrollment
	case code == 32:
		return Service
	case code == 33:
		return Assignment
	case code >= 40 && code < 50:
		return Configuration
	}
	return cmp.Or(stepLayers[step], Chip)
}

// Finding is one thing that is wrong.
type Finding struct {
	Layer Layer `json:"layer"`
	// Part is the file of the zip that has more of it.
	Part string `json:"part"`
	// Step is the step of verify, or the rule, at which it was seen.
	Step string `json:"step"`
	// What was seen, in words.
	What string `json:"what"`
	// Command ends with Code because of it, which is called Name; "" and 0 where no
	// command fails of it.
	Command string `json:"command"`
	Code    int    `json:"exit_code"`
	Name    string `json:"exit_name"`
	// Next is what to do about it.
	Next string `json:"next"`
	// Warning: it may be as it should be.
	Warning bool `json:"warning"`
}

// Unseen is something that was not looked at.
type Unseen struct {
	// What is a layer's title, or a part of the bundle.
	What string `json:"what"`
	Why  string `json:"why"`
	// Flag would have it looked at; "" where none does.
	Flag string `json:"flag"`
}

// Results of a verdict. There is none for a machine without a fault: a bundle does
// not look at everything.
const (
	ResultFault   = "fault"
	ResultWarning = "warning"
	ResultNone    = "none-found"
)

// Verdict says what a bundle shows to be broken, and what it does not show.
type Verdict struct {
	Result string `json:"result"`
	// Seen are the layers in which nothing was found to be wrong.
	Seen []Layer `json:"seen"`
	// Findings are what is wrong, the most likely cause first, warnings last.
	Findings []Finding `json:"findings"`
	Unseen   []Unseen  `json:"not_looked_at"`
}

// Step is a step of verify.
type Step struct {
	Name, Status string // ok, warn, fail or skipped
	Detail, Hint string
}

// Evidence is what a verdict is made of.
type Evidence struct {
	// Steps are those of the round trip, in order; none where it could not begin.
	Steps []Step
	// Code and Name are how verify would end, What and Next why where the trip has
	// no failed step.
	Code             int
	Name, What, Next string
	// Alone says why the trip stayed in this process, and DPS was not asked; "" where
	// it was. AloneFlag would have it asked.
	Alone, AloneFlag string
	// FurtherFlag is what makes the trip go on where it ends by plan.
	FurtherFlag string
	// Others is what other parts show: of the configuration and the chip.
	Others []Finding
	// Unusable: verify could not use the configuration at all.
	Unusable bool
	// Checked: a configuration was there and was checked.
	Checked bool
	// Missing is what could not be looked at besides.
	Missing []Unseen
}

// maxOthers bounds what a verdict repeats of one layer.
const maxOthers = 3

// Conclude makes the verdict.
func Conclude(e Evidence) Verdict {
	v := Verdict{Result: ResultNone, Seen: []Layer{}, Findings: []Finding{}, Unseen: []Unseen{}}
	stopped := e.trip(&v)
	v.Findings = append(v.Findings, e.others(stopped, v.Findings)...)
	slices.SortStableFunc(v.Findings, func(a, b Finding) int { return cmp.Compare(e.rank(a), e.rank(b)) })
	if len(v.Findings) > 0 {
		v.Result = ResultFault
		if v.Findings[0].Warning {
			v.Result = ResultWarning
		}
	}
	v.Unseen = append(v.Unseen, e.Missing...)
	e.seen(&v)
	return v
}

// rank has a configuration that cannot be used before what follows from that, and
// warnings last.
func (e Evidence) rank(f Finding) int {
	switch {
	case f.Warning:
		return 2
	case e.Unusable && f.Layer == Configuration:
		return 0
	}
	return 1
}

// trip reads the steps, up to the one that failed, which it returns.
func (e Evidence) trip(v *Verdict) (stopped *Finding) {
	for _, s := range e.Steps {
		f := Finding{Part: "verify.json", Step: s.Name, What: strings.TrimPrefix(s.Detail, s.Name+": "), Next: s.Hint}
		switch {
		case s.Status == "warn":
			f.Layer, f.Warning = cmp.Or(stepLayers[s.Name], Chip), true
			v.Findings = append(v.Findings, f)
		case s.Status == "fail" && stopped != nil: // the trip went on to show it
			f.Layer = cmp.Or(stepLayers[s.Name], Chip)
			v.Findings = append(v.Findings, f)
		case s.Status == "fail":
			f.Layer, f.Command, f.Code, f.Name = layerOf(s.Name, e.Code), "tpmdps verify", e.Code, e.Name
			v.Findings, stopped = append(v.Findings, f), &f
		}
	}
	if stopped == nil && e.Code != 0 {
		stopped = &Finding{Layer: layerOf("", e.Code), Part: "verify.json", What: e.What, Command: "tpmdps verify", Code: e.Code, Name: e.Name, Next: e.Next}
		v.Findings = append(v.Findings, *stopped)
	}
	return stopped
}

// others are the findings of other parts, without those that the trip has found as
// well: those of the chip where the trip has stopped at a step of the chip's, and
// those that the same thing puts right. What the trip has passed on the chip is not
// a fault: commands that need more of the chip than it does may still fail.
func (e Evidence) others(stopped *Finding, trip []Finding) []Finding {
	var kept []Finding
	of := map[Layer]int{}
	atChip := stopped != nil && (stopped.Layer == Chip || strings.HasPrefix(stopped.Step, "tpm.") && stopped.Layer == Configuration)
	passed := stopped == nil && e.looked()[Chip]
	for _, f := range e.Others {
		if atChip && f.Layer == Chip && !f.Warning || slices.ContainsFunc(trip, f.sameRemedy) {
			continue
		}
		f.Warning = f.Warning || passed && f.Layer == Chip
		if of[f.Layer]++; of[f.Layer] <= maxOthers {
			kept = append(kept, f)
		}
	}
	for i := range kept {
		if more := of[kept[i].Layer] - maxOthers; more > 0 {
			kept[i].What += fmt.Sprintf(" (and %d more in %s)", more, kept[i].Part)
			of[kept[i].Layer] = 0
		}
	}
	return kept
}

// sameRemedy tells whether two findings are put right by the same thing, and so are
// one.
func (f Finding) sameRemedy(other Finding) bool { return f.Next != "" && f.Next == other.Next }

// seen sorts the layers into those that were looked at and those that were not, and
// says why not.
func (e Evidence) seen(v *Verdict) {
	looked, broken := e.looked(), map[Layer]bool{}
	furthest, failed := 0, false
	for _, f := range v.Findings {
		broken[f.Layer] = broken[f.Layer] || !f.Warning
		failed = failed || f.Command == "tpmdps verify"
	}
	for i, known := range layers {
		if looked[known.layer] || broken[known.layer] {
			furthest = i
		}
	}
	why, flag := "this run was limited to the steps before it", e.FurtherFlag
	switch {
	case e.Alone != "":
		why, flag = "DPS was not asked: "+e.Alone, e.AloneFlag
	case failed:
		why, flag = "the fault comes before it", ""
	}
	var unseen []Unseen
	for i, known := range layers {
		switch l := known.layer; {
		case broken[l]:
		case looked[l], i > chipIndex && i < furthest && l != Key: // what lies after it shows it
			v.Seen = append(v.Seen, l)
		case l != Configuration: // the reason is with the file
			unseen = append(unseen, Unseen{known.title, why, flag})
		}
	}
	v.Unseen = append(unseen, v.Unseen...)
}

// looked are the layers of which a step, or the check of the file, was done. The
// service in this process shows the chip alone.
func (e Evidence) looked() map[Layer]bool {
	looked := map[Layer]bool{Configuration: e.Checked}
	for _, s := range e.Steps {
		if layer := stepLayers[s.Name]; layer != "" && (s.Status == "ok" || s.Status == "warn") && (e.Alone == "" || layer == Chip) {
			looked[layer] = true
		}
	}
	return looked
}
