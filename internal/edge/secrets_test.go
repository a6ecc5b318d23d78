package edge_test

import (
	"slices"
	"testing"

	"tpmdps/internal/edge"
)

func TestSecretValues(t *testing.T) {
	const file = `hostname = "box-7-of-the-line"
tpm.auth_key_index = "0x00_01_00"
[provisioning]
connection_string = "HostName=h;SharedAccessKey=canary1"
[provisioning.attestation]
symmetric_key = { value = "canary2" }
[tpm.hierarchy_authorization]
owner = "canary3"
endorsement = ''
[agent.env]
RuntimeLogLevel = "information"
UPSTREAM_TOKEN = "canary4"
[agent.config.auth]
username = "somebody"
password = "canary5"
[agent.config.createOptions]
Env = [ "DB_PASSWORD=canary6", "MODE=production" ]
[aziot_keys]
pkcs11_base_slot = "pkcs11:token=k?pin-value=canary7&x=y"
[preloaded_keys]
a = "file:///etc/keys/a.pem"
b = "/etc/keys/b.pem"
c = "FILE:///etc/keys/c.pem"
d = "/9j4canary8"
`
	want := []string{"", "/9j4canary8", "HostName=h;SharedAccessKey=canary1", "canary2", "canary3", "canary4", "canary5", "canary6", "canary7"}
	got := edge.SecretValues([]byte(file))
	if slices.Sort(got); !slices.Equal(got, want) {
		t.Errorf("SecretValues() = %q, want %q", got, want)
	}
	got = edge.SecretValues([]byte("x = = \n" + file))
	for _, secret := range []string{want[2], "canary3", "canary4", "canary5"} {
		if !slices.Contains(got, secret) {
			t.Errorf("of a broken file, %q is not among %q", secret, got)
		}
	}
	if slices.Contains(got, "0x00_01_00") || slices.Contains(got, "information") || slices.Contains(got, "box-7-of-the-line") {
		t.Errorf("of a broken file: %q", got)
	}
}
