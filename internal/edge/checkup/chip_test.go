package checkup_test

import (
	"testing"

	"tpmdps/internal/aziot"
	"tpmdps/internal/edge/checkup"
	"tpmdps/internal/edge/lint"
)

func TestAccessFinding(t *testing.T) {
	a := aziot.Access{User: aziot.User, Node: "/dev/tpmrm0", Mode: "crw-rw----", Owner: "tss", Group: "tss", Reason: "it is tss's", Hint: "sudo tpmdps config --udev"}
	tests := []struct {
		verdict  aziot.Verdict
		hint     string
		severity lint.Severity // "" for none
		message  string
	}{
		{aziot.Denied, a.Hint, lint.Error, "aziottpm may not open /dev/tpmrm0 (crw-rw---- tss:tss): it is tss's"},
		{aziot.Allowed, a.Hint, lint.Warning, "aziottpm opens /dev/tpmrm0: it is tss's"},
		{aziot.Allowed, "", "", ""},
		{aziot.NoUser, a.Hint, "", ""},
		{aziot.NoNode, a.Hint, "", ""},
		{aziot.Other, "", "", ""},
		{aziot.Unknown, "", "", ""},
	}
	for _, test := range tests {
		a.Verdict, a.Hint = test.verdict, test.hint
		f, found := checkup.AccessFinding(a)
		if found != (test.severity != "") || found && (f.Severity != test.severity || f.Message != test.message || f.Fix != test.hint || f.Rule != "tpm-access") {
			t.Errorf("%s with hint %q: %+v, %v", test.verdict, test.hint, f, found)
		}
	}
}
