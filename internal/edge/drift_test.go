package edge_test

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"

	"tpmdps/internal/edge"
	"tpmdps/internal/identity"
)

func TestDrift(t *testing.T) {
	chip, other := bytes.Repeat([]byte{1}, 316), bytes.Repeat([]byte{2}, 316)
	base32, hex := identity.RegistrationIDs(chip).Base32, identity.RegistrationIDs(chip).Hex
	text := base64.StdEncoding.EncodeToString
	enrolled := func(key []byte, state *edge.RegistrationFacts) *edge.ServiceFacts {
		return &edge.ServiceFacts{Enrolled: true, Attestation: "tpm", EndorsementKey: text(key), State: state}
	}
	own := "tpmdps config --registration-id " + identity.RegistrationIDs(other).Base32
	assigned := &edge.RegistrationFacts{Status: "assigned", Hub: "h.azure-devices.net", DeviceID: "box-7"}
	here := &edge.DeviceInfo{Hub: "H.azure-devices.net", DeviceID: "box-7"}
	for _, test := range []struct {
		name   string
		facts  edge.Facts
		want   string // the four statuses
		detail string // in one of them
		hint   string // in the same one
	}{
		{"all agree", edge.Facts{Chip: chip, RegistrationID: base32, Service: enrolled(chip, assigned), Device: here}, "ok ok ok ok", "and so says IoT Edge here", ""},
		{"hex, in capitals", edge.Facts{Chip: chip, RegistrationID: strings.ToUpper(hex), Service: enrolled(chip, assigned), Device: here}, "ok ok ok ok", "(hex)", ""},
		{"a name", edge.Facts{Chip: chip, RegistrationID: "box-7", Service: enrolled(chip, assigned), NoDevice: "no IoT Edge"}, "ok ok ok ok", "no IoT Edge", ""},
		{"nothing but the file", edge.Facts{RegistrationID: "box-7", NoChip: "no TPM", NoService: "not asked"}, "skipped skipped skipped skipped", "not asked", "--dps"},
		{"no registration ID", edge.Facts{Chip: chip, NoService: "not asked"}, "ok skipped skipped skipped", "it has no registration ID", ""},
		{"chip and file", edge.Facts{Chip: chip, RegistrationID: base32, NoService: "not asked", Device: here}, "ok ok skipped skipped", "DPS was not asked", ""},
		{"chip and a name", edge.Facts{Chip: chip, RegistrationID: "box-7", NoService: "not asked"}, "ok skipped skipped skipped", "only the enrollment", "--dps"},
		{"file of another machine", edge.Facts{Chip: other, RegistrationID: base32, NoService: "not asked"}, "ok fail skipped skipped", "another machine", "tpmdps config --registration-id " + identity.RegistrationIDs(other).Base32},
		{"file of another machine, enrolled", edge.Facts{Chip: other, RegistrationID: base32, Service: enrolled(chip, assigned), NoDevice: "none"}, "ok fail fail ok", "another EK", own},
		{"hex of another machine, enrolled", edge.Facts{Chip: other, RegistrationID: hex, Service: enrolled(chip, assigned), NoDevice: "none"}, "ok fail fail ok", "another EK", own},
		{"file of another machine, not enrolled", edge.Facts{Chip: other, RegistrationID: base32, Service: &edge.ServiceFacts{}}, "ok fail fail skipped", "no enrollment", own},
		{"file of another machine, disabled", edge.Facts{Chip: other, RegistrationID: base32, Service: &edge.ServiceFacts{Enrolled: true, Disabled: true, Attestation: "tpm", EndorsementKey: text(chip), State: assigned}, NoDevice: "none"}, "ok fail fail ok", "is disabled", own},
		{"file of another machine, EK that is none", edge.Facts{Chip: other, RegistrationID: base32, Service: &edge.ServiceFacts{Enrolled: true, Attestation: "tpm", EndorsementKey: "?", State: assigned}, NoDevice: "none"}, "ok fail fail ok", "no base64", own},
		{"file of another machine, enrolled with this chip", edge.Facts{Chip: other, RegistrationID: base32, Service: enrolled(other, assigned), NoDevice: "none"}, "ok warn ok ok", "enrolled with this chip's", ""},
		{"a name with another EK", edge.Facts{Chip: chip, RegistrationID: "box-7", Service: enrolled(other, assigned), NoDevice: "none"}, "ok ok fail ok", "another EK", "which can then no longer provision: tpmdps enroll --replace-ek"},
		{"a name that is disabled", edge.Facts{Chip: chip, RegistrationID: "box-7", Service: &edge.ServiceFacts{Enrolled: true, Attestation: "tpm", Disabled: true, EndorsementKey: text(chip), State: assigned}, NoDevice: "none"}, "ok ok fail ok", "is disabled", "--update --registration-id box-7"},
		{"not enrolled", edge.Facts{Chip: chip, RegistrationID: base32, Service: &edge.ServiceFacts{}}, "ok ok fail skipped", "no enrollment", "tpmdps enroll --registration-id " + base32},
		{"disabled", edge.Facts{Chip: chip, RegistrationID: base32, Service: &edge.ServiceFacts{Enrolled: true, Attestation: "tpm", Disabled: true, EndorsementKey: text(chip), State: assigned}}, "ok ok fail ok", "is disabled", "--provisioning-status enabled --update"},
		{"by certificate", edge.Facts{Chip: chip, RegistrationID: base32, Service: &edge.ServiceFacts{Enrolled: true, Attestation: "x509", State: assigned}}, "ok ok fail ok", "with x509", "delete"},
		{"another EK", edge.Facts{Chip: chip, RegistrationID: base32, Service: enrolled(other, nil)}, "ok ok fail warn", "another EK", "--replace-ek"},
		{"EK that is none", edge.Facts{Chip: chip, RegistrationID: base32, Service: &edge.ServiceFacts{Enrolled: true, Attestation: "tpm", EndorsementKey: "?"}}, "ok ok fail warn", "no base64", "--replace-ek"},
		{"no chip, EK of the ID", edge.Facts{NoChip: "no TPM", RegistrationID: base32, Service: enrolled(chip, assigned), Device: here}, "skipped skipped ok ok", "is made of", ""},
		{"no chip, another EK", edge.Facts{NoChip: "no TPM", RegistrationID: base32, Service: enrolled(other, assigned), Device: here}, "skipped skipped fail ok", "another EK", "read-ek"},
		{"no chip, a name", edge.Facts{NoChip: "no TPM", RegistrationID: "box-7", Service: enrolled(other, assigned), Device: here}, "skipped skipped warn ok", "no chip to compare with", ""},
		{"never registered", edge.Facts{Chip: chip, RegistrationID: base32, Service: enrolled(chip, nil), NoDevice: "none"}, "ok ok ok warn", "never registered", "iotedge config apply"},
		{"never registered, device here", edge.Facts{Chip: chip, RegistrationID: base32, Service: enrolled(chip, nil), Device: here}, "ok ok ok fail", "box-7 on H.azure-devices.net", "reprovision"},
		{"state not told", edge.Facts{Chip: chip, RegistrationID: base32, Service: &edge.ServiceFacts{Enrolled: true, Attestation: "tpm", EndorsementKey: text(chip), NoState: "no right"}}, "ok ok ok skipped", "no right", ""},
		{"another hub", edge.Facts{Chip: chip, RegistrationID: base32, Service: enrolled(chip, assigned), Device: &edge.DeviceInfo{Hub: "old.azure-devices.net", DeviceID: "box-7"}}, "ok ok ok fail", "old.azure-devices.net", "reprovision"},
		{"failed", edge.Facts{Chip: chip, RegistrationID: base32, Service: enrolled(chip, &edge.RegistrationFacts{Status: "failed", Code: 400209, Message: "no"})}, "ok ok ok fail", "failed: no (400209)", "tpmdps explain 400209"},
		{"assigning", edge.Facts{Chip: chip, RegistrationID: base32, Service: enrolled(chip, &edge.RegistrationFacts{Status: "assigning"})}, "ok ok ok warn", "right now", "again"},
	} {
		t.Run(test.name, func(t *testing.T) {
			ticks := edge.Drift(test.facts)
			var statuses, names []string
			found := false
			for _, tick := range ticks {
				statuses, names = append(statuses, string(tick.Status)), append(names, tick.Name)
				found = found || strings.Contains(tick.Detail, test.detail) && strings.Contains(tick.Hint, test.hint)
				if strings.HasPrefix(test.name, "file of another") && strings.Contains(tick.Hint, "tpmdps enroll") {
					t.Errorf("a hint leads to the other machine's enrollment: %+v", tick)
				}
				if tick.Detail == "" || tick.Status == edge.Fail && tick.Hint == "" {
					t.Errorf("a tick that says too little: %+v", tick)
				}
			}
			if got := strings.Join(statuses, " "); got != test.want {
				t.Errorf("statuses = %s, want %s: %+v", got, test.want, ticks)
			}
			if got := strings.Join(names, " "); got != "chip file enrollment device" {
				t.Errorf("names = %s", got)
			}
			if !found {
				t.Errorf("no tick says %q with the hint %q: %+v", test.detail, test.hint, ticks)
			}
			if got := edge.Disagree(ticks); got != strings.Contains(test.want, "fail") {
				t.Errorf("Disagree() = %t", got)
			}
		})
	}
}

func TestParseDeviceInfo(t *testing.T) {
	const note = "hub_name = \"h.azure-devices.net\"\nlocal_gateway_hostname = \"h.azure-devices.net\"\ndevice_id = \"box-7\"\n"
	if d, err := edge.ParseDeviceInfo([]byte(note)); err != nil || d.Hub != "h.azure-devices.net" || d.DeviceID != "box-7" {
		t.Errorf("ParseDeviceInfo() = %+v, %v", d, err)
	}
	if _, err := edge.ParseDeviceInfo([]byte("unprovisioned")); err != edge.ErrUnprovisioned {
		t.Errorf("unprovisioned: %v", err)
	}
	for _, text := range []string{"", "hub_name = \"h\"", "x"} {
		if _, err := edge.ParseDeviceInfo([]byte(text)); err == nil || err == edge.ErrUnprovisioned {
			t.Errorf("ParseDeviceInfo(%q) = %v", text, err)
		}
	}
}
