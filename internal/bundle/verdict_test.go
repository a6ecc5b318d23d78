package bundle

import (
	"slices"
	"strings"
	"testing"
)

func steps(upTo, status string) []Step {
	var all []Step
	for _, name := range []string{"tpm.open", "tpm.capabilities", "tpm.ek", "tpm.srk", "net.dns", "net.tcp", "net.tls", "clock", "dps.challenge", "tpm.activate",
		"dps.register", "dps.assigned", "tpm.hubkey", "hub.tls", "hub.connect", "hub.twin"} {
		switch {
		case slices.ContainsFunc(all, func(s Step) bool { return s.Name == upTo }):
			all = append(all, Step{Name: name, Status: "skipped"})
		case name == upTo:
			all = append(all, Step{name, status, name + ": what was seen", "what to do"})
		default:
			all = append(all, Step{Name: name, Status: "ok"})
		}
	}
	return all
}

// A verdict names the layer of the cause, and claims nothing of what was not seen.
func TestConclude(t *testing.T) {
	config := Finding{Layer: Configuration, Part: "check.json", Step: "unknown-key", What: "x", Command: "tpmdps config --check", Code: 40, Name: "config-invalid"}
	chip := Finding{Layer: Chip, Part: "manifest.json", Step: "record.json", What: "no TPM", Command: "tpmdps read-ek", Code: 10}
	warning := Finding{Layer: Configuration, Part: "check.json", Step: "x", What: "perhaps", Warning: true}
	for name, tt := range map[string]struct {
		e      Evidence
		result string
		first  Layer
		seen   string
		unseen string
		found  int
	}{
		"nothing at all":      {Evidence{}, ResultNone, "", "", "chip,network,clock,DPS,enrolled key,enrollment,registration and assignment,hub", 0},
		"to the challenge":    {Evidence{Steps: steps("tpm.activate", "ok")}, ResultNone, "", "chip,network,clock,dps,key", "enrollment,registration and assignment,hub", 0},
		"to the assignment":   {Evidence{Steps: steps("tpm.hubkey", "ok")}, ResultNone, "", "chip,network,clock,dps,key,enrollment,assignment", "hub", 0},
		"registered only":     {Evidence{Steps: steps("dps.register", "ok")}, ResultNone, "", "chip,network,clock,dps,key", "enrollment,registration and assignment,hub", 0},
		"all the way":         {Evidence{Steps: steps("hub.twin", "ok"), Checked: true}, ResultNone, "", "configuration,chip,network,clock,dps,key,enrollment,assignment,hub", "", 0},
		"alone":               {Evidence{Steps: steps("tpm.activate", "ok"), Alone: "--offline"}, ResultNone, "", "chip", "network,clock,DPS,enrolled key,enrollment,registration and assignment,hub", 0},
		"alone, and broken":   {Evidence{Steps: steps("tpm.activate", "fail"), Code: 12, Alone: "--offline"}, ResultFault, Chip, "", "network,clock,DPS,enrolled key,enrollment,registration and assignment,hub", 1},
		"a portal answers":    {Evidence{Steps: steps("dps.challenge", "fail"), Code: 21}, ResultFault, Network, "chip,clock", "DPS,enrolled key,enrollment,registration and assignment,hub", 1},
		"the clock":           {Evidence{Steps: steps("net.tls", "fail"), Code: 22}, ResultFault, Clock, "chip,network", "DPS,enrolled key,enrollment,registration and assignment,hub", 1},
		"another key":         {Evidence{Steps: steps("tpm.activate", "fail"), Code: 31}, ResultFault, Enrollment, "chip,network,clock,dps", "enrolled key,registration and assignment,hub", 1},
		"throttled":           {Evidence{Steps: steps("dps.challenge", "fail"), Code: 32}, ResultFault, Service, "chip,network,clock", "enrolled key,enrollment,registration and assignment,hub", 1},
		"no hub":              {Evidence{Steps: steps("dps.assigned", "fail"), Code: 33}, ResultFault, Assignment, "chip,network,clock,dps,key,enrollment", "hub", 1},
		"no way to the hub":   {Evidence{Steps: steps("hub.tls", "fail"), Code: 20}, ResultFault, Hub, "chip,network,clock,dps,key,enrollment,assignment", "", 1},
		"the hub refuses":     {Evidence{Steps: steps("hub.connect", "fail"), Code: 34}, ResultFault, Hub, "chip,network,clock,dps,key,enrollment,assignment", "", 1},
		"a password":          {Evidence{Steps: steps("tpm.ek", "fail"), Code: 41}, ResultFault, Configuration, "chip", "network,clock,DPS,enrolled key,enrollment,registration and assignment,hub", 1},
		"no trip":             {Evidence{Code: 2, What: "no address"}, ResultFault, Chip, "", "network,clock,DPS,enrolled key,enrollment,registration and assignment,hub", 1},
		"chip and its parts":  {Evidence{Steps: steps("tpm.open", "fail"), Code: 10, Others: []Finding{chip, chip}}, ResultFault, Chip, "", "network,clock,DPS,enrolled key,enrollment,registration and assignment,hub", 1},
		"trip before config":  {Evidence{Steps: steps("net.tcp", "fail"), Code: 20, Others: []Finding{config}, Checked: true}, ResultFault, Network, "chip", "clock,DPS,enrolled key,enrollment,registration and assignment,hub", 2},
		"config cannot be":    {Evidence{Steps: steps("net.tcp", "fail"), Code: 20, Others: []Finding{config}, Unusable: true, Checked: true}, ResultFault, Configuration, "chip", "clock,DPS,enrolled key,enrollment,registration and assignment,hub", 2},
		"many in the file":    {Evidence{Steps: steps("hub.twin", "ok"), Others: []Finding{config, config, config, config, config}, Checked: true}, ResultFault, Configuration, "chip,network,clock,dps,key,enrollment,assignment,hub", "", 3},
		"a warning":           {Evidence{Steps: steps("hub.twin", "ok"), Others: []Finding{warning}, Checked: true}, ResultWarning, Configuration, "configuration,chip,network,clock,dps,key,enrollment,assignment,hub", "", 1},
		"a warning, a fault":  {Evidence{Steps: steps("hub.twin", "fail"), Code: 34, Others: []Finding{warning}, Checked: true}, ResultFault, Hub, "configuration,chip,network,clock,dps,key,enrollment,assignment", "", 2},
		"a step that warns":   {Evidence{Steps: steps("hub.twin", "warn")}, ResultWarning, Hub, "chip,network,clock,dps,key,enrollment,assignment,hub", "", 1},
		"a part not had, too": {Evidence{Steps: steps("hub.twin", "ok"), Missing: []Unseen{{"kernel.txt", "only root", ""}}}, ResultNone, "", "chip,network,clock,dps,key,enrollment,assignment,hub", "kernel.txt", 0},
	} {
		t.Run(name, func(t *testing.T) {
			v := Conclude(tt.e)
			var seen, unseen []string
			for _, l := range v.Seen {
				seen = append(seen, string(l))
			}
			for _, u := range v.Unseen {
				unseen = append(unseen, u.What)
			}
			if v.Result != tt.result || strings.Join(seen, ",") != tt.seen || strings.Join(unseen, ",") != tt.unseen || len(v.Findings) != tt.found {
				t.Errorf("%s, seen %q, not %q, %d findings; want %s, %q, %q, %d", v.Result, seen, unseen, len(v.Findings), tt.result, tt.seen, tt.unseen, tt.found)
			}
			if tt.found > 0 && v.Findings[0].Layer != tt.first {
				t.Errorf("the cause is in %s, want %s", v.Findings[0].Layer, tt.first)
			}
			first := v.Lines()[0]
			if fault := strings.HasPrefix(first, "FAULT  "); fault != (tt.result == ResultFault) {
				t.Errorf("it begins with %q", first)
			}
			if tt.result == ResultFault && strings.Contains(strings.Join(v.Lines(), "\n"), "NO FAULT") {
				t.Errorf("a fault reads as none:\n%s", strings.Join(v.Lines(), "\n"))
			}
		})
	}
}

