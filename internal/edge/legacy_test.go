package edge_test

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"tpmdps/internal/edge"
)

// oldConfig is what IoT Edge 1.1 reads, reduced to DPS with a TPM. Unlike 1.1,
// the test refuses a key that is not here.
type oldConfig struct {
	Provisioning struct {
		Source         string `yaml:"source"`
		GlobalEndpoint string `yaml:"global_endpoint"`
		ScopeID        string `yaml:"scope_id"`
		Attestation    struct {
			Method         string `yaml:"method"`
			RegistrationID string `yaml:"registration_id"`
		} `yaml:"attestation"`
		AlwaysReprovisionOnStartup bool `yaml:"always_reprovision_on_startup"`
		DynamicReprovisioning      bool `yaml:"dynamic_reprovisioning"`
	} `yaml:"provisioning"`
	Agent struct {
		Name   string            `yaml:"name"`
		Type   string            `yaml:"type"`
		Env    map[string]string `yaml:"env"`
		Config struct {
			Image string            `yaml:"image"`
			Auth  map[string]string `yaml:"auth"`
		} `yaml:"config"`
	} `yaml:"agent"`
	Hostname string `yaml:"hostname"`
	Connect  uris   `yaml:"connect"`
	Listen   uris   `yaml:"listen"`
	Homedir  string `yaml:"homedir"`
	Moby     struct {
		URI string `yaml:"uri"`
	} `yaml:"moby_runtime"`
}

type uris struct {
	Management string `yaml:"management_uri"`
	Workload   string `yaml:"workload_uri"`
}

func parseOld(t *testing.T, file []byte) oldConfig {
	t.Helper()
	var c oldConfig
	d := yaml.NewDecoder(bytes.NewReader(file))
	d.KnownFields(true)
	if err := d.Decode(&c); err != nil {
		t.Fatalf("IoT Edge 1.1 cannot read this: %v\n%s", err, file)
	}
	return c
}

func TestRenderLegacyMatchesIoTEdge(t *testing.T) {
	got, err := edge.RenderLegacy(edge.Config{IDScope: scope, RegistrationID: regID, Hostname: "my-device"})
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/legacy.yaml", got)
	g, want := parseOld(t, got), parseOld(t, readFile(t, "testdata/iotedge-1.1-dps-tpm.yaml"))
	if !reflect.DeepEqual(g.Provisioning, want.Provisioning) || g.Hostname != want.Hostname {
		t.Errorf("RenderLegacy() reads as %+v, want %+v", g, want)
	}
	if g.Agent.Name != "edgeAgent" || g.Connect.Workload == "" || g.Listen.Management == "" || g.Moby.URI == "" || g.Homedir == "" {
		t.Errorf("RenderLegacy() leaves out what 1.1 has no default for: %+v", g)
	}
}

func TestRenderLegacyModes(t *testing.T) {
	for mode, want := range map[string][2]bool{"Dynamic": {false, true}, "AlwaysOnStartup": {true, false}, "OnErrorOnly": {false, false}} {
		got, err := edge.RenderLegacy(edge.Config{IDScope: scope, RegistrationID: "box:7", Hostname: "my-device", AutoReprovisioningMode: mode})
		if err != nil {
			t.Fatal(err)
		}
		c := parseOld(t, got)
		if p := c.Provisioning; [2]bool{p.AlwaysReprovisionOnStartup, p.DynamicReprovisioning} != want || p.Attestation.RegistrationID != "box:7" {
			t.Errorf("%s: RenderLegacy() reads as %+v, want %v", mode, p, want)
		}
	}
}

func TestRenderLegacyRefuses(t *testing.T) {
	for want, c := range map[string]edge.Config{
		"hostname":        {IDScope: scope, RegistrationID: regID},
		"payload":         {IDScope: scope, RegistrationID: regID, Hostname: "h", PayloadURI: "file:///p.json"},
		"tcti":            {IDScope: scope, RegistrationID: regID, Hostname: "h", TCTI: "device"},
		"auth_key_index":  {IDScope: scope, RegistrationID: regID, Hostname: "h", AuthKeyIndex: index(0x101)},
		"authorization":   {IDScope: scope, RegistrationID: regID, Hostname: "h", OwnerAuth: "hush"},
		"registration_id": {IDScope: scope, RegistrationID: "a\nb", Hostname: "h"},
	} {
		if _, err := edge.RenderLegacy(c); !errors.Is(err, edge.ErrInvalid) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hush") {
			t.Errorf("RenderLegacy() = %v, want ErrInvalid with %q", err, want)
		}
	}
}
