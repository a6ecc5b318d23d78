package checkup_test

import (
	"errors"
	"io/fs"
	"log/slog"
	"runtime"
	"strings"
	"testing"

	"tpmdps/internal/aziot"
	"tpmdps/internal/check"
	"tpmdps/internal/edge"
	"tpmdps/internal/edge/checkup"
	"tpmdps/internal/edge/drift"
	"tpmdps/internal/edge/edgetest"
	"tpmdps/internal/edge/lint"
	"tpmdps/internal/tpm"
)

// What a check ends with, and its last line: the file's own faults go before drift,
// and drift before what could not be compared.
func TestConclude(t *testing.T) {
	wrong := lint.Finding{Rule: "unknown-key", Severity: lint.Error, Line: 3, Message: "m"}
	rule := func(name string) lint.Finding { return lint.Finding{Rule: name, Severity: lint.Error, Message: "m"} }
	doubt := lint.Finding{Rule: "cleartext", Severity: lint.Warning}
	fail := drift.Tick{Name: "file", Status: check.Fail, Detail: "d", Hint: "h"}
	skipped := drift.Tick{Name: "enrollment", Status: check.Skipped, Hint: "give a credential"}
	asked := errors.New("no answer")
	for _, test := range []struct {
		name     string
		findings []lint.Finding
		ticks    []drift.Tick
		asked    error
		is       error
		want     string // the verdict
	}{
		{"nothing", nil, nil, nil, nil, "f: no error, no warning; next: apply it"},
		{"a warning", []lint.Finding{doubt}, nil, nil, nil, "f: no error, 1 warning; next: apply it"},
		{"not compared", nil, []drift.Tick{skipped}, nil, nil, "f: no error, no warning; not compared: enrollment (give a credential); next: apply it"},
		{"the file", []lint.Finding{doubt, wrong}, []drift.Tick{fail}, asked, checkup.ErrFindings, "f: 1 error, 1 disagreement, 1 warning; correct the file and run this again"},
		{"the file before the machine", []lint.Finding{wrong, rule(checkup.RuleAccess)}, nil, nil, checkup.ErrFindings, "f: 2 errors, no warning; correct the file and run this again"},
		{"the machine", []lint.Finding{rule(checkup.RuleAccess)}, nil, nil, aziot.ErrAccess, "f: 1 error, no warning; give IoT Edge the chip and run this again"},
		{"the chip's password", []lint.Finding{rule(checkup.RuleAuth)}, nil, nil, checkup.ErrDisagree, "f: 1 error, no warning; give IoT Edge the chip's password and run this again"},
		{"drift", nil, []drift.Tick{fail, skipped}, asked, checkup.ErrDisagree, "f: no error in the file itself, 1 disagreement, no warning; not compared: enrollment; follow the hint and run this again"},
		{"not answered", nil, []drift.Tick{skipped}, asked, asked, "f: no error in the file itself, no warning; not compared: enrollment; not everything that was requested could be compared; follow the hint and run this again"},
	} {
		r := checkup.NewResult(lint.Report{Findings: test.findings}, drift.Facts{File: "f"}, test.ticks, checkup.ChipFacts{})
		err := r.Conclude("apply it", test.asked)
		if !errors.Is(err, test.is) || r.Verdict != test.want || (r.Outcome == "pass") != (err == nil) || r.NotCompared == nil {
			t.Errorf("%s: %v, %+v, want %q", test.name, err, r, test.want)
		}
	}
}

// A chip that is not there is an error only where one was named; a daemon that is
// kept from it, always.
func TestRun(t *testing.T) {
	request := checkup.Request{
		Path: "f", Data: []byte(edgetest.TPMFile),
		Access: func(tcti string) aziot.Access {
			if tcti != aziot.DefaultTCTI {
				t.Errorf("Access(%q)", tcti)
			}
			return aziot.Access{Verdict: aziot.NoUser}
		},
		Chip: func(edge.Config) (tpm.Address, tpm.Options, error) {
			return tpm.Address{}, tpm.Options{}, tpm.ErrNoDevice
		},
		ReadFile:      func(path string) ([]byte, error) { return nil, fs.ErrNotExist },
		NoServiceHint: "name a DPS",
		Verdict:       func(error) (int, string) { return 10, "look for the chip" },
		Fix:           func(error) string { return "look for the chip" },
		Log:           slog.New(slog.DiscardHandler),
	}
	r, err := checkup.Run(t.Context(), request, "apply it")
	if err != nil || r.Outcome != "pass" || strings.Join(r.NotCompared, " ") != "chip file enrollment device ID scope" {
		t.Errorf("no chip: %+v, %v", r, err)
	}
	if tick := r.Ticks[2]; tick.Hint != "name a DPS" || !strings.Contains(tick.Detail, "no credential") {
		t.Errorf("no credential: %+v", tick)
	}
	request.ChipNamed = true
	if r, err = checkup.Run(t.Context(), request, "apply it"); !errors.Is(err, tpm.ErrNoDevice) || r.Ticks[0].Hint != "look for the chip" {
		t.Errorf("no chip that was named: %+v, %v", r, err)
	}
	refused := errors.New("refused")
	request.ChipNamed = false
	request.Service = func() (checkup.Service, error) { return checkup.Service{}, refused }
	if r, err = checkup.Run(t.Context(), request, "apply it"); !errors.Is(err, refused) || !strings.Contains(r.Ticks[2].Detail, "DPS was not asked: refused") {
		t.Errorf("no client: %+v, %v", r, err)
	}
	request.Service = nil
	request.Data = []byte(edgetest.TPMFile + "\n[tpm]\ntcti = \"device:/dev/tpm7\"\n")
	request.Access = func(string) aziot.Access { return aziot.Access{Verdict: aziot.NoUser} }
	for _, test := range []struct {
		path                       string
		named, overrides, disagree bool
	}{
		{"f", false, false, true},
		{"f", true, false, true}, // a variable gives way to the file
		{"f", true, true, false},
		{"-", false, false, false}, // of another machine, perhaps
	} {
		request.Path, request.ChipNamed, request.ChipOverrides = test.path, test.named, test.overrides
		r, err := checkup.Run(t.Context(), request, "apply it")
		test.disagree = test.disagree && runtime.GOOS == "linux"
		if says := strings.Contains(r.Verdict, "this machine has no chip at device:/dev/tpm7, which f names"); says != test.disagree || (r.Ticks[0].Status == check.Fail) != test.disagree {
			t.Errorf("%+v: %+v", test, r)
		}
		if wrong := test.disagree || test.overrides; errors.Is(err, tpm.ErrNoDevice) != wrong {
			t.Errorf("%+v: %v", test, err)
		}
	}
}