// The texts of a verdict go through Redact, everywhere.
func TestVerdictIsRedacted(t *testing.T) {
	b := sample()
	b.Verdict = Verdict{Findings: []Finding{{What: "canary\nand more", Next: "canary"}}, Unseen: []Unseen{{"canary", "canary", "canary"}}}
	data, m, err := Pack(b)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range unpack(t, data) {
		if strings.Contains(text, "canary") {
			t.Errorf("%s is not redacted:\n%s", name, text)
		}
	}
	if text := strings.Join(m.Verdict.Lines(), "\n"); strings.Contains(text, "canary") || !strings.Contains(text, "[redacted] and more") {
		t.Errorf("it reads %q", text)
	}
}

// A verdict judges as verify does: what verify passed on the chip is no fault, what
// follows from its fault is not said twice, and what goes on after one is seen.
func TestConcludeAsVerifyDoes(t *testing.T) {
	locked := Finding{Layer: Chip, Step: "lockout", What: "locked out", Next: "wait"}
	record := Finding{Layer: Chip, Step: "record.json", What: "refuses the password", Command: "tpmdps read-ek", Code: 12, Next: "give it"}
	auth := Finding{Layer: Configuration, Step: "tpm-auth", What: "c.toml lacks it", Command: "tpmdps config --check", Code: 41, Next: "what to do"}
	survey := steps("net.tcp", "fail")
	survey[1] = Step{"tpm.capabilities", "fail", "c.toml lacks it", "what to do"}
	survey[5].Hint = "plug it in"
	for name, tt := range map[string]struct {
		e     Evidence
		lines string
	}{
		"a lockout that stops nothing": {Evidence{Steps: steps("hub.twin", "ok"), Others: []Finding{locked}}, "WARNING  chip, at lockout"},
		"a part that failed by itself": {Evidence{Steps: steps("tpm.activate", "ok"), Others: []Finding{record}}, "WARNING  chip, at record.json"},
		"a password":                   {Evidence{Steps: steps("tpm.capabilities", "fail"), Code: 41, Others: []Finding{record, auth}}, "FAULT  configuration, at tpm.capabilities"},
		"a password, and the network":  {Evidence{Steps: survey, Code: 41, Others: []Finding{auth}}, "FAULT  configuration, at tpm.capabilities|ALSO  network, at net.tcp"},
		"a warning in both":            {Evidence{Steps: steps("hub.twin", "warn"), Others: []Finding{{Layer: Chip, Next: "what to do", Warning: true}}}, "WARNING  hub, at hub.twin"},
		"before the trip":              {Evidence{Others: []Finding{record}}, "FAULT  chip, at record.json"},
	} {
		v := Conclude(tt.e)
		var got []string
		for _, line := range v.Lines() {
			head, _, _ := strings.Cut(line, ":")
			if strings.Contains(head, ", at ") {
				got = append(got, head)
			}
			if strings.HasPrefix(strings.ToLower(line), "no fault found") && strings.Contains(line, "chip") && strings.Contains(tt.lines, "WARNING  chip") {
				t.Errorf("%s: praised beside a warning: %s", name, line)
			}
		}
		if strings.Join(got, "|") != tt.lines {
			t.Errorf("%s: %q, want %q", name, got, tt.lines)
		}
	}
}
