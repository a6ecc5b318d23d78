package drift_test

import (
	"bytes"
	"encoding/base64"
	"slices"
	"strings"
	"testing"

	"tpmdps/internal/check"
	"tpmdps/internal/edge/drift"
	"tpmdps/internal/identity"
)

// scope is an ID scope as a file has it.
const scope = "0ab1234C5D6"

// What one DPS says of an enrollment is nothing about a file that has the device
// register at another one.
func TestDriftOfAnotherDPS(t *testing.T) {
	chip := bytes.Repeat([]byte{1}, 316)
	own := &drift.ServiceFacts{Enrolled: true, Attestation: "tpm", EndorsementKey: base64.StdEncoding.EncodeToString(chip)}
	const azure = ".azure-devices-provisioning.net"
	for _, test := range []struct {
		endpoint, dps string
		want          check.Status
	}{
		{"https://global" + azure + "/", "plant" + azure, check.OK},
		{"https://GLOBAL" + azure, "plant" + azure + ":443", check.OK},
		{"https://plant" + azure + "/", "plant" + azure, check.OK},
		{"https://plant" + azure + ":443/", "Plant" + azure, check.OK},
		{"https://localhost:8443/", "localhost:8443", check.OK},
		{"https://[::1]:8443", "[::1]:8443", check.OK},
		{"https://global.azure-devices-provisioning.us/", "plant.azure-devices-provisioning.us", check.OK},
		{"https://global.azure-devices-provisioning.cn/", "plant.azure-devices-provisioning.cn", check.OK},
		{"", "plant" + azure, check.OK}, // a finding of the file

		{"https://other" + azure + "/", "plant" + azure, check.Fail},
		{"https://localhost:8443/", "localhost:9443", check.Fail},
		{"https://localhost/", "localhost:9443", check.Fail},
		{"https://global.azure-devices-provisioning.us/", "plant" + azure, check.Fail},
		{"https://global" + azure, "plant.azure-devices-provisioning.cn", check.Fail},
		{"https://plant.azure-devices-provisioning.us", "plant" + azure, check.Fail},

		{"https://dps.plant.example/", "plant" + azure, check.Warn},
		{"https://10.0.0.7:8443/", "box:8443", check.Warn},
		{"https://global" + azure, "localhost:8443", check.Warn},
		{"https://plant" + azure, "localhost:8443", check.Warn},
	} {
		f := drift.Facts{Chip: chip, RegistrationID: identity.RegistrationIDs(chip).Base32, IDScope: scope, Endpoint: test.endpoint, DPS: test.dps, Service: own, File: "b.toml", NoDevice: "none"}
		ticks := drift.Compare(f)
		tick := ticks[2]
		if tick.Status != test.want || !strings.Contains(tick.Detail, test.dps) {
			t.Errorf("%q, %q: %+v", test.endpoint, test.dps, tick)
		}
		if mentioned := strings.Contains(tick.Detail, "another DPS"); mentioned != (test.want != check.OK) || mentioned && !strings.Contains(tick.Hint, "--config b.toml") {
			t.Errorf("%q, %q: %+v", test.endpoint, test.dps, tick)
		}
		if drift.Disagree(ticks) != (test.want == check.Fail) {
			t.Errorf("%q, %q: Disagree() = %t", test.endpoint, test.dps, drift.Disagree(ticks))
		}
		f.Service = nil
		if tick := drift.Compare(f)[2]; tick.Status != check.Skipped {
			t.Errorf("%q, %q, not answered: %+v", test.endpoint, test.dps, tick)
		}
		f.Service = &drift.ServiceFacts{}
		if tick := drift.Compare(f)[2]; tick.Status != check.Fail || !strings.Contains(tick.Detail, "DPS asked: "+test.dps) {
			t.Errorf("%q, %q, not enrolled: %+v", test.endpoint, test.dps, tick)
		}
	}
}

// No comparison of two things is ok where one of them is not known, and what was not
// compared has its name at the end.
func TestNothingComparedIsNotOK(t *testing.T) {
	chip, other := bytes.Repeat([]byte{1}, 316), bytes.Repeat([]byte{2}, 316)
	ids := identity.RegistrationIDs(chip)
	tried := 0
	for _, id := range []string{"", "box-7", ids.Base32, ids.Hex, ids.Base32[:40]} {
		for _, key := range [][]byte{nil, chip, other} {
			for _, s := range serviceAnswers(chip, other) {
				for _, device := range []*drift.DeviceInfo{nil, {Hub: "h", DeviceID: "d"}} {
					tried++
					f := drift.Facts{Chip: key, RegistrationID: id, IDScope: scope, File: "b.toml", Service: s, Device: device, NoDevice: "none", NoChip: "none", NoService: "none"}
					ticks := drift.Compare(f)
					names, add := f.NotCompared(ticks)
					for i, unknown := range []bool{
						key == nil,
						id == "" || key == nil || s == nil && id == "box-7" || s != nil && !s.Enrolled && id == "box-7",
						s == nil || !s.Enrolled || s.Attestation != "tpm" || key == nil && id == "box-7",
						s == nil || !s.Enrolled || device == nil,
					} {
						if unknown && ticks[i].Status == check.OK {
							t.Fatalf("%+v of %+v, %+v", ticks[i], f, s)
						}
						if (ticks[i].Status == check.Skipped) != slices.Contains(names, ticks[i].Name) {
							t.Fatalf("%+v, not compared: %v", ticks[i], names)
						}
					}
					if names[len(names)-1] != drift.ScopeName || add == "" {
						t.Fatalf("not compared: %v, %q", names, add)
					}
				}
			}
		}
	}
	if names, add := (drift.Facts{}).NotCompared(nil); len(names) > 0 || add != "" {
		t.Errorf("a file without an ID scope: %v, %q", names, add)
	}
	t.Logf("%d states", tried)
}
