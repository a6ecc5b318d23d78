package drift_test

import (
	"bytes"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tpmdps/internal/check"
	"tpmdps/internal/edge/drift"
	"tpmdps/internal/identity"
)

func TestDrift(t *testing.T) {
	chip, other := bytes.Repeat([]byte{1}, 316), bytes.Repeat([]byte{2}, 316)
	base32, hex := identity.RegistrationIDs(chip).Base32, identity.RegistrationIDs(chip).Hex
	text := base64.StdEncoding.EncodeToString
	enrolled := func(key []byte, state *drift.RegistrationFacts) *drift.ServiceFacts {
		return &drift.ServiceFacts{Enrolled: true, Attestation: "tpm", EndorsementKey: text(key), State: state}
	}
	with := func(s *drift.ServiceFacts, change func(*drift.ServiceFacts)) *drift.ServiceFacts { change(s); return s }
	others := func(s *drift.ServiceFacts, id string) *drift.ServiceFacts {
		return with(s, func(s *drift.ServiceFacts) { s.Others = []drift.OtherEnrollment{{RegistrationID: id}} })
	}
	own := "tpmdps config --registration-id " + identity.RegistrationIDs(other).Base32
	assigned := &drift.RegistrationFacts{Status: "assigned", Hub: "h.azure-devices.net", DeviceID: "box-7"}
	here := &drift.DeviceInfo{Hub: "H.azure-devices.net", DeviceID: "box-7"}
	for _, test := range []struct {
		name   string
		facts  drift.Facts
		want   string // the four statuses
		detail string // in one of them
		hint   string // in the same one
	}{
		{"all agree", drift.Facts{Chip: chip, RegistrationID: base32, Service: enrolled(chip, assigned), Device: here}, "ok ok ok ok", "and IoT Edge here has the same", ""},
		{"hex, in capitals", drift.Facts{Chip: chip, RegistrationID: strings.ToUpper(hex), Service: enrolled(chip, assigned), Device: here}, "ok ok ok ok", "(hex)", ""},
		{"a name", drift.Facts{Chip: chip, RegistrationID: "box-7", Service: enrolled(chip, assigned), NoDevice: "no IoT Edge"}, "ok ok ok skipped", "no IoT Edge", ""},
		{"nothing but the file", drift.Facts{RegistrationID: "box-7", NoChip: "no TPM", NoService: "not asked"}, "skipped skipped skipped skipped", "not asked", "--dps"},
		{"no registration ID", drift.Facts{Chip: chip, NoService: "not asked"}, "ok skipped skipped skipped", "it has no registration ID", ""},
		{"chip and file", drift.Facts{Chip: chip, RegistrationID: base32, NoService: "not asked", Device: here}, "ok ok skipped skipped", "DPS was not asked", ""},
		{"chip and a name", drift.Facts{Chip: chip, RegistrationID: "box-7", NoService: "not asked"}, "ok skipped skipped skipped", "only the enrollment", "--dps"},
		{"file of another machine", drift.Facts{Chip: other, RegistrationID: base32, NoService: "not asked"}, "ok fail skipped skipped", "another machine", "tpmdps config --registration-id " + identity.RegistrationIDs(other).Base32},
		{"file of another machine, enrolled", drift.Facts{Chip: other, RegistrationID: base32, Service: enrolled(chip, assigned), NoDevice: "none"}, "ok fail fail skipped", "another EK", own},
		{"hex of another machine, enrolled", drift.Facts{Chip: other, RegistrationID: hex, Service: enrolled(chip, assigned), NoDevice: "none"}, "ok fail fail skipped", "another EK", own},
		{"file of another machine, not enrolled", drift.Facts{Chip: other, RegistrationID: base32, Service: &drift.ServiceFacts{}}, "ok fail fail skipped", "no enrollment", own},
		{"file of another machine, disabled", drift.Facts{Chip: other, RegistrationID: base32, Service: &drift.ServiceFacts{Enrolled: true, Disabled: true, Attestation: "tpm", EndorsementKey: text(chip), State: assigned}, NoDevice: "none"}, "ok fail fail skipped", "is disabled", own},
		{"file of another machine, EK that is none", drift.Facts{Chip: other, RegistrationID: base32, Service: &drift.ServiceFacts{Enrolled: true, Attestation: "tpm", EndorsementKey: "?", State: assigned}, NoDevice: "none"}, "ok fail fail skipped", "not base64", own},
		{"file of another machine, enrolled with this chip", drift.Facts{Chip: other, RegistrationID: base32, Service: enrolled(other, assigned), NoDevice: "none"}, "ok warn ok skipped", "enrolled with this chip's", ""},
		{"a name with another EK", drift.Facts{Chip: chip, RegistrationID: "box-7", Service: enrolled(other, assigned), NoDevice: "none"}, "ok ok fail skipped", "another EK", "which can then no longer provision: tpmdps enroll --replace-ek"},
		{"a name that is disabled", drift.Facts{Chip: chip, RegistrationID: "box-7", Service: &drift.ServiceFacts{Enrolled: true, Attestation: "tpm", Disabled: true, EndorsementKey: text(chip), State: assigned}, NoDevice: "none"}, "ok ok fail skipped", "is disabled", "--update --registration-id box-7"},
		{"not enrolled", drift.Facts{Chip: chip, RegistrationID: base32, Service: &drift.ServiceFacts{}}, "ok ok fail skipped", "no enrollment", "tpmdps enroll --registration-id " + base32},
		{"disabled", drift.Facts{Chip: chip, RegistrationID: base32, Service: &drift.ServiceFacts{Enrolled: true, Attestation: "tpm", Disabled: true, EndorsementKey: text(chip), State: assigned}}, "ok ok fail skipped", "is disabled", "--provisioning-status enabled --update"},
		{"by certificate", drift.Facts{Chip: chip, RegistrationID: base32, Service: &drift.ServiceFacts{Enrolled: true, Attestation: "x509", State: assigned}}, "ok ok fail skipped", "with x509", "delete"},
		{"another EK", drift.Facts{Chip: chip, RegistrationID: base32, Service: enrolled(other, nil)}, "ok ok fail warn", "another EK", "--replace-ek"},
		{"EK that is none", drift.Facts{Chip: chip, RegistrationID: base32, Service: &drift.ServiceFacts{Enrolled: true, Attestation: "tpm", EndorsementKey: "?"}}, "ok ok fail warn", "not base64", "--replace-ek"},
		{"no chip, EK of the ID", drift.Facts{NoChip: "no TPM", RegistrationID: base32, Service: enrolled(chip, assigned), Device: here}, "skipped skipped ok ok", "is made of", ""},
		{"no chip, another EK", drift.Facts{NoChip: "no TPM", RegistrationID: base32, Service: enrolled(other, assigned), Device: here}, "skipped skipped fail ok", "another EK", "read-ek"},
		{"no chip, a name", drift.Facts{NoChip: "no TPM", RegistrationID: "box-7", Service: enrolled(other, assigned), Device: here}, "skipped skipped warn ok", "no chip to compare with", ""},
		{"never registered", drift.Facts{Chip: chip, RegistrationID: base32, Service: enrolled(chip, nil), NoDevice: "none"}, "ok ok ok warn", "never registered", "iotedge config apply"},
		{"never registered, device here", drift.Facts{Chip: chip, RegistrationID: base32, Service: enrolled(chip, nil), Device: here}, "ok ok ok fail", "box-7 on H.azure-devices.net", "reprovision"},
		{"state not told", drift.Facts{Chip: chip, RegistrationID: base32, Service: &drift.ServiceFacts{Enrolled: true, Attestation: "tpm", EndorsementKey: text(chip), NoState: "no right"}}, "ok ok ok skipped", "no right", ""},
		{"another hub", drift.Facts{Chip: chip, RegistrationID: base32, Service: enrolled(chip, assigned), Device: &drift.DeviceInfo{Hub: "old.azure-devices.net", DeviceID: "box-7"}}, "ok ok ok fail", "old.azure-devices.net", "reprovision"},
		{"failed", drift.Facts{Chip: chip, RegistrationID: base32, Service: enrolled(chip, &drift.RegistrationFacts{Status: "failed", Code: 400209, Message: "no"})}, "ok ok ok fail", "failed: no (400209)", "tpmdps explain 400209"},
		{"disabled, and found so", drift.Facts{Chip: chip, RegistrationID: base32, Service: with(enrolled(chip, &drift.RegistrationFacts{Status: "disabled"}), func(s *drift.ServiceFacts) { s.Disabled = true })}, "ok ok fail fail", "DPS refused the last registration: the enrollment is disabled", "tpmdps enroll --provisioning-status enabled --update"},
		{"disabled then, enabled now", drift.Facts{Chip: chip, RegistrationID: base32, Service: enrolled(chip, &drift.RegistrationFacts{Status: "disabled"})}, "ok ok ok warn", "it is enabled now", "reprovision"},
		{"failed, and no reason", drift.Facts{Chip: chip, RegistrationID: base32, File: "my box.toml", Service: enrolled(chip, &drift.RegistrationFacts{Status: "failed"})}, "ok ok ok fail", "the last registration is failed", "tpmdps verify --until assigned --even-if-provisioned --config 'my box.toml'"},
		{"assigned to no hub", drift.Facts{Chip: chip, RegistrationID: base32, Service: enrolled(chip, &drift.RegistrationFacts{Status: "assigned"})}, "ok ok ok warn", "to no hub", "portal"},
		{"not reached", drift.Facts{Chip: chip, RegistrationID: base32, NoService: "DPS was not reached", NoServiceHint: "check the cable"}, "ok ok skipped skipped", "DPS was not reached", "check the cable"},
		{"not reached, a name", drift.Facts{Chip: chip, RegistrationID: "box-7", NoService: "DPS was not reached", NoServiceHint: "check the cable"}, "ok skipped skipped skipped", "only the enrollment", "check the cable"},
		{"enrolled in the other form", drift.Facts{Chip: chip, RegistrationID: base32, File: "b.toml", Service: others(&drift.ServiceFacts{}, hex)}, "ok ok fail skipped", "this chip's EK is enrolled as " + hex, "tpmdps config --registration-id " + hex + " --config b.toml; enrolling " + base32 + " would give the same key a second enrollment"},
		{"enrolled in the other form, disabled", drift.Facts{Chip: chip, RegistrationID: hex, Service: with(others(&drift.ServiceFacts{}, base32), func(s *drift.ServiceFacts) { s.Others[0].Disabled = true })}, "ok ok fail skipped", base32 + " (disabled)", "--registration-id " + base32},
		{"enrolled in both forms", drift.Facts{Chip: chip, RegistrationID: base32, Service: others(enrolled(chip, assigned), hex), NoDevice: "none"}, "ok ok warn skipped", "is enrolled as " + hex + ", too", "delete"},
		{"no chip, the other form", drift.Facts{NoChip: "no TPM", RegistrationID: base32, Service: others(&drift.ServiceFacts{}, hex)}, "skipped skipped fail skipped", "the key that the ID is made of is enrolled as " + hex, "--registration-id " + hex},
		{"no chip, both forms", drift.Facts{NoChip: "no TPM", RegistrationID: base32, Service: others(enrolled(chip, assigned), hex), NoDevice: "none"}, "skipped skipped warn skipped", "is enrolled as " + hex + ", too", "delete"},
		{"a name, enrolled under another", drift.Facts{Chip: chip, RegistrationID: "box-7", Service: others(enrolled(other, nil), "box-8")}, "ok ok fail warn", "it has another EK", "--registration-id box-8: the same key is enrolled as box-8"},
		{"not enrolled, many others", drift.Facts{Chip: chip, RegistrationID: base32, Service: &drift.ServiceFacts{LookedAt: "the first 1000 enrollments were looked through"}}, "ok ok fail skipped", "the first 1000", "tpmdps enroll"},
		{"file of another machine, this one enrolled", drift.Facts{Chip: other, RegistrationID: base32, Service: others(enrolled(chip, assigned), "box-8"), NoDevice: "none"}, "ok fail fail skipped", "another chip's key", "--registration-id box-8"},
		{"a slip", drift.Facts{Chip: chip, RegistrationID: "0" + base32[1:], NoService: "not asked"}, "ok fail skipped skipped", "almost this chip's own ID, " + base32 + ": 1 character is wrong", "tpmdps config --registration-id " + base32},
		{"a slip, not enrolled", drift.Facts{Chip: chip, RegistrationID: base32[:50], Service: &drift.ServiceFacts{}}, "ok fail fail skipped", "no enrollment", "tpmdps config --registration-id " + base32},
		{"a slip that is enrolled", drift.Facts{Chip: chip, RegistrationID: base32[:50], Service: enrolled(chip, assigned), NoDevice: "none"}, "ok warn ok skipped", "almost this chip's own ID", ""},
		{"a slip that is enrolled and disabled", drift.Facts{Chip: chip, RegistrationID: base32[:50], Service: with(enrolled(chip, assigned), func(s *drift.ServiceFacts) { s.Disabled = true }), NoDevice: "none"}, "ok warn fail skipped", "is disabled", "--update --registration-id " + base32[:50]},
		{"assigning", drift.Facts{Chip: chip, RegistrationID: base32, Service: enrolled(chip, &drift.RegistrationFacts{Status: "assigning"})}, "ok ok ok warn", "right now", "again"},
	} {
		t.Run(test.name, func(t *testing.T) {
			ticks := drift.Compare(test.facts)
			var statuses, names []string
			found := false
			for _, tick := range ticks {
				statuses, names = append(statuses, string(tick.Status)), append(names, tick.Name)
				found = found || strings.Contains(tick.Detail, test.detail) && strings.Contains(tick.Hint, test.hint)
				if strings.HasPrefix(test.name, "file of another") && strings.Contains(tick.Hint, "tpmdps enroll") {
					t.Errorf("a hint leads to the other machine's enrollment: %+v", tick)
				}
				if tick.Detail == "" || tick.Status == check.Fail && tick.Hint == "" {
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
			if got := drift.Disagree(ticks); got != strings.Contains(test.want, "fail") {
				t.Errorf("Disagree() = %t", got)
			}
		})
	}
}

func TestParseDeviceInfo(t *testing.T) {
	const note = "hub_name = \"h.azure-devices.net\"\nlocal_gateway_hostname = \"h.azure-devices.net\"\ndevice_id = \"box-7\"\n"
	if d, err := drift.ParseDeviceInfo([]byte(note)); err != nil || d.Hub != "h.azure-devices.net" || d.DeviceID != "box-7" {
		t.Errorf("ParseDeviceInfo() = %+v, %v", d, err)
	}
	if _, err := drift.ParseDeviceInfo([]byte("unprovisioned")); err != drift.ErrUnprovisioned {
		t.Errorf("unprovisioned: %v", err)
	}
	for _, text := range []string{"", "hub_name = \"h\"", "x"} {
		if _, err := drift.ParseDeviceInfo([]byte(text)); err == nil || err == drift.ErrUnprovisioned {
			t.Errorf("ParseDeviceInfo(%q) = %v", text, err)
		}
	}
}

// Whatever DPS says, and whatever it leaves out, no tick shows a zero or a gap for
// what is not there, none that fails is without a way on, and the hints name the
// file.
func TestDriftSaysWhatThereIs(t *testing.T) {
	chip, other := bytes.Repeat([]byte{1}, 316), bytes.Repeat([]byte{2}, 316)
	ids := identity.RegistrationIDs(chip)
	tried := 0
	for _, id := range []string{"", "box-7", ids.Base32, ids.Hex, ids.Base32[:40], "x" + ids.Hex[1:], identity.RegistrationIDs(other).Hex} {
		for _, key := range [][]byte{nil, chip, other} {
			for _, s := range serviceAnswers(chip, other) {
				if id == "" && s != nil {
					continue // nobody asks for an ID that is not there
				}
				for _, device := range []*drift.DeviceInfo{nil, {Hub: "h", DeviceID: "d"}} {
					tried++
					f := drift.Facts{Chip: key, NoChip: "no TPM", RegistrationID: id, File: "my box.toml", Service: s, NoService: "not asked", Device: device, NoDevice: "none"}
					for _, tick := range drift.Compare(f) {
						for _, bad := range []string{"(0)", ": (", "  ", "explain 0", "()", `""`} {
							if strings.Contains(tick.Detail+"|"+tick.Hint, bad) {
								t.Fatalf("%q in %+v of %+v, %+v", bad, tick, f, s)
							}
						}
						if tick.Detail == "" || tick.Status == check.Fail && tick.Hint == "" || strings.HasSuffix(tick.Detail, ":") {
							t.Fatalf("too little: %+v of %+v, %+v", tick, f, s)
						}
						if strings.Contains(tick.Hint, "tpmdps config") && !strings.Contains(tick.Hint, "--config 'my box.toml'") {
							t.Fatalf("another file: %+v", tick)
						}
					}
				}
			}
		}
	}
	t.Logf("%d states", tried)
}

// serviceAnswers are what DPS can say of an enrollment.
func serviceAnswers(chip, other []byte) []*drift.ServiceFacts {
	all := []*drift.ServiceFacts{nil, {}, {LookedAt: "they could not be listed"}}
	for _, status := range []string{"", "assigned", "assigning", "unassigned", "failed", "disabled", "frobnicated"} {
		for _, code := range []int{0, 400209} {
			for _, message := range []string{" ", "no\nhub"} {
				for _, ek := range [][]byte{nil, chip, other} {
					for _, disabled := range []bool{false, true} {
						for _, others := range [][]drift.OtherEnrollment{nil, {{RegistrationID: "box-8", Disabled: true}}} {
							all = append(all, &drift.ServiceFacts{
								Enrolled: true, Attestation: "tpm", EndorsementKey: base64.StdEncoding.EncodeToString(ek), Disabled: disabled, Others: others,
								State: &drift.RegistrationFacts{Status: status, Code: code, Message: message, DeviceID: "d"},
							})
						}
					}
				}
			}
		}
	}
	return all
}

func TestReadDevice(t *testing.T) {
	note := filepath.Join(t.TempDir(), "device_info")
	paths := []string{note + ".none", note}

	if d, why := drift.ReadDevice(paths, os.ReadFile); d != nil || !strings.Contains(why, "not installed") {
		t.Errorf("no note: %v, %q", d, why)
	}
	for text, want := range map[string]string{
		"hub_name = \"h\"\nlocal_gateway_hostname = \"h\"\ndevice_id = \"d\"\n": "",
		"unprovisioned": "no device yet",
		"hub_name = 1":  "damaged",
	} {
		if err := os.WriteFile(note, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		d, why := drift.ReadDevice(paths, os.ReadFile)
		if (d != nil) != (want == "") || !strings.Contains(why, want) {
			t.Errorf("%q: %v, %q", text, d, why)
		}
		if d != nil && d.String() != "d on h" {
			t.Errorf("%q: %v", text, d)
		}
	}
}
