package dps

import (
	"errors"
	"strings"
	"testing"
)

func TestServiceEndpoint(t *testing.T) {
	for text, want := range map[string]string{
		"plant":                                "https://plant.azure-devices-provisioning.net",
		"Plant-7 ":                             "https://plant-7.azure-devices-provisioning.net",
		"plant.azure-devices-provisioning.net": "https://plant.azure-devices-provisioning.net",
		"plant.azure-devices-provisioning.us:443":       "https://plant.azure-devices-provisioning.us:443",
		"https://Plant.azure-devices-provisioning.net/": "https://plant.azure-devices-provisioning.net",
		"localhost":             "https://localhost",
		"localhost:8443":        "https://localhost:8443",
		"127.0.0.1:8443":        "https://127.0.0.1:8443",
		"https://[::1]:8443":    "https://[::1]:8443",
		"[fe80::1]":             "https://[fe80::1]",
		"https://dps.example:1": "https://dps.example:1",
	} {
		if got, err := ServiceEndpoint(text); err != nil || got != want {
			t.Errorf("ServiceEndpoint(%q) = %q, %v, want %q", text, got, err, want)
		}
	}
}

func TestServiceEndpointRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                                      "it is empty",
		"http://plant.example":                  "use https",
		"ftp://plant.example":                   "use https",
		"https://plant.example/enrollments":     "must not have a path",
		"https://plant.example?x=1":             "it may only have a scheme, a host and a port",
		"https://user:pw@plant.example":         "it may only have a scheme, a host and a port",
		"https://plant.example#x":               "it may only have a scheme, a host and a port",
		"https://":                              "no valid host name",
		"https://:8443":                         "no valid host name",
		"plant_7":                               "no valid host name",
		"pl ant":                                "neither a name, a host nor a URL",
		"plant.example:0":                       "port is not a number from 1",
		"plant.example:":                        "port is not a number from 1",
		"plant.example:99999":                   "port is not a number from 1",
		"plant.example:https":                   "neither a name, a host nor a URL",
		"plant.azure-devices.net":               "that is an IoT Hub",
		"https://plant.azure-devices.us":        "that is an IoT Hub",
		"plant.azure-devices-provisioning":      "the end of the host name is missing",
		"global.azure-devices-provisioning.net": "the endpoint of the devices",
		connectionString:                        "that is a credential",
		testToken:                               "that is a credential",
	} {
		got, err := ServiceEndpoint(text)
		if !errors.Is(err, ErrEndpoint) || !strings.Contains(err.Error(), want) {
			t.Errorf("ServiceEndpoint(%q) = %q, %v, want %q", text, got, err, want)
		}
		if err != nil && (strings.Contains(err.Error(), secretKey) || strings.Contains(err.Error(), "sig=")) {
			t.Errorf("the error repeats a secret: %v", err)
		}
	}
}

func TestDeviceEndpoint(t *testing.T) {
	for text, want := range map[string]string{
		"":  DefaultDeviceEndpoint,
		" ": DefaultDeviceEndpoint,
		"https://global.azure-devices-provisioning.net/": DefaultDeviceEndpoint,
		"global.azure-devices-provisioning.cn":           "https://global.azure-devices-provisioning.cn",
		"https://localhost:8443":                         "https://localhost:8443",
	} {
		if got, err := DeviceEndpoint(text); err != nil || got != want {
			t.Errorf("DeviceEndpoint(%q) = %q, %v, want %q", text, got, err, want)
		}
	}
	if _, err := DeviceEndpoint("plant.azure-devices.net"); !errors.Is(err, ErrEndpoint) {
		t.Errorf("an IoT Hub: %v, want ErrEndpoint", err)
	}
}
