package enroll

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestSettingsCanonical(t *testing.T) {
	s, err := Settings{AllocationPolicy: "GEOLATENCY", ReprovisionPolicy: "Never", ProvisioningStatus: "DISABLED",
		InitialTwinTags: json.RawMessage(" {\n \"a\" : 1.50 } \n"), InitialTwinProperties: json.RawMessage(" "), DeviceInformation: json.RawMessage{}}.canonical()
	if err != nil {
		t.Fatal(err)
	}
	if s.AllocationPolicy != "geoLatency" || s.ReprovisionPolicy != "never" || s.ProvisioningStatus != "disabled" ||
		string(s.InitialTwinTags) != `{"a":1.50}` || s.InitialTwinProperties != nil || s.DeviceInformation != nil {
		t.Errorf("canonical() = %+v", s)
	}
}

func TestSettingsValidate(t *testing.T) {
	for _, s := range []Settings{
		{},
		everything(),
		{DeviceID: "a-:.+%_#*?!(),=@;$'Z9"},
		{DeviceID: strings.Repeat("d", 128)},
		{AllocationPolicy: "static", IoTHubs: []string{"localhost"}},
		{AllocationPolicy: "static"},
		{AllocationPolicy: "hashed", IoTHubs: []string{"localhost:28883", "a-1.azure-devices.net", "127.0.0.1"}},
	} {
		if err := s.Validate(); err != nil {
			t.Errorf("Validate(%+v) = %v", s, err)
		}
	}
	for _, tt := range []struct {
		s    Settings
		want string
	}{
		{Settings{DeviceID: "a b"}, `device-id "a b"`},
		{Settings{DeviceID: "é"}, "device-id"},
		{Settings{DeviceID: "a\n"}, "device-id"},
		{Settings{DeviceID: strings.Repeat("d", 129)}, "device-id"},
		{Settings{AllocationPolicy: "random\x1b"}, `allocation-policy "random?": choose one of hashed, geoLatency, static, custom`},
		{Settings{ReprovisionPolicy: "always"}, "reprovision-policy"},
		{Settings{ProvisioningStatus: "on"}, "provisioning-status"},
		{Settings{AllocationPolicy: "static", IoTHubs: []string{"a.x.net", "b.x.net", "c.x.net"}}, "exactly one of iot-hubs, there are 3"},
		{Settings{AllocationPolicy: "Static", IoTHubs: []string{"a.x.net", "b.x.net"}}, "exactly one of iot-hubs, there are 2"},
		{Settings{IoTHubs: []string{"plant"}}, "whole host name"},
		{Settings{IoTHubs: []string{""}}, "whole host name"},
		{Settings{IoTHubs: []string{"https://plant.azure-devices.net"}}, "whole host name"},
		{Settings{IoTHubs: []string{"a.x.net,b.x.net"}}, "whole host name"},
		{Settings{IoTHubs: []string{"plant.azure-devices-provisioning.net"}}, "that is a DPS"},
		{Settings{AllocationPolicy: "custom"}, "needs webhook-url"},
		{Settings{WebhookURL: "https://h.example"}, "needs allocation-policy custom"},
		{Settings{AllocationPolicy: "custom", WebhookURL: "http://h.example?code=s3cr3t"}, "https URL"},
		{Settings{AllocationPolicy: "custom", WebhookURL: "https://u:s3cr3t@h.example"}, "https URL"},
		{Settings{AllocationPolicy: "custom", WebhookURL: "https://?code=s3cr3t"}, "https URL"},
		{Settings{AllocationPolicy: "custom", WebhookURL: ":%zz s3cr3t"}, "https URL"},
		{Settings{InitialTwinTags: json.RawMessage(`[1]`)}, "initial-twin-tags must be a JSON object"},
		{Settings{InitialTwinTags: json.RawMessage(`null`)}, "initial-twin-tags must be a JSON object"},
		{Settings{InitialTwinProperties: json.RawMessage(`{"a":1} {}`)}, "initial-twin-properties is not JSON"},
		{Settings{DeviceInformation: json.RawMessage(`{a:1}`)}, "device-information is not JSON"},
		{Settings{DeviceInformation: json.RawMessage(`"x"`)}, "device-information must be a JSON object"},
		{Settings{DeviceInformation: json.RawMessage(`{"a":1,"a":2}`)}, "device-information: line 1: a appears twice"},
		{Settings{InitialTwinTags: json.RawMessage("{\"b\":{\n\"a\":1,\"a\":1}}")}, "initial-twin-tags: line 2: b.a appears twice"},
		{Settings{InitialTwinTags: json.RawMessage(`{"a":"\ud800"}`)}, "initial-twin-tags: line 1: a string has half a character"},
		{Settings{InitialTwinTags: json.RawMessage(`{"a":` + strings.Repeat("[", 70) + strings.Repeat("]", 70) + `}`)}, "initial-twin-tags: line 1: it is nested too deep"},
		{Settings{DeviceID: "a b", ProvisioningStatus: "on"}, `; device-id "a b"`},
	} {
		err := tt.s.Validate()
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("Validate(%+v) = %v, want %q", tt.s, err, tt.want)
			continue
		}
		if strings.ContainsAny(err.Error(), "\n\x1b") || strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("error is not fit to be shown: %q", err)
		}
	}
}
