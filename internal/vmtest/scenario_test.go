//go:build vm

package vmtest

import (
	"encoding/json"
	"regexp"
	"testing"

	"tpmdps/internal/identity"
)

// scenario is a step and what must come of it. The texts are regular
// expressions in which ^ and $ match at lines.
type scenario struct {
	Step
	code           int // or anyCode
	stdout, stderr []string
	quiet          bool   // nothing at all on stdout
	beside         string // of the command beside it
	check          func(t *testing.T, o Outcome)
}

// anyCode leaves the exit code to the scenario's check.
const anyCode = -1

// play boots a machine and tests each scenario in its turn.
func play(t *testing.T, m machine, scenarios []scenario) {
	t.Helper()
	t.Parallel()
	var steps []Step
	for _, s := range scenarios {
		steps = append(steps, s.Step)
	}
	for i, o := range m.boot(t, steps) {
		t.Run(o.Name, func(t *testing.T) {
			scenarios[i].judge(t, o)
			if t.Failed() {
				t.Logf("%q ended with %d after %d ms\nstdout:\n%s\nstderr:\n%s\nbeside it:\n%s",
					scenarios[i].Args, o.Code, o.MS, o.Stdout, o.Stderr, o.Beside)
			}
		})
	}
}

func (s scenario) judge(t *testing.T, o Outcome) {
	if o.Error != "" {
		t.Errorf("the step did not run to its end: %s", o.Error)
	}
	if s.code != anyCode && o.Code != s.code {
		t.Errorf("exit code %d, want %d", o.Code, s.code)
	}
	for _, stream := range []struct {
		name, got string
		want      []string
	}{
		{"stdout", o.Stdout, s.stdout},
		{"stderr", o.Stderr, s.stderr},
		{"the command beside", o.Beside, []string{s.beside}},
	} {
		for _, want := range stream.want {
			if !regexp.MustCompile("(?m)" + want).MatchString(stream.got) {
				t.Errorf("nothing in %s is like %q", stream.name, want)
			}
		}
	}
	if s.quiet && o.Stdout != "" {
		t.Errorf("stdout is %q, want nothing", o.Stdout)
	}
	if s.check != nil {
		s.check(t, o)
	}
}

// step starts a scenario. Names are unique in a plan, so that a subtest's name
// finds it.
func step(name string, args ...string) scenario {
	return scenario{Step: Step{Name: name, Args: args}}
}

// clean is the step after another: nothing of it is left on the chip, and the
// persistent handles are those of the factory. It looks past the resource
// manager.
func clean(after string) scenario {
	s := step("nothing left after "+after, "handles", "/dev/tpm0")
	s.stdout = []string{`\Apersistent 0x81010001\npersistent 0x81010016\n\z`}
	return s
}

// record checks a record on stdout.
func record(want identity.Host) func(*testing.T, Outcome) {
	return func(t *testing.T, o Outcome) {
		r, err := identity.ParseRecord([]byte(o.Stdout))
		if err != nil {
			t.Fatal(err)
		}
		want.Hostname = r.Host.Hostname // the kernel's, "(none)"
		if r.Host != want {
			t.Errorf("host = %+v, want %+v", r.Host, want)
		}
		if r.RegistrationID != fixtureID || r.EKHandle != "0x81010001" {
			t.Errorf("registration ID %s at %s, want %s at 0x81010001", r.RegistrationID, r.EKHandle, fixtureID)
		}
	}
}

// failure checks the error object on stderr.
func failure(code int, name, where string) func(*testing.T, Outcome) {
	return func(t *testing.T, o Outcome) {
		var got struct {
			Code             int
			Name, Step, Hint string
		}
		if err := json.Unmarshal([]byte(o.Stderr), &got); err != nil {
			t.Fatal(err)
		}
		if got.Code != code || got.Name != name || got.Step != where || got.Hint == "" {
			t.Errorf("error object %+v, want code %d, name %s, step %q and a hint", got, code, name, where)
		}
	}
}

// line is what -v writes when the chip has answered a command.
func line(command string) string { return "command=" + command + " " }
