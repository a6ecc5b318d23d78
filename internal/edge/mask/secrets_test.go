package mask_test

import (
	"slices"
	"testing"

	"tpmdps/internal/edge/mask"
)

// A password in the place of its name is a secret; a name that is misspelt is none.
func TestExchangedNames(t *testing.T) {
	for _, text := range []string{
		"[tpm.hierarchy_authorization]\nKx7q-0bl3CWW = 'owner'\n", "[tpm.hierarchy_authorization.\"Kx7q-0bl3CWW\"]\nx = 1\n",
		"tpm.hierarchy_authorization = { Kx7q-0bl3CWW = \"owner\" }\n", "tpm.hierarchy_authorization.Kx7q-0bl3CWW = 'endorsement'\n",
		"[provisioning.attestation.symmetric_key]\nKx7q-0bl3CWW = true\n",
	} {
		if got := mask.Secrets([]byte(text)); !slices.Contains(got, "Kx7q-0bl3CWW") {
			t.Errorf("SecretValues(%q) = %q", text, got)
		}
	}
	for _, text := range []string{"[tpm.hierarchy_authorization]\nendorsment = 'secret'\n", "[tpm]\nKx7q-0bl3CWW = true\n", "[tpm.hierarchy_authorization]\nowner = 'x'\n"} {
		if got := mask.Secrets([]byte(text)); slices.Contains(got, "Kx7q-0bl3CWW") || slices.Contains(got, "endorsment") {
			t.Errorf("SecretValues(%q) = %q", text, got)
		}
	}
}

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
	got := mask.Secrets([]byte(file))
	if slices.Sort(got); !slices.Equal(got, want) {
		t.Errorf("SecretValues() = %q, want %q", got, want)
	}
	got = mask.Secrets([]byte("x = = \n" + file))
	for _, secret := range []string{want[2], "canary3", "canary4", "canary5"} {
		if !slices.Contains(got, secret) {
			t.Errorf("of a broken file, %q is not among %q", secret, got)
		}
	}
	if slices.Contains(got, "0x00_01_00") || slices.Contains(got, "information") || slices.Contains(got, "box-7-of-the-line") {
		t.Errorf("of a broken file: %q", got)
	}
}
